use machine::{Input, Inspection, MechanismInfo, Now, Outputs, Switches};
use sim::{Cluster, PromiseSpec, Scenario, Shape as _, System};

use super::super::ledger::tests::{at, entry, in_sync, is_so};
use super::*;
use crate::shape::{Draft, Node, Shape};
use replicated_log::broker::{Broker, BrokerConfig};
use replicated_log::message::Message;
use replicated_log::note::Operation;
use replicated_log::tuning::Tuning;

fn judged(notes: &[Note], lives: impl Fn(NodeId) -> bool) -> Result<(), Breach> {
    let mut promise = InSyncAfterHeal::default();
    notes.iter().zip(1..).for_each(|(note, ms)| promise.look(&entry(ms, 3, note.clone())));
    promise.judge(lives)
}

/// Led by the first broker.
fn led(isr: &[u32], adding: &[u32]) -> Note {
    let nodes = |numbers: &[u32]| numbers.iter().copied().map(NodeId).collect::<Vec<_>>();
    is_so(Partition {
        replicas: nodes(&[0, 1, 2]),
        isr: nodes(isr),
        adding: nodes(adding),
        leader: Some(NodeId(0)),
        ..Partition::default()
    })
}

#[test]
fn a_replica_that_lives_is_in_sync_in_the_end() {
    assert_eq!(judged(&[led(&[0, 1], &[]), led(&[1, 2, 0], &[])], |_| true), Ok(()));
    let breach = judged(&[led(&[0, 1, 2], &[]), led(&[0, 1], &[])], |_| true).unwrap_err();
    assert!(breach.contains("n2 is not in sync"), "{breach}");
    assert_eq!(breach.evidence[0], Evidence::Moment { at: at(2), node: NodeId(3) });
    assert_eq!(judged(&[led(&[0, 1], &[])], |node| node != NodeId(2)), Ok(()), "it is down");
    assert_eq!(judged(&[led(&[0, 1], &[2])], |_| true), Ok(()), "it is being added");
}

/// A controller that has slept said late how the partition had been, when all were in sync again.
#[test]
fn what_has_been_overtaken_is_not_so() {
    let version = |version, isr: &[u32]| match led(isr, &[]) {
        Note::Partition { partition, is } => {
            Note::Partition { partition, is: Box::new(Partition { version, ..*is }) }
        }
        _ => unreachable!("it is about a partition"),
    };
    let late = [version(2, &[0, 1, 2]), version(1, &[0, 1])];
    assert_eq!(judged(&late, |_| true), Ok(()));
    assert!(judged(&[version(2, &[0, 1, 2]), version(3, &[0, 1])], |_| true).is_err());
}

#[test]
fn somebody_leads_in_the_end() {
    let breach = judged(&[in_sync(&[0, 1, 2])], |_| true).unwrap_err();
    assert!(breach.contains("nobody leads"), "{breach}");
}

/// A node that, where it does not remember, loses the first fetch that a follower asks of it: nobody hears of that, no
/// link is reset, and the follower waits for its answer. A real cluster did so with fetches that came before their leader
/// knew of the partition, and every other promise held.
#[derive(Clone)]
struct Forgetful {
    node: Node,
    loses: bool,
}

impl Machine for Forgetful {
    type Protocol = ReplicatedLog;

    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<ReplicatedLog>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if let Input::Message { message: Message::Fetch(_), .. } = input
            && std::mem::replace(&mut self.loses, false)
        {
            return;
        }
        self.node.handle(now, input, out);
    }

    fn first_files(&self) -> Vec<(machine::FileName, bytes::Bytes)> {
        self.node.first_files()
    }

    fn inspect(&self) -> Inspection {
        self.node.inspect()
    }
}

/// The log on such nodes.
struct ForgetfulLog;

machine::mechanisms! {
    /// What the nodes of this test do.
    enum Remembers {
        EarlyFetch = "early-fetch":
            "a fetch that comes early is kept"
            => "Asked once":
            "{node} lost a fetch",
    }
}

impl System for ForgetfulLog {
    type Node = Forgetful;
    type Shape = Shape;
    type Operation = Operation;

