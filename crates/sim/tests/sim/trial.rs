//! A trial: a naive machine keeps what it believes in while nothing goes wrong, and loses it to
//! one fault alone.

use sim::{Fault, World};

use crate::puppet::at;

/// One run of a naive machine, with this fault or without; was its belief true?
pub(crate) type Belief = fn(Option<Fault>) -> bool;

/// The belief is true in a clean run and false in the same run with only this fault.
pub(crate) fn breaks(kind: &str, belief: Belief, fault: Fault) {
    assert_eq!(fault.kind().name(), kind);
    assert!(belief(None), "{kind}: a clean run must keep the belief, or the trial shows nothing");
    assert!(!belief(Some(fault.clone())), "{kind}: the belief should not survive \"{fault}\"");
}

/// The fault of a trial holds from 100 ms to 400 ms.
pub(crate) fn strike<M: machine::Machine>(world: &mut World<M>, fault: Option<Fault>) {
    if let Some(fault) = fault {
        world.schedule(at(100), at(400), fault);
    }
}

/// A table of trials, of which each row is a test named by a sentence.
macro_rules! trials {
    ($($name:ident: $belief:expr, $kind:literal, $fault:expr;)+) => {
        /// The kinds of fault in this table.
        pub(crate) const KINDS: &[&str] = &[$($kind),+];
        $(
            #[test]
            fn $name() {
                crate::trial::breaks($kind, $belief, $fault);
            }
        )+
    };
}
pub(crate) use trials;

#[test]
fn no_kind_of_fault_is_forgotten() {
    use crate::{naive_clocks, naive_disks, naive_networks, naive_processes};
    let tables =
        [naive_networks::KINDS, naive_processes::KINDS, naive_disks::KINDS, naive_clocks::KINDS];
    for kind in sim::FaultKind::ALL {
        let kind = kind.name();
        assert!(tables.concat().contains(&kind), "no naive machine is shown to break under {kind}");
    }
    assert_eq!(sim::FaultKind::ALL.len(), 33);
}
