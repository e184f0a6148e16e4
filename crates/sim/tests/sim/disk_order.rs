//! In which order the operations of a disk end, and what they share.

use std::collections::{BTreeMap, BTreeSet};

use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, MemoryDisk, Random, Time};
use rand::{Rng, SeedableRng};
use sim::{Fault, Script, World};

use crate::puppet::{Act, Puppet, What, at, ms, read, seen, stage, sync, tell, write};

/// The operations that have ended, in order, with the world's time.
fn ended(world: &World<Puppet>) -> Vec<(Time, &'static str, DiskResult)> {
    let disk = |(at, seen): (Time, &crate::puppet::Seen)| match &seen.what {
        What::Disk(op, result) => Some((at, *op, result.clone())),
        _ => None,
    };
    seen(world, 0).into_iter().filter_map(disk).collect()
}

fn names(world: &World<Puppet>) -> Vec<&'static str> {
    ended(world).into_iter().map(|(_, op, _)| op).collect()
}

fn write_to(op: &'static str, file: &'static str, offset: u64, bytes: impl Into<Vec<u8>>) -> Act {
    let parts = bytes.into().into();
    Act::Disk(op, DiskCommand::Write { file: file.into(), offset, parts })
}

#[test]
fn operations_on_different_files_end_in_any_order_and_those_of_one_file_as_they_were_asked() {
    let mut orders = BTreeSet::new();
    for seed in 0..200 {
        let mut world = stage(seed, &[0]);
        let (a, b) = (write_to("a1", "a", 0, "x"), write_to("b1", "b", 0, "x"));
        tell(&mut world, 0, &[a, write_to("a2", "a", 1, "y"), b, write_to("b2", "b", 1, "y")]);
        world.run_until(at(20));
        let names = names(&world);
        let position = |name| names.iter().position(|&ended| ended == name).unwrap();
        assert!(position("a1") < position("a2") && position("b1") < position("b2"), "{names:?}");
        orders.insert(names);
    }
    assert_eq!(orders.len(), 6, "all that keep the order of each file: {orders:?}");
}

#[test]
fn a_read_waits_for_the_writes_before_it_and_for_no_sync() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..100 {
        let mut world = stage(seed, &[0]);
        let whole = DiskCommand::Read { file: "file".into(), offset: 0, length: 9 };
        tell(&mut world, 0, &[write(0, "abc"), sync(), Act::Disk("read", whole)]);
        tell(&mut world, 0, &[write(3, "def")]);
        world.run_until(at(20));
        let ended = ended(&world);
        let bytes = ended.iter().find(|(_, op, _)| *op == "read").unwrap().2.clone();
        let later = bytes == Ok(DiskAnswer::Bytes("abcdef".into()));
        assert!(later || bytes == Ok(DiskAnswer::Bytes("abc".into())), "{bytes:?}");
        let place = |name| ended.iter().position(|(_, op, _)| *op == name).unwrap();
        *if place("read") < place("sync") { &mut before } else { &mut after } += 1;
    }
    assert!(before > 80 && after > 0, "{before} before the sync, {after} after it");
}

#[test]
fn one_more_file_shifts_no_other_files_draws() {
    let ends = |others: &[Act]| {
        let mut world = stage(7, &[0]);
        world.begin(Fault::FailingDisk { node: 0.into(), ppm: 300_000 });
        tell(&mut world, 0, others);
        for number in 0..30 {
            tell(&mut world, 0, &[write(number, "x")]);
            tell(&mut world, 0, others);
        }
        world.run_until(at(30));
        let mut ends = ended(&world);
        ends.retain(|(_, op, _)| *op == "write");
        ends
    };
    let alone = ends(&[]);
    assert_eq!(alone, ends(&[write_to("other", "other", 0, "x")]));
    assert!(alone.iter().any(|(_, _, result)| result.is_err()));
}

#[test]
fn what_is_asked_of_one_file_waits_for_the_bytes_of_all() {
    let took = |bytes: usize, synced: &'static str| {
        let mut world = stage(3, &[0]);
        tell(&mut world, 0, &[write_to("w", "big", 0, vec![7; bytes]), write(0, "x")]);
        world.run_until(at(10));
        let file = synced.into();
        tell(&mut world, 0, &[Act::Disk("big", DiskCommand::Sync { file, data_only: false })]);
        tell(&mut world, 0, &[sync()]);
        world.run_until(at(200));
        let ended = ended(&world);
        let at_of = |name| ended.iter().find(|(_, op, _)| *op == name).unwrap().0;
        (at_of("big").since(at(10)), at_of("sync").since(at(10)))
    };
    // 64 MiB at 500 ns a KiB.
    let (moved, bytes) = (ms(32), 64 << 20);
    let (big, small) = took(bytes, "big");
    assert!(big > moved && big < moved + ms(5), "a sync costs its dirty bytes: {big:?}");
    assert!(small > moved && small < moved + ms(5), "and others wait for them: {small:?}");
    let (big, small) = took(100, "big");
    assert!(big < ms(5) && small < ms(5), "{big:?} {small:?}");
    let (_, small) = took(bytes, "nothing");
    assert!(small < ms(5), "what nobody syncs is moved by nobody: {small:?}");
}

