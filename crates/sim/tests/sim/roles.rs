//! A role that a machine gives itself and its system does not declare is not clean: a fault that is aimed at
//! the role that was meant would hit nobody.

use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Protocol, Switches};
use sim::{Cluster, OneServer, Promise, PromiseSpec, Scenario, System, register};

#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = ();
    type Timer = ();
    type Op = ();
    type Note = ();
}

/// What it calls itself.
#[derive(Clone)]
struct Named(&'static str);

impl Machine for Named {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, _: Input<Words>, _: &mut Outputs<Words>) {}

    fn inspect(&self) -> Inspection {
        Inspection { role: self.0, state: String::new() }
    }
}

struct Anything;

impl Promise<Named> for Anything {}

struct Misspelt;

impl System for Misspelt {
    type Node = Named;
    type Shape = OneServer;
    type Operation = ();
    const NAME: &'static str = "misspelt";
    const ABOUT: &'static str = "A client calls itself what nobody declared.";
    const ROLES: &'static [&'static str] = &["holder", "waiting"];
    const PROMISES: &'static [PromiseSpec<Named, OneServer>] =
        &[PromiseSpec::new("anything", "anything goes", |_| Box::new(Anything))];

    fn scenarios() -> Vec<Scenario<Self>> {
        vec![
            Scenario::new("right", "only the server", &["anything"], |draft| {
                draft.cluster(OneServer { clients: 0 }, 1);
                draft.phases(Duration::from_secs(1), Duration::ZERO);
            }),
            Scenario::new("wrong", "a client too", &["anything"], |draft| {
                draft.cluster(OneServer { clients: 1 }, 1);
                draft.phases(Duration::from_secs(1), Duration::ZERO);
            }),
        ]
    }

    fn boot(_: &Cluster<OneServer>, node: NodeId, _: Switches) -> Named {
        Named(if node == NodeId(0) { "waiting" } else { "hodler" })
    }

    fn perform((): &()) {}
}

#[test]
fn a_role_that_nobody_declared_is_not_clean() {
    let system = register::<Misspelt>();
    assert!(system.run("right", 0, &[]).unwrap().report.is_clean());
    let report = system.run("wrong", 0, &[]).unwrap().report;
    let [why] = &report.unknown[..] else { panic!("{report:?}") };
    assert_eq!(why, "n1 calls itself \"hodler\", which is not among the roles that are declared");
}
