//! A crash takes all that was in memory and on its way; a restart sees only what the disk holds.

use machine::{DiskAnswer, Time};
use sim::Fault;

use crate::puppet::{
    Act, What, Word, at, disk_results, fired, heard, ms, node, read, replace, resets, seen, stage,
    sync, tell, tell_at, write,
};

#[test]
fn nothing_from_before_a_crash_arrives_after_it() {
    for seed in 0..100 {
        let mut world = stage(seed, &[0, 0]);
        tell(&mut world, 0, &[Act::Set("alarm", ms(12)), Act::Send(1, 1)]);
        tell_at(&mut world, 9, 1, &[Act::Send(0, 2)]);
        tell_at(&mut world, 9, 0, &[Act::Send(1, 3), write(0, "abc"), sync(), replace("abc")]);
        // It is up again before any of these would have come.
        world.schedule(Time(9_010_000), Time(9_015_000), Fault::Crash { node: 0.into() });
        world.run_until(at(100));
        assert!(fired(&world, 0, "alarm").is_empty(), "timers");
        assert!(heard(&world, 0).is_empty(), "stream data to it");
        assert_eq!(heard(&world, 1), [1], "stream data from it");
        for operation in ["write", "sync", "replace"] {
            assert_eq!(disk_results(&world, 0, operation), [], "disk operations");
        }
        let told: Vec<_> = seen(&world, 0).into_iter().map(|(_, seen)| &seen.what).collect();
        assert!(matches!(told[..], [What::Boot(_), What::Boot(_)]), "{told:?}");
    }
}

#[test]
fn a_timer_from_before_a_crash_stays_gone_when_the_clock_changes_its_rate() {
    let mut world = stage(5, &[0]);
    tell(&mut world, 0, &[Act::Set("alarm", ms(50))]);
    world.schedule(at(10), at(20), Fault::Crash { node: 0.into() });
    world.schedule(at(30), at(40), Fault::ClockDrift { node: 0.into(), ppm: 100 });
    world.run_until(at(200));
    assert!(fired(&world, 0, "alarm").is_empty());
}

#[test]
fn the_end_of_a_disk_operation_from_before_a_crash_ends_none_after_it() {
    for seed in 0..100 {
        let mut world = stage(seed, &[0]);
        tell_at(&mut world, 9, 0, &[write(0, "before")]);
        world.schedule(Time(9_010_000), Time(9_015_000), Fault::Crash { node: 0.into() });
        world.tell_at(Time(9_016_000), node(0), Word::Do(vec![replace("after")]));
        world.run_until(at(100));
        let (ended, _) = *seen(&world, 0).last().unwrap();
        assert!(ended >= Time(9_166_000), "{ended:?}: a replacement takes 150 microseconds");
    }
}

#[test]
fn a_boot_starts_with_an_empty_memory_and_a_monotonic_clock_at_zero() {
    let mut world = stage(1, &[0]);
    world.tell(node(0), Word::Number(5));
    world.run_until(at(10));
    assert_eq!(world.machine(node(0)).unwrap().heard, [5]);
    world.schedule(at(20), at(30), Fault::Crash { node: 0.into() });
    world.run_until(at(25));
    assert!(world.machine(node(0)).is_none() && world.inspect(node(0)).is_none());
    world.run_until(at(40));
    assert!(world.machine(node(0)).unwrap().heard.is_empty());
    let (booted, boot) = *seen(&world, 0).last().unwrap();
    assert_eq!((booted, boot.time), (at(30), Time(0)));
    assert_eq!(boot.wall, sim::WORLD_BEGINS + ms(30), "the wall clock has a battery");
}

#[test]
fn a_message_to_a_node_that_is_down_is_lost() {
    let mut world = stage(2, &[0, 0]);
    world.schedule(at(10), at(30), Fault::Crash { node: 1.into() });
    tell_at(&mut world, 15, 0, &[Act::Datagram(1, 1)]);
    tell_at(&mut world, 35, 0, &[Act::Datagram(1, 2)]);
    world.run_until(at(50));
    assert_eq!(heard(&world, 1), [2]);
}

