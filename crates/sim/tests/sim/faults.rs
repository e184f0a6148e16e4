//! How faults begin, overlap, end and are counted, and what heal() leaves of them.

use machine::{DiskAnswer, DiskCommand};
use sim::{Counts, Fault, FaultId, Script, Target, WORLD_BEGINS, World};

use crate::puppet::{
    Act, Puppet, Word, at, disk_results, fired, heard, ms, node, replace, resets, stage, sync,
    tell, tell_at, write,
};

fn role(name: &str) -> Target {
    Target::Role(name.into())
}

#[test]
fn overlapping_crashes_of_one_node_end_independently() {
    let mut world = stage(1, &[0]);
    world.schedule(at(10), at(30), Fault::Crash { node: 0.into() });
    world.schedule(at(20), at(50), Fault::PowerLoss { node: 0.into() });
    world.run_until(at(40));
    assert!(world.machine(node(0)).is_none(), "the second still holds it down");
    world.run_until(at(60));
    assert!(world.machine(node(0)).is_some());
}

#[test]
fn overlapping_pauses_partitions_and_slow_nodes_end_independently() {
    let mut world = stage(2, &[0, 0]);
    for (from, until) in [(10, 30), (20, 50)] {
        let cut = Fault::Partition { a: vec![0.into()], b: vec![1.into()] };
        world.schedule(at(from), at(until), cut);
        world.schedule(at(from + 50), at(until + 50), Fault::Pause { node: 0.into() });
    }
    tell_at(&mut world, 15, 0, &[Act::Send(1, 1)]);
    world.run_until(at(49));
    assert!(heard(&world, 1).is_empty());
    world.run_until(at(60));
    assert_eq!(heard(&world, 1), [1]);
    world.tell_at(at(65), node(0), Word::Number(2));
    world.run_until(at(99));
    assert!(heard(&world, 0).is_empty());
    world.run_until(at(100));
    assert_eq!(heard(&world, 0), [2]);
}

#[test]
fn overlapping_clock_jumps_add_up_and_end_independently() {
    let mut world = stage(3, &[0]);
    let jump = |by_ns| Fault::ClockJump { node: 0.into(), by_ns };
    let back = Fault::ClockRollback { node: 0.into(), by_ns: 7 };
    world.schedule(at(10), at(30), jump(500));
    world.schedule(at(20), at(50), jump(40));
    world.schedule(at(25), at(60), back);
    let mut off_by = |millis| {
        world.run_until(at(millis));
        world.wall(node(0)).0 as i64 - (WORLD_BEGINS + ms(millis)).0 as i64
    };
    assert_eq!([5, 15, 22, 27, 40, 55, 70].map(&mut off_by), [0, 500, 540, 533, 33, -7, 0]);
}

#[test]
fn drifts_and_smears_add_up_and_a_time_daemon_sets_the_wall_clock_right_in_the_end() {
    let mut world = stage(4, &[0]);
    world.schedule(at(100), at(200), Fault::ClockDrift { node: 0.into(), ppm: 100 });
    world.schedule(at(100), at(200), Fault::ClockSmear { node: 0.into(), ppm: -30 });
    world.run_until(at(199));
    assert_eq!(world.wall(node(0)).0, (WORLD_BEGINS + ms(199)).0 + 99 * 70);
    world.run_until(at(300));
    assert_eq!(world.wall(node(0)), WORLD_BEGINS + ms(300));
}

#[test]
fn a_role_is_looked_up_when_the_fault_begins() {
    let mut world = stage(5, &[0, 0, 0]);
    world.schedule(at(50), at(100), Fault::Crash { node: role("leader") });
    tell_at(&mut world, 10, 1, &[Act::Play("leader")]);
    tell_at(&mut world, 30, 1, &[Act::Play("follower")]);
    tell_at(&mut world, 30, 2, &[Act::Play("leader")]);
    tell_at(&mut world, 60, 0, &[Act::Play("leader")]);
    world.run_until(at(70));
    let up = [0, 1, 2].map(|number| world.machine(node(number)).is_some());
    assert_eq!(up, [true, true, false], "the fault stays with whom it hit");
    world.run_until(at(110));
    assert!(world.machine(node(2)).is_some());
    assert_eq!(world.fault_counts()["crash"], 1);
}

