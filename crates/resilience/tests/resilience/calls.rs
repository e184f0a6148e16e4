use std::time::Duration;

use machine::{NodeId, Output, Outputs, Protocol, Random};
use rand::SeedableRng;
use resilience::Calls;

use crate::{MS, at};

#[derive(Clone, Debug)]
struct Words;
impl Protocol for Words {
    type Message = ();
    type Timer = &'static str;
    type Op = ();
    type Note = ();
}

const PEER: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);

fn calls() -> (Calls<&'static str, char>, Outputs<Words>) {
    (Calls::new(MS(100), "calls"), Outputs::default())
}

/// For how long the timer was set, each time.
fn timers(out: &mut Outputs<Words>) -> Vec<Duration> {
    let set = |output| match output {
        Output::SetTimer { timer: "calls", after } => after,
        other => panic!("{other:?}"),
    };
    out.drain().map(set).collect()
}

#[test]
fn a_call_ends_once_and_by_whom_it_was_made_to() {
    let (mut calls, mut out) = calls();
    let first = calls.begin(PEER, 'a', at(0), &mut out);
    let second = calls.begin(PEER, 'b', at(5), &mut out);
    assert_ne!(first, second);
    assert_eq!(calls.get_mut(second), Some((at(5), &mut 'b')));
    assert_eq!(calls.end(first, OTHER), None, "nobody asked the other");
    assert_eq!(calls.end(first, PEER), Some((at(0), 'a')));
    assert_eq!(calls.end(first, PEER), None, "it has ended");
    assert!(calls.reset(OTHER).is_empty());
    assert_eq!(calls.reset(PEER), [(second, 'b')]);
    assert_eq!(calls.end(second, PEER), None, "its connection is gone");
    assert_eq!(calls.len(), 0);
    assert!(calls.overdue(at(1_000), &mut out).is_empty());
}

#[test]
fn patience_ends_with_the_oldest_and_the_timer_is_set_for_the_next() {
    let (mut calls, mut out) = calls();
    let first = calls.begin(PEER, 'a', at(0), &mut out);
    let second = calls.begin(OTHER, 'b', at(0), &mut out);
    let third = calls.begin(PEER, 'c', at(60), &mut out);
    assert_eq!(timers(&mut out), [MS(100)], "one timer serves all");
    assert_eq!(calls.overdue(at(100), &mut out), [(first, 'a'), (second, 'b')]);
    assert_eq!(timers(&mut out), [MS(60)]);
    assert_eq!(calls.overdue(at(159), &mut out), []);
    assert_eq!(timers(&mut out), [MS(1)], "a clock that is early is waited for");
    assert_eq!(calls.overdue(at(160), &mut out), [(third, 'c')]);
    assert_eq!(timers(&mut out), [], "nothing is under way");
    calls.begin(PEER, 'd', at(200), &mut out);
    assert_eq!(timers(&mut out), [MS(100)]);
}

/// A restarted node must not take a reply from before for one to what it asks now.
#[test]
fn no_two_boots_number_their_calls_alike() {
    let numbers = |seed| {
        let (mut calls, mut out) = calls();
        calls.start(&mut Random::seed_from_u64(seed));
        [(); 100].map(|()| calls.begin(PEER, 'a', at(0), &mut out))
    };
    let (before, after) = (numbers(1), numbers(2));
    assert!(before.iter().all(|number| !after.contains(number)));
}