#[test]
fn a_crash_keeps_the_page_cache_and_with_it_what_was_not_synced() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "not synced")]);
        world.run_until(at(10));
        world.schedule(at(10), at(20), Fault::Crash { node: 0.into() });
        world.run_until(at(30));
        assert_eq!(read(&mut world, 0).unwrap(), "not synced");
    }
}

#[test]
fn a_power_loss_during_a_crash_takes_the_page_cache() {
    let survives = |seed| {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "not synced")]);
        world.run_until(at(10));
        world.schedule(at(10), at(40), Fault::Crash { node: 0.into() });
        world.schedule(at(20), at(30), Fault::PowerLoss { node: 0.into() });
        world.run_until(at(50));
        read(&mut world, 0).is_some_and(|found| found == "not synced")
    };
    assert!((0..50).any(survives) && !(0..50).all(survives));
}

#[test]
fn a_halted_machine_stays_down_until_heal() {
    let mut world = stage(3, &[0, 0]);
    tell(&mut world, 0, &[Act::Set("alarm", ms(50)), write(0, "x")]);
    world.run_until(at(20));
    tell(&mut world, 0, &[Act::Set("alarm", ms(40)), Act::Halt, Act::Send(1, 1)]);
    world.run_until(at(100));
    assert!(world.machine(node(0)).is_none());
    assert!(heard(&world, 1).is_empty(), "what it asked for afterwards went with it");
    world.heal(&[node(0)]);
    world.run_until(at(200));
    assert!(world.machine(node(0)).is_some());
    assert!(fired(&world, 0, "alarm").is_empty());
    assert_eq!(read(&mut world, 0).unwrap(), "x", "as a crash does, a halt keeps the page cache");
}

#[test]
fn a_crash_may_come_before_what_was_asked_of_the_disk() {
    let written = |seed| {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "first"), write(5, "second"), Act::Halt]);
        world.run_until(at(0));
        world.heal(&[node(0)]);
        read(&mut world, 0)
    };
    let found: Vec<_> = (0..50).map(written).collect();
    let times = |what: Option<&str>| {
        found.iter().filter(|found| found.as_deref() == what.map(str::as_bytes)).count()
    };
    let (none, one, both) = (times(None), times(Some("first")), times(Some("firstsecond")));
    assert!(none > 0 && one > 0 && both > 0, "{none} {one} {both}");
    assert_eq!(none + one + both, 50, "the second never without the first");
}

#[test]
fn peers_of_a_node_without_power_hear_of_it_when_it_is_back() {
    let told = |fault: Fault| {
        let mut world = stage(5, &[0, 0]);
        tell(&mut world, 1, &[Act::Send(0, 1)]);
        world.run_until(at(20));
        world.schedule(at(20), at(100), fault);
        tell_at(&mut world, 30, 1, &[Act::Send(0, 2)]);
        world.run_until(at(90));
        let before = resets(&world, 1, 0);
        world.run_until(at(120));
        (before > 0, resets(&world, 1, 0) > 0)
    };
    assert_eq!(told(Fault::Crash { node: 0.into() }), (true, true));
    assert_eq!(told(Fault::PowerLoss { node: 0.into() }), (false, true));
}

#[test]
fn a_replaced_disk_is_empty_and_has_another_identity() {
    let mut world = stage(4, &[0]);
    tell(&mut world, 0, &[write(0, "synced"), sync()]);
    world.run_until(at(20));
    assert_eq!(disk_results(&world, 0, "sync"), [Ok(DiskAnswer::Done)]);
    world.schedule(at(20), at(30), Fault::Crash { node: 0.into() });
    world.schedule(at(40), at(50), Fault::DiskReplaced { node: 0.into() });
    world.run_until(at(60));
    assert_eq!(read(&mut world, 0), None);
    let boots = seen(&world, 0).into_iter().filter_map(|(_, seen)| match seen.what {
        What::Boot(disk) => Some(disk),
        _ => None,
    });
    let [first, second, third] = boots.collect::<Vec<_>>()[..] else { panic!("three boots") };
    assert!(first == second && second != third);
}