    const NAME: &'static str = "forgetful-log";
    const ABOUT: &'static str = "A log whose brokers lose a fetch.";
    const MECHANISMS: &'static [MechanismInfo] = Remembers::ALL;
    const PROMISES: &'static [PromiseSpec<Forgetful, Shape>] =
        &[PromiseSpec::new("in-sync-after-heal", "all replicas are in sync in the end", |_| {
            Box::new(InSyncAfterHeal::default())
        })];

    fn scenarios() -> Vec<Scenario<Self>> {
        // Readers have the topic made.
        let draw = |draft: &mut Draft| {
            draft.cluster(Shape::default(), 3);
            draft.delays(sim::Delays::micros(1_000, 10_000));
            draft.phases(Duration::from_secs(4), Duration::from_secs(3));
        };
        vec![Scenario::new("nothing-fails", "nothing fails", &["in-sync-after-heal"], draw)]
    }

    fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Forgetful {
        let loses = !Remembers::EarlyFetch.on(switches);
        Forgetful { node: Shape::boot(cluster, node, Switches::ALL_ON), loses }
    }

    fn perform(operation: &Operation) -> Message {
        Message::Do(operation.clone())
    }
}

#[test]
fn a_fetch_that_is_lost_at_its_leader_leaves_the_follower_out_and_breaks_it() {
    let system = sim::register::<ForgetfulLog>();
    for seed in 0..5 {
        let whole = system.run("nothing-fails", seed, &[]).unwrap().report;
        assert_eq!(whole.violations, [], "seed {seed}");
        let lost = system.run("nothing-fails", seed, &["early-fetch".into()]).unwrap().report;
        let breach = lost.violation_of("in-sync-after-heal").expect("a follower is left out");
        assert!(breach.why.contains("is not in sync with"), "{}", breach.why);
    }
}

/// The log, where few requests of clients may wait, and a topic has many partitions.
struct CrowdedLog;

impl System for CrowdedLog {
    type Node = Node;
    type Shape = Shape;
    type Operation = Operation;

    const NAME: &'static str = "crowded-log";
    const ABOUT: &'static str = "A log whose brokers let few requests wait.";
    const PROMISES: &'static [PromiseSpec<Node, Shape>] =
        &[PromiseSpec::new("in-sync-after-heal", "all replicas are in sync in the end", |_| {
            Box::new(InSyncAfterHeal::default())
        })];

    fn scenarios() -> Vec<Scenario<Self>> {
        let draw = |draft: &mut Draft| {
            draft.cluster(Shape { partitions: 64, ..Shape::default() }, 3);
            draft.delays(sim::Delays::micros(1_000, 10_000));
            draft.phases(Duration::from_secs(4), Duration::from_secs(3));
        };
        vec![Scenario::new("many-partitions", "nothing fails", &["in-sync-after-heal"], draw)]
    }

    fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        let shape = cluster.shape;
        if shape.member(node) != "broker" {
            return Shape::boot(cluster, node, switches);
        }
        let tuning = Tuning { most_waiting: 1, ..shape.tuning() };
        let (controllers, rack, addresses) = (shape.ids("controller"), None, None);
        let config = BrokerConfig { controllers, rack, addresses, tuning };
        Node::Broker(Broker::new(node, config, switches))
    }

    fn perform(operation: &Operation) -> Message {
        Message::Do(operation.clone())
    }
}

/// Brokers once let as many fetches of followers wait for their partitions as requests of clients, and dropped the others
/// without a word: of a topic of many partitions some replicas were never in sync.
#[test]
fn fetches_that_come_early_are_kept_however_many_partitions_there_are() {
    let system = sim::register::<CrowdedLog>();
    for seed in 0..10 {
        let ran = system.run("many-partitions", seed, &[]).unwrap();
        let said = ran.moments.iter().map(|(_, moment)| moment.to_string());
        assert_eq!(said.filter(|said| said.starts_with("leads t1-")).count(), 64, "all are there");
        assert_eq!(ran.report.violations, [], "seed {seed}");
    }
}
