//! The same seed is the same world, to the last event; one changed thing is another world.

use std::sync::Arc;

use machine::{Input, Inspection, Machine, Now, Outputs, Protocol};
use sim::{Fault, World};

use crate::puppet::{Act, Puppet, Word, at, ms, node, replace, stage, sync, tell_at, write};

/// Three nodes that talk, write and are struck.
fn busy(seed: u64) -> World<Puppet> {
    let mut world = stage(seed, &[0, 1, 2]);
    for turn in 0..60 {
        let (here, there) = (turn as u32 % 3, (turn as u32 + 1) % 3);
        let talk = [Act::Send(there, turn), Act::Datagram(there, turn), Act::Set("tick", ms(3))];
        tell_at(&mut world, turn, here, &talk);
        tell_at(&mut world, turn, here, &[write(turn, "x"), sync(), replace("yz")]);
    }
    let all = || vec![0.into(), 1.into(), 2.into()];
    world.schedule(at(5), at(40), Fault::Loss { nodes: all(), ppm: 200_000 });
    world.schedule(at(5), at(40), Fault::Duplication { nodes: all(), ppm: 200_000 });
    world.schedule(at(20), at(30), Fault::TornWrite { node: 0.into() });
    world.schedule(at(10), at(35), Fault::SnapshotResumed { node: 1.into() });
    world.schedule(at(10), at(50), Fault::ClockDrift { node: 2.into(), ppm: 300 });
    world
}

/// Handles the next event of a world whose events come to an end; false where there is none.
fn goes_on(world: &mut World<Puppet>) -> bool {
    assert!(world.events() < 1_000_000, "the world does not come to rest: {:?}", world.now());
    world.step()
}

fn ran(mut world: World<Puppet>) -> u64 {
    world.run_until(at(100));
    world.trace_hash()
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (mut first, mut second) = (busy(1), busy(1));
    while goes_on(&mut first) {
        assert!(second.step());
        assert_eq!(first.trace_hash(), second.trace_hash(), "at event {}", first.events());
        assert_eq!(first.now(), second.now());
    }
    assert!(!second.step());
    assert_eq!(first.history(), second.history());
    assert_eq!(first.fault_counts(), second.fault_counts());
}

#[test]
fn every_seed_is_another_run() {
    let mut hashes: Vec<u64> = (0..100).map(|seed| ran(busy(seed))).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 100);
}

#[test]
fn a_cloned_world_goes_on_identically_and_differently_after_another_word() {
    let mut world = busy(2);
    world.run_until(at(25));
    let (same, mut other) = (world.clone(), world.clone());
    other.tell(node(0), Word::Number(99));
    let events = world.events();
    let hash = ran(world);
    assert_eq!(ran(same), hash);
    assert_ne!(ran(other), hash);
    assert!(events > 100, "{events}: the branch is in the middle of the run");
}

#[test]
fn one_changed_event_changes_the_hash() {
    let with = |change: fn(&mut World<Puppet>)| {
        let mut world = busy(3);
        change(&mut world);
        ran(world)
    };
    let plain = with(|_| {});
    assert_eq!(plain, with(|_| {}));
    let changes: [fn(&mut World<Puppet>); 5] = [
        |world| world.tell_at(at(90), node(0), Word::Number(7)),
        |world| world.tell_at(at(90), node(0), Word::Number(8)),
        |world| world.tell_at(at(91), node(0), Word::Number(7)),
        |world| world.tell_at(at(90), node(1), Word::Number(7)),
        |world| {
            world.schedule(at(90), at(91), Fault::Pause { node: 0.into() });
        },
    ];
    let mut hashes = vec![plain];
    hashes.extend(changes.map(with));
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6);
}

#[test]
fn a_step_more_is_another_hash() {
    let mut world = busy(4);
    let mut hashes = vec![world.trace_hash()];
    // Events that do nothing (a timer set again since, data of an old stream) leave no trace.
    while goes_on(&mut world) {
        hashes.push(world.trace_hash());
    }
    hashes.dedup();
    assert!(hashes.len() > 300, "{}", hashes.len());
    let traced = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), traced, "no hash comes back");
}

/// A machine that says one word and does nothing else.
#[derive(Clone)]
struct Parrot(&'static str);

impl Machine for Parrot {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, _: Input<Words>, out: &mut Outputs<Words>) {
        out.note(self.0);
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "parrot", state: self.0.into() }
    }
}

#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = ();
    type Timer = ();
    type Op = ();
    type Note = &'static str;
}

#[test]
fn what_a_machine_says_is_part_of_the_trace() {
    let said = |word| {
        let delays = sim::Delays::micros(1, 2);
        World::new(6, &[0], delays, Arc::new(move |_| Parrot(word))).trace_hash()
    };
    assert_eq!(said("crackers"), said("crackers"));
    assert_ne!(said("crackers"), said("biscuits"), "promises are judged by notes");
}