/// The incident: a disk that had refused a write took the time to move it all the same, with the next sync.
#[test]
fn a_sync_moves_nothing_of_what_was_refused() {
    let large = || write_to("large", "file", 0, vec![7; 64 << 20]);
    let took = |full_first: bool, synced_with_it: bool| {
        let mut world = stage(9, &[0]);
        tell(&mut world, 0, &[write(0, "x"), sync()]);
        world.run_until(at(20));
        if full_first {
            world.full_disk(0);
        }
        tell(&mut world, 0, &[large()]);
        world.run_until(at(20));
        if !full_first {
            world.full_disk(0);
        }
        world.run_until(at(if synced_with_it { 20 } else { 30 }));
        let begun = world.now();
        tell(&mut world, 0, &[sync()]);
        world.run_until(at(200));
        let ended = ended(&world);
        let of = |name| ended.iter().rfind(|(_, op, _)| *op == name).unwrap().clone();
        assert_eq!(of("large").2, Err(DiskError::Full));
        of("sync").0.since(begun)
    };
    for (full_first, synced_with_it) in [(true, true), (true, false), (false, false)] {
        let took = took(full_first, synced_with_it);
        assert!(took < ms(6), "{full_first} {synced_with_it}: {took:?}");
    }
    assert!(took(false, true) > ms(30), "who was asked before it was full moved it in vain");
}

#[test]
fn a_sync_of_bytes_alone_is_quicker_where_the_length_stays() {
    let took = |data_only, offset| {
        let mut total = ms(0);
        for seed in 0..60 {
            let mut world = stage(seed, &[0]);
            tell(&mut world, 0, &[write(0, "old text"), sync(), write(offset, "new")]);
            world.run_until(at(20));
            let file = "file".into();
            tell(&mut world, 0, &[Act::Disk("again", DiskCommand::Sync { file, data_only })]);
            world.run_until(at(40));
            total += ended(&world).last().unwrap().0.since(at(20));
        }
        total
    };
    let (quick, slow) = (took(true, 0), took(false, 0));
    assert!(quick * 3 < slow * 2, "{quick:?} {slow:?}");
    assert_eq!(took(true, 8), took(false, 8), "the length has to be written too");
}