#[test]
fn faults_that_hit_nothing_are_not_counted() {
    let mut world = stage(6, &[0, 0]);
    world.begin(Fault::Crash { node: role("leader") });
    world.begin(Fault::Partition { a: vec![role("leader")], b: vec![0.into(), 1.into()] });
    world.begin(Fault::Loss { nodes: vec![role("leader")], ppm: 1 });
    world.begin(Fault::ZoneLoss { zone: 9 });
    world.begin(Fault::BitRot { node: 0.into(), bits: 1, prefix: None });
    world.begin(Fault::RollingRestart { nodes: vec![role("leader")] });
    tell(&mut world, 1, &[Act::Halt]);
    world.run_until(at(10));
    world.begin(Fault::SnapshotResumed { node: 1.into() });
    assert!(world.fault_counts().is_empty(), "{:?}", world.fault_counts());
    world.begin(Fault::Loss { nodes: vec![role("leader"), 0.into()], ppm: 1_000_000 });
    tell(&mut world, 0, &[Act::Datagram(0, 1)]);
    world.run_until(at(20));
    assert_eq!(world.fault_counts()["loss"], 1);
}

type Begins = fn(&mut World<Puppet>) -> FaultId;
type Meets = fn(&mut World<Puppet>, FaultId);

/// Faults that are on and that nobody has met, and what meets each.
const MET: [(&str, Begins, Meets); 17] = [
    ("partition", |world| world.partition([0], [1]), says),
    ("one-way-partition", |world| world.one_way_partition([0], [1]), says),
    ("flapping-link", |world| world.flapping_link([0], [1], ms(1_000)), says),
    ("loss", |world| world.loss([1], 1_000_000), says),
    ("duplication", |world| world.duplication([1], 1_000_000), says),
    ("reordering", |world| world.reordering([1], 1_000_000, ms(1)), says),
    ("delay", |world| world.delay([1], ms(1)), says),
    ("slow-link", |world| world.slow_link([0], [1], 9), says),
    ("lossy-link", |world| world.lossy_link([0], [1], 1_000_000), says),
    ("pause", |world| world.pause(0), says),
    ("slow-node", |world| world.slow_node(0, ms(1)), says),
    ("slow-disk", |world| world.slow_disk(0, 9), reads),
    ("hung-disk", |world| world.hung_disk(0), reads),
    ("failing-disk", |world| world.failing_disk(0, 1_000_000), reads),
    ("bit-rot", |world| world.bit_rot(0, 1), reads),
    ("bad-sector", |world| world.bad_sector(0, 1), reads),
    ("snapshot-resumed", |world| world.snapshot_resumed(0), |world, fault| world.end(fault)),
];

fn says(world: &mut World<Puppet>, _: FaultId) {
    tell(world, 0, &[Act::Send(1, 1), Act::Datagram(1, 1)]);
}

fn reads(world: &mut World<Puppet>, _: FaultId) {
    let whole = DiskCommand::Read { file: "file".into(), offset: 0, length: 9 };
    tell(world, 0, &[Act::Disk("read", whole)]);
}

#[test]
fn a_fault_counts_when_it_is_met_and_once() {
    for (kind, begins, meets) in MET {
        let mut world = stage(14, &[0; 4]);
        tell(&mut world, 0, &[replace("x"), Act::Send(1, 1)]);
        world.run_until(at(20));
        let fault = begins(&mut world);
        // What others say is nothing to it.
        tell(&mut world, 2, &[Act::Send(3, 1), Act::Datagram(3, 1)]);
        world.run_until(at(40));
        assert!(world.fault_counts().is_empty(), "{kind}: {:?}", world.fault_counts());
        for _ in 0..2 {
            meets(&mut world, fault);
            world.run_for(ms(20));
            assert_eq!(*world.fault_counts(), Counts::from([(kind.into(), 1)]));
        }
    }
}

