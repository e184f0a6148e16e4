//! Naive machines that trust that their process, and its time, go on.

use std::sync::Arc;

use machine::{DiskAnswer, DiskCommand, Input, Inspection, Machine, Now, Outputs, Protocol};
use sim::{Delays, Fault, World};

use crate::puppet::{at, ms, node};
use crate::trial::{strike, trials};

#[derive(Clone, Debug)]
struct Work;

impl Protocol for Work {
    type Message = ();
    type Timer = ();
    type Op = ();
    type Note = Wrote;
}

/// The resource that a lease guards was written to.
#[derive(Clone, Debug, Hash)]
struct Wrote;

/// Counts what it is told in memory, and believes that memory lasts.
#[derive(Clone, Debug, Default)]
struct Tally {
    count: u64,
}

/// Counts on its disk, with care, and believes that the disk it finds is the one it wrote.
#[derive(Clone, Debug, Default)]
struct DiskTally {
    count: u64,
}

/// Writes whenever it is told to while it holds a lease of 100 ms, and believes that the timer
/// tells it in time when the lease is over.
#[derive(Clone, Debug, Default)]
struct LeaseHolder {
    over: bool,
}

sim::nodes! {
    /// Who is naive about processes.
    enum Naive: Work { Tally(Tally), DiskTally(DiskTally), LeaseHolder(LeaseHolder) }
}

impl Machine for Tally {
    type Protocol = Work;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Work>, out: &mut Outputs<Work>) {
        match input {
            Input::Message { .. } => self.count += 1,
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "tally", state: self.count.to_string() }
    }
}

impl Machine for DiskTally {
    type Protocol = Work;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Work>, out: &mut Outputs<Work>) {
        let file = || "count".into();
        match input {
            Input::Start { .. } => {
                out.disk(DiskCommand::Read { file: file(), offset: 0, length: 8 }, ());
            }
            Input::Disk { result: Ok(DiskAnswer::Bytes(bytes)), .. } => {
                self.count = u64::from_le_bytes(bytes[..].try_into().unwrap());
            }
            Input::Message { .. } => {
                self.count += 1;
                let bytes = self.count.to_le_bytes().to_vec();
                out.disk(DiskCommand::Replace { file: file(), parts: bytes.into() }, ());
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "tally", state: self.count.to_string() }
    }
}

impl Machine for LeaseHolder {
    type Protocol = Work;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Work>, out: &mut Outputs<Work>) {
        match input {
            Input::Start { .. } => out.set_timer((), ms(150)),
            Input::Timer(()) => self.over = true,
            Input::Message { .. } if !self.over => out.note(Wrote),
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: if self.over { "former" } else { "holder" }, state: String::new() }
    }
}

/// When a node is told something: before the fault and after it, while it certainly listens.
const AROUND: [u64; 6] = [20, 40, 60, 450, 470, 490];
/// And here during the fault as well: what is snapshotted listens on.
const THROUGHOUT: [u64; 6] = [20, 60, 200, 300, 450, 490];

/// A world of such machines, one in each zone, each told something at these times.
fn told(times: [u64; 6], zones: &[u8], naive: Naive, fault: Option<Fault>) -> World<Naive> {
    let boot = move |_| naive.clone();
    let mut world = World::new(1, zones, Delays::micros(200, 2_000), Arc::new(boot));
    strike(&mut world, fault);
    for number in 0..zones.len() as u32 {
        times.iter().for_each(|&time| world.tell_at(at(time), node(number), ()));
    }
    world.run_until(at(1_000));
    world
}

/// Does any of the nodes know all that it was told?
fn any_knows_all(world: &World<Naive>) -> bool {
    let known = |number| world.inspect(node(number)).is_some_and(|shown| shown.state == "6");
    (0..world.len() as u32).any(known)
}

fn memory_lasts(fault: Option<Fault>) -> bool {
    any_knows_all(&told(AROUND, &[0], Naive::Tally(Tally::default()), fault))
}

fn one_of_two_memories_lasts(fault: Option<Fault>) -> bool {
    any_knows_all(&told(AROUND, &[7, 7], Naive::Tally(Tally::default()), fault))
}

fn what_is_on_disk_lasts(fault: Option<Fault>) -> bool {
    any_knows_all(&told(AROUND, &[0], Naive::DiskTally(DiskTally::default()), fault))
}

fn memory_never_goes_back(fault: Option<Fault>) -> bool {
    any_knows_all(&told(THROUGHOUT, &[0], Naive::Tally(Tally::default()), fault))
}

fn a_disk_never_goes_back(fault: Option<Fault>) -> bool {
    any_knows_all(&told(THROUGHOUT, &[0], Naive::DiskTally(DiskTally::default()), fault))
}

fn nothing_is_written_after_the_lease(fault: Option<Fault>) -> bool {
    let boot = |_| Naive::LeaseHolder(LeaseHolder::default());
    let mut world = World::new(1, &[0], Delays::micros(200, 2_000), Arc::new(boot));
    strike(&mut world, fault);
    (0..50).for_each(|turn| world.tell_at(at(turn * 10), node(0), ()));
    world.run_until(at(1_000));
    assert!(world.history().len() >= 10);
    world.history().iter().all(|entry| entry.at <= at(150))
}

trials! {
    a_crash_breaks_who_counts_in_memory:
        memory_lasts, "crash", Fault::Crash { node: 0.into() };
    a_snapshot_breaks_who_counts_in_memory:
        memory_never_goes_back, "snapshot-resumed", Fault::SnapshotResumed { node: 0.into() };
    a_snapshot_breaks_even_who_counts_on_disk:
        a_disk_never_goes_back, "snapshot-resumed", Fault::SnapshotResumed { node: 0.into() };
    a_rolling_restart_breaks_who_trusts_that_one_of_two_is_up:
        one_of_two_memories_lasts, "rolling-restart",
        Fault::RollingRestart { nodes: vec![0.into(), 1.into()] };
    the_loss_of_a_zone_breaks_who_keeps_both_replicas_in_it:
        one_of_two_memories_lasts, "zone-loss", Fault::ZoneLoss { zone: 7 };
    a_replaced_disk_breaks_who_trusts_the_disk_it_finds:
        what_is_on_disk_lasts, "disk-replaced", Fault::DiskReplaced { node: 0.into() };
    a_pause_breaks_who_holds_a_lease_by_a_timer:
        nothing_is_written_after_the_lease, "pause", Fault::Pause { node: 0.into() };
}

#[test]
fn what_a_fault_does_not_touch_lasts() {
    assert!(one_of_two_memories_lasts(Some(Fault::Crash { node: 0.into() })));
    assert!(one_of_two_memories_lasts(Some(Fault::SnapshotResumed { node: 1.into() })));
    assert!(one_of_two_memories_lasts(Some(Fault::ZoneLoss { zone: 8 })));
    assert!(what_is_on_disk_lasts(Some(Fault::PowerLoss { node: 0.into() })));
}