#[test]
fn after_a_crash_each_file_shows_a_beginning_of_what_was_on_its_way_apart_for_each() {
    let mut found = BTreeSet::new();
    for seed in 0..400 {
        let mut world = stage(seed, &[0]);
        let slow = world.begin(Fault::SlowDisk { node: 0.into(), times: 100_000 });
        for file in ["a", "b"] {
            let acts = [0, 1, 2].map(|place| write_to("w", file, place, "x"));
            tell(&mut world, 0, &acts);
        }
        world.run_until(at(5));
        world.schedule(at(5), at(10), Fault::Crash { node: 0.into() });
        world.run_until(at(10));
        world.end(slow);
        found.insert(["a", "b"].map(|file| world.file(crate::puppet::node(0), file)));
    }
    let beginnings =
        ["", "x", "xx", "xxx"].map(|text| Some(text.into()).filter(|_| !text.is_empty()));
    for a in &beginnings {
        for b in &beginnings {
            assert!(found.remove(&[a.clone(), b.clone()]), "never {a:?} and {b:?}");
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

/// Names of operations, by number.
const OPS: [&str; 40] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32",
    "33", "34", "35", "36", "37", "38", "39",
];

fn any_command(random: &mut Random, number: usize) -> DiskCommand {
    let file: FileName = ["a", "b", "ab"][random.next_u32() as usize % 3].into();
    let (offset, length) = (u64::from(random.next_u32() % 6), u64::from(random.next_u32() % 6));
    let parts = vec![b'a' + number as u8; length as usize].into();
    match random.next_u32() % 12 {
        0..=2 => DiskCommand::Write { file, offset, parts },
        3 | 4 => DiskCommand::Sync { file, data_only: length > 2 },
        5 => DiskCommand::Truncate { file, length },
        6 => DiskCommand::Replace { file, parts },
        7 => DiskCommand::Delete { file },
        8 => DiskCommand::Allocate { file, length },
        9 => DiskCommand::Length { file },
        10 => DiskCommand::List { prefix: ["", "a"][length as usize % 2].into() },
        _ => DiskCommand::Read { file, offset, length },
    }
}

fn looks(command: &DiskCommand) -> bool {
    matches!(
        command,
        DiskCommand::Read { .. } | DiskCommand::Length { .. } | DiskCommand::List { .. }
    )
}

/// What the operations of each file give, one after the other, on a disk on which nothing is in flight; for
/// those that look, what they may give: as after all changes before them, or more.
fn allowed(commands: &[DiskCommand]) -> Vec<Vec<DiskResult>> {
    let mut allowed = vec![Vec::new(); commands.len()];
    let mut disks: BTreeMap<&FileName, MemoryDisk> = BTreeMap::new();
    let mut asked: BTreeMap<&FileName, Vec<usize>> = BTreeMap::new();
    for (number, command) in commands.iter().enumerate() {
        let Some(file) = command.file() else { continue };
        let disk = disks.entry(file).or_default();
        if looks(command) {
            asked.entry(file).or_default().push(number);
            allowed[number].push(disk.perform(command.clone()));
            continue;
        }
        allowed[number].push(disk.perform(command.clone()));
        for &look in asked.get(file).into_iter().flatten() {
            allowed[look].push(disk.perform(commands[look].clone()));
        }
    }
    allowed
}

#[test]
fn any_operations_on_several_files_end_as_they_may() {
    for seed in 0..300 {
        let mut random = Random::seed_from_u64(seed);
        let commands: Vec<DiskCommand> =
            (0..OPS.len()).map(|number| any_command(&mut random, number)).collect();
        let mut world = stage(seed, &[0]);
        let mut order: BTreeMap<&FileName, Vec<usize>> = BTreeMap::new();
        for (number, command) in commands.iter().enumerate() {
            tell(&mut world, 0, &[Act::Disk(OPS[number], command.clone())]);
            if random.next_u32().is_multiple_of(3) {
                world.run_for(std::time::Duration::from_micros(u64::from(
                    random.next_u32() % 1_000,
                )));
            }
        }
        world.run_for(ms(500));
        let (allowed, ended) = (allowed(&commands), ended(&world));
        assert_eq!(ended.len(), OPS.len(), "each is told, once");
        for (_, op, result) in &ended {
            let number: usize = op.parse().unwrap();
            let Some(file) = commands[number].file() else { continue };
            assert!(
                allowed[number].contains(result),
                "seed {seed}: {:?} gave {result:?}, not one of {:?}",
                commands[number],
                allowed[number],
            );
            if !looks(&commands[number]) {
                order.entry(file).or_default().push(number);
            }
        }
        assert!(order.values().all(|numbers| numbers.is_sorted()), "seed {seed}: {order:?}");
    }
}

#[test]
fn a_list_sees_what_had_ended_when_it_was_asked_for() {
    let mut later = 0;
    for seed in 0..100 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write_to("w", "log-1", 0, "x"), write_to("w", "other", 0, "x")]);
        world.run_until(at(5));
        let list = Act::Disk("list", DiskCommand::List { prefix: "log-".into() });
        tell(&mut world, 0, &[write_to("w", "log-2", 0, "x"), list]);
        world.run_until(at(10));
        let result = ended(&world).into_iter().find(|(_, op, _)| *op == "list").unwrap().2;
        let Ok(DiskAnswer::Names(names)) = result else { panic!("{result:?}") };
        assert!(names == ["log-1"] || names == ["log-1", "log-2"], "{names:?}");
        later += usize::from(names.len() == 2);
    }
    assert!((20..80).contains(&later), "{later}");
}

#[test]
fn a_hung_disk_ends_nothing_and_goes_on_where_it_was() {
    let mut world = stage(4, &[0]);
    world.run_until(at(10));
    tell(&mut world, 0, &[write(0, "x"), sync()]);
    world.step();
    let hung = world.begin(Fault::HungDisk { node: 0.into() });
    world.run_until(at(20));
    tell(&mut world, 0, &[write(1, "y"), write_to("other", "other", 0, "z")]);
    world.run_until(at(5_000));
    assert!(names(&world).is_empty());
    world.end(hung);
    world.run_until(at(5_010));
    let names = names(&world);
    assert!(names.contains(&"other"));
    let of_the_file: Vec<_> = names.into_iter().filter(|&name| name != "other").collect();
    assert_eq!(of_the_file, ["write", "sync", "write"]);
    assert_eq!(read(&mut world, 0).unwrap(), "xy");
}