#[test]
fn a_bad_place_counts_when_it_is_read_though_the_fault_is_over_and_not_when_it_was_written_anew() {
    let places: [Begins; 2] = [|world| world.bit_rot(0, 1), |world| world.bad_sector(0, 1)];
    for begins in places {
        for (anew, counted) in [(false, 1), (true, 0)] {
            let mut world = stage(15, &[0]);
            tell(&mut world, 0, &[write(0, "x"), sync()]);
            world.run_until(at(20));
            let fault = begins(&mut world);
            world.end(fault);
            if anew {
                tell(&mut world, 0, &[write(0, "y")]);
            }
            reads(&mut world, fault);
            world.run_until(at(40));
            assert_eq!(world.fault_counts().values().sum::<u64>(), counted);
        }
    }
}

#[test]
fn a_crash_of_what_does_not_run_is_none_and_a_reset_of_no_connection_neither() {
    let mut world = stage(16, &[0, 0]);
    world.link_reset([0], [1]);
    assert!(world.fault_counts().is_empty());
    tell(&mut world, 0, &[Act::Halt]);
    world.run_until(at(1));
    world.crash(0);
    world.power_loss(0);
    world.clock_jump(0, ms(1));
    assert!(world.fault_counts().is_empty(), "{:?}", world.fault_counts());
}

#[test]
fn who_starts_on_a_wrong_clock_or_a_new_disk_has_met_it() {
    let mut world = stage(17, &[0]);
    world.schedule(at(10), at(40), Fault::Crash { node: 0.into() });
    world.schedule(at(20), at(60), Fault::ClockRollback { node: 0.into(), by_ns: 1_000 });
    world.schedule(at(25), at(50), Fault::DiskReplaced { node: 0.into() });
    world.run_until(at(30));
    let mut counts = Counts::from([("crash".into(), 1), ("disk-replaced".into(), 1)]);
    assert_eq!(*world.fault_counts(), counts);
    world.run_until(at(100));
    counts.insert("clock-rollback".into(), 1);
    assert_eq!(*world.fault_counts(), counts);
}

#[test]
fn a_rolling_restart_takes_one_node_down_at_a_time_and_counts_once() {
    let mut world = stage(7, &[0, 0, 0]);
    let nodes = vec![0.into(), 1.into(), 2.into()];
    world.schedule(at(10), at(70), Fault::RollingRestart { nodes });
    let mut down_at = |millis| {
        world.run_until(at(millis));
        [0, 1, 2].map(|number| world.machine(node(number)).is_none())
    };
    assert_eq!(down_at(15), [true, false, false]);
    assert_eq!(down_at(25), [false; 3]);
    assert_eq!(down_at(35), [false, true, false]);
    assert_eq!(down_at(55), [false, false, true]);
    assert_eq!(down_at(65), [false; 3]);
    assert_eq!(world.fault_counts().values().sum::<u64>(), 1);
}

#[test]
fn a_zone_loss_takes_the_zone_and_nothing_else() {
    let mut world = stage(8, &[1, 2, 1]);
    world.schedule(at(10), at(20), Fault::ZoneLoss { zone: 1 });
    world.run_until(at(15));
    let up = [0, 1, 2].map(|number| world.machine(node(number)).is_some());
    assert_eq!(up, [false, true, false]);
    world.run_until(at(25));
    assert!([0, 2].map(node).iter().all(|&node| world.machine(node).is_some()));
}

