//! What survives on a disk, and in which shape.

use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Time};
use sim::{Fault, World};

use crate::puppet::{
    Act, Puppet, What, at, disk_results, ms, read, replace, seen, stage, sync, tell, tell_at, write,
};

const DONE: DiskResult = Ok(DiskAnswer::Done);

/// Lets the node lose power for 10 ms, now.
fn lose_power(world: &mut World<Puppet>) {
    let now = world.now();
    world.schedule(now, now + ms(10), Fault::PowerLoss { node: 0.into() });
    world.run_for(ms(20));
}

#[test]
fn synced_writes_survive_power_loss_in_1000_seeds() {
    for seed in 0..1000 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "one"), write(3, "two"), sync(), write(6, "three")]);
        while disk_results(&world, 0, "sync").is_empty() {
            assert!(world.events() < 1_000 && world.step(), "seed {seed}: the sync never ends");
        }
        lose_power(&mut world);
        let found = read(&mut world, 0).unwrap();
        assert!(found == "onetwo" || found == "onetwothree", "seed {seed}: {found:?}");
    }
}

#[test]
fn unsynced_writes_survive_power_loss_in_any_combination() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "--"), sync(), write(0, "a"), write(1, "b")]);
        world.run_until(at(20));
        lose_power(&mut world);
        found.insert(read(&mut world, 0).unwrap());
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["--", "-b", "a-", "ab"]);
}

#[test]
fn a_file_that_was_never_synced_may_be_gone_but_not_come_and_go() {
    let (mut there, mut gone) = (0, 0);
    for seed in 0..100 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "x")]);
        world.run_until(at(20));
        lose_power(&mut world);
        let first = read(&mut world, 0);
        *if first.is_some() { &mut there } else { &mut gone } += 1;
        for _ in 0..4 {
            lose_power(&mut world);
            assert_eq!(read(&mut world, 0), first, "seed {seed}: what a boot found stays");
        }
    }
    assert!(there > 0 && gone > 0);
}

#[test]
fn a_torn_write_is_torn_at_the_edge_of_a_sector() {
    let (offset, mut tears) = (300, 0);
    for seed in 0..300 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, vec![b'.'; 4096]), sync(), write(offset, vec![b'X'; 2000])]);
        world.run_until(at(20));
        world.schedule(at(20), at(30), Fault::TornWrite { node: 0.into() });
        world.run_until(at(40));
        let found = read(&mut world, 0).unwrap();
        let written = found[offset as usize..].iter().take_while(|&&byte| byte == b'X').count();
        let arrived = found.iter().filter(|&&byte| byte == b'X').count();
        assert_eq!((arrived, found.len()), (written, 4096), "seed {seed}: the beginning of it");
        assert!(matches!(arrived, 0 | 2000) || (300 + arrived).is_multiple_of(512), "{arrived}");
        tears += usize::from(!matches!(arrived, 0 | 2000));
    }
    assert!(tears > 50, "{tears}");
}

#[test]
fn a_replacement_is_atomic_and_durable_under_power_loss_and_torn_writes() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..1000 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[replace(vec![b'o'; 3000])]);
        tell_at(&mut world, 20, 0, &[replace(vec![b'n'; 2000])]);
        // A replacement takes up to 4 ms.
        let falls = Time(20_000_000 + seed * 4_500);
        let node = 0.into();
        let fault =
            if seed % 2 == 0 { Fault::PowerLoss { node } } else { Fault::TornWrite { node } };
        world.schedule(falls, at(30), fault);
        world.run_until(at(40));
        let acknowledged = disk_results(&world, 0, "replace").len() == 2;
        let found = read(&mut world, 0).unwrap();
        if found == vec![b'n'; 2000] {
            new += 1;
        } else {
            assert!(found == vec![b'o'; 3000] && !acknowledged, "seed {seed}");
            old += 1;
        }
    }
    assert!(old > 100 && new > 100, "{old} old, {new} new");
}

#[test]
fn after_a_failed_sync_a_later_sync_does_not_mend_it() {
    let mut lost = 0;
    for seed in 0..40 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "old"), sync(), write(0, "new")]);
        world.run_until(at(20));
        let failing = world.begin(Fault::FailingDisk { node: 0.into(), ppm: 1_000_000 });
        tell(&mut world, 0, &[sync()]);
        world.run_until(at(40));
        world.end(failing);
        // The node was halted, and is started again by the end of a crash.
        world.schedule(at(40), at(50), Fault::Crash { node: 0.into() });
        world.run_until(at(60));
        tell(&mut world, 0, &[sync()]);
        world.run_until(at(80));
        assert_eq!(disk_results(&world, 0, "sync"), [DONE, DONE]);
        assert_eq!(read(&mut world, 0).unwrap(), "new", "the page cache shows it all the same");
        lose_power(&mut world);
        let found = read(&mut world, 0).unwrap();
        assert!(found == "old" || found == "new", "{found:?}");
        lost += u32::from(found == "old");
    }
    assert!((10..40).contains(&lost), "some pages reached the device: {lost} of 40 did not");
}

