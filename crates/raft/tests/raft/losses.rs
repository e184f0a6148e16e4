//! A disk that has lost what its bound does not know of, and a leader that knows better.

use std::time::Duration;

use machine::NodeId;
use raft::{Group, GroupId};
use sim::{FaultId, Script, World};

use crate::lists::{Keeper, Word, elect, item, leader, list, world};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// The first leads, and another is away; what is written meanwhile the third has too, and loses, less than a second
/// after it came back: it is down.
struct Lost {
    world: World<Keeper>,
    first: NodeId,
    lost: NodeId,
    late: NodeId,
    away: FaultId,
    cut: FaultId,
}

fn lost(seed: u64) -> Lost {
    let mut world = world(seed, 3, 3, 1);
    let first = elect(&mut world, 0);
    let (lost, late) = (NodeId((first.0 + 1) % 3), NodeId((first.0 + 2) % 3));
    world.run_for(MS(2_500));
    let away = world.crash(late);
    let again = world.crash(lost);
    world.run_for(MS(10));
    world.end(again);
    world.run_for(MS(200));
    (0..20).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(200));
    assert_eq!(list(&world, first, 0).len(), 20, "both have them");
    // Each boot begins a segment.
    let cut = world.file_missing(lost, "journal-2");
    world.run_for(MS(10));
    Lost { world, first, lost, late, away, cut }
}

/// It would vote for one that lacks it too.
#[test]
fn who_was_told_takes_part_no_more_with_that_disk() {
    let Lost { mut world, first, lost, late, away, cut } = lost(12);
    world.end(cut);
    world.run_for(MS(300));
    assert!(world.machine(lost).is_none(), "its leader has told it");

    // What it wrote down is durable.
    let leaderless = world.crash(first);
    let back = world.power_loss(lost);
    world.run_for(MS(10));
    world.end(back);
    world.end(away);
    world.run_for(MS(3_000));
    assert!(world.machine(lost).is_none(), "it refuses to start");
    assert_eq!(leader(&world, 0), None, "who is left lacks what was committed");
    world.end(leaderless);
    world.run_for(MS(3_000));
    assert_eq!(list(&world, late, 0).len(), 20);
    let replaced = world.disk_replaced(lost);
    world.run_for(MS(10));
    world.end(replaced);
    world.run_for(MS(3_000));
    assert_eq!(list(&world, lost, 0).len(), 20);
    let voter = world.machine(lost).and_then(|keeper| keeper.group(0)).is_some_and(Group::is_voter);
    assert!(voter, "it joined with another disk");
}

#[test]
fn who_was_told_says_nothing_while_it_cannot_write_that_down() {
    let Lost { mut world, first, lost, late, away, cut } = lost(12);
    let told =
        |world: &World<Keeper>| world.history().iter().any(|entry| entry.note == "loss-told");
    world.end(cut);
    for _ in 0..300 {
        world.run_for(MS(1));
        if world.machine(lost).is_some_and(|keeper| keeper.group(0).is_some()) {
            break;
        }
    }
    let full = world.full_disk(lost);
    world.run_for(MS(300));
    assert!(told(&world) && world.machine(lost).is_some(), "it has nothing to write on");
    let leaderless = world.crash(first);
    world.end(away);
    world.run_for(MS(3_000));
    assert_eq!(leader(&world, 0), None, "it votes for nobody");
    assert_eq!(list(&world, late, 0).len(), 0);
    world.end(full);
    world.run_for(MS(3_000));
    assert!(world.machine(lost).is_none());
    world.end(leaderless);
    world.run_for(MS(3_000));
    assert_eq!(list(&world, late, 0).len(), 20);
}