#[test]
fn heal_frees_the_healed_from_faults_of_nodes_and_leaves_the_others_theirs() {
    let mut world = stage(9, &[1, 1]);
    world.begin(Fault::ZoneLoss { zone: 1 });
    for number in [0u32, 1] {
        world.begin(Fault::Pause { node: number.into() });
        world.begin(Fault::FullDisk { node: number.into(), room: 0 });
        world.begin(Fault::ClockJump { node: number.into(), by_ns: 1000 });
    }
    world.heal(&[node(0)]);
    world.run_until(at(20));
    assert!(world.is_healed(node(0)) && !world.is_healed(node(1)));
    assert!(world.machine(node(0)).is_some() && world.machine(node(1)).is_none());
    tell(&mut world, 0, &[replace("x")]);
    world.run_until(at(40));
    assert_eq!(disk_results(&world, 0, "replace"), [Ok(DiskAnswer::Done)]);
    assert_eq!(world.wall(node(0)), WORLD_BEGINS + ms(40));
    assert_eq!(world.wall(node(1)).0, (WORLD_BEGINS + ms(40)).0 + 1000);
    assert_eq!(world.healed_at(), Some(at(0)));
}

#[test]
fn heal_frees_links_among_the_healed_and_no_others() {
    let mut world = stage(10, &[0, 0, 0]);
    let all = || vec![0.into(), 1.into(), 2.into()];
    world.begin(Fault::Partition { a: all(), b: all() });
    world.begin(Fault::Delay { nodes: all(), by_ns: 500_000_000 });
    tell(&mut world, 0, &[Act::Send(1, 1), Act::Send(2, 1)]);
    world.run_until(at(600));
    world.heal(&[node(0), node(1)]);
    tell(&mut world, 0, &[Act::Send(1, 2), Act::Send(2, 2)]);
    world.run_until(at(610));
    assert_eq!(heard(&world, 1), [1, 2]);
    world.run_until(at(5_000));
    assert!(heard(&world, 2).is_empty());
}

#[test]
fn no_fault_that_begins_after_heal_touches_the_healed() {
    let mut world = stage(11, &[0, 0]);
    tell(&mut world, 0, &[Act::Send(1, 1)]);
    world.run_until(at(10));
    world.heal(&[node(0), node(1)]);
    let (a, b) = (vec![0.into()], vec![1.into()]);
    world.begin(Fault::LinkReset { a: a.clone(), b: b.clone() });
    world.begin(Fault::Partition { a: a.clone(), b });
    world.begin(Fault::Loss { nodes: a, ppm: 1_000_000 });
    world.begin(Fault::Crash { node: 0.into() });
    world.begin(Fault::ClockDrift { node: 0.into(), ppm: 500 });
    tell(&mut world, 0, &[Act::Send(1, 2), Act::Datagram(1, 3)]);
    world.run_until(at(20));
    assert_eq!(heard(&world, 1).len(), 3);
    assert_eq!((resets(&world, 0, 1), resets(&world, 1, 0)), (0, 0));
    assert_eq!(world.wall(node(0)), WORLD_BEGINS + ms(20));
    assert!(world.fault_counts().is_empty(), "{:?}", world.fault_counts());
}

#[test]
fn heal_resumes_no_healed_node_and_spares_the_snapshots_of_the_others() {
    let mut world = stage(12, &[0, 0]);
    for number in [0u32, 1] {
        world.schedule(at(10), at(50), Fault::SnapshotResumed { node: number.into() });
        world.tell_at(at(20), node(number), Word::Number(1));
    }
    world.run_until(at(30));
    world.heal(&[node(0)]);
    world.run_until(at(60));
    assert_eq!(world.machine(node(0)).unwrap().heard, [1]);
    assert!(world.machine(node(1)).unwrap().heard.is_empty());
}

#[test]
fn a_fault_may_be_ended_early_and_only_once() {
    let mut world = stage(13, &[0]);
    let crash = world.schedule(at(10), at(100), Fault::Crash { node: 0.into() });
    world.run_until(at(20));
    world.end(crash);
    world.end(crash);
    tell(&mut world, 0, &[Act::Set("alarm", ms(200))]);
    world.run_until(at(300));
    assert_eq!(fired(&world, 0, "alarm").len(), 1);
}