#[test]
fn a_full_disk_refuses_what_grows_and_changes_nothing() {
    let mut world = stage(2, &[0]);
    tell(&mut world, 0, &[write(0, "there before")]);
    world.run_until(at(20));
    let full = world.begin(Fault::FullDisk { node: 0.into(), room: 0 });
    tell(&mut world, 0, &[write(6, "anything"), write(0, "where"), replace("no"), sync()]);
    world.run_until(at(40));
    assert_eq!(disk_results(&world, 0, "write"), [DONE, Err(DiskError::Full), DONE]);
    assert_eq!(disk_results(&world, 0, "replace"), [Err(DiskError::Full)]);
    assert_eq!(disk_results(&world, 0, "sync"), [DONE]);
    assert_eq!(read(&mut world, 0).unwrap(), "where before", "what takes no space is written");
    world.end(full);
    tell(&mut world, 0, &[replace("space again")]);
    world.run_until(at(100));
    assert_eq!(read(&mut world, 0).unwrap(), "space again");
}

#[test]
fn a_disk_that_is_quick_again_ends_soon_and_in_order_what_it_was_asked_while_slow() {
    let mut world = stage(4, &[0]);
    let slow = world.begin(Fault::SlowDisk { node: 0.into(), times: 100_000 });
    tell(&mut world, 0, &[write(0, "x"), sync(), replace("y")]);
    world.run_until(at(500));
    assert_eq!(world.history().len(), 1, "nothing but the boot");
    world.end(slow);
    world.run_until(at(520));
    let told: Vec<_> = seen(&world, 0).iter().map(|(_, seen)| &seen.what).collect();
    assert!(
        matches!(
            told[1..],
            [What::Disk("write", _), What::Disk("sync", _), What::Disk("replace", _)]
        ),
        "{told:?}"
    );
}

#[test]
fn a_disk_that_turns_slow_is_slow_for_what_it_was_asked_before() {
    let mut world = stage(5, &[0]);
    world.run_until(at(10));
    tell(&mut world, 0, &[replace("x")]);
    world.step();
    world.begin(Fault::SlowDisk { node: 0.into(), times: 1_000 });
    world.run_until(at(100));
    assert_eq!(disk_results(&world, 0, "replace"), []);
    world.run_until(at(5_000));
    assert_eq!(disk_results(&world, 0, "replace"), [DONE]);
}

#[test]
fn a_disk_does_what_it_is_asked() {
    let file = || "file".into();
    let mut world = stage(3, &[0]);
    tell(&mut world, 0, &[sync(), write(4, "tail"), write(0, "he")]);
    tell(&mut world, 0, &[Act::Disk("cut", DiskCommand::Truncate { file: file(), length: 6 })]);
    tell(&mut world, 0, &[Act::Disk("cut", DiskCommand::Truncate { file: file(), length: 99 })]);
    let part = DiskCommand::Read { file: file(), offset: 1, length: 4 };
    let beyond = DiskCommand::Read { file: file(), offset: 60, length: 4 };
    tell(&mut world, 0, &[Act::Disk("part", part), Act::Disk("beyond", beyond)]);
    world.run_until(at(10));
    tell(&mut world, 0, &[Act::Disk("list", DiskCommand::List { prefix: "".into() })]);
    world.run_until(at(20));
    tell(&mut world, 0, &[Act::Disk("delete", DiskCommand::Delete { file: file() })]);
    tell(&mut world, 0, &[Act::Disk("delete", DiskCommand::Delete { file: file() })]);
    world.run_until(at(30));
    tell(&mut world, 0, &[Act::Disk("list again", DiskCommand::List { prefix: "".into() })]);
    world.run_until(at(50));
    let results = |name| disk_results(&world, 0, name);
    assert_eq!(results("sync"), [Err(DiskError::NotFound)]);
    assert_eq!(results("part"), [Ok(DiskAnswer::Bytes("e\0\0t".into()))]);
    assert_eq!(results("beyond"), [Ok(DiskAnswer::Bytes("".into()))]);
    assert_eq!(results("list"), [Ok(DiskAnswer::Names(vec!["file".into()]))]);
    assert_eq!(results("delete"), [DONE, Err(DiskError::NotFound)]);
    assert_eq!(results("list again"), [Ok(DiskAnswer::Names(Vec::new()))]);
}
