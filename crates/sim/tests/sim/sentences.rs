//! Faults as a scenario says them.

use machine::DiskCommand;
use sim::{Counts, Fault, FaultId, FaultKind, Script, World};

use crate::puppet::{Act, Puppet, at, heard, ms, node, replace, stage, tell, tell_at, write};

#[test]
fn a_partition_is_said_as_it_is_thought() {
    let mut world = stage(1, &[0; 4]);
    let cut = world.partition([1, 2], [3]);
    tell(&mut world, 1, &[Act::Send(2, 12), Act::Send(3, 13)]);
    tell(&mut world, 3, &[Act::Send(0, 30)]);
    world.run_until(at(50));
    assert_eq!([0, 2, 3].map(|number| heard(&world, number)), [vec![30], vec![12], vec![]]);
    world.end(cut);
    world.run_until(at(100));
    assert_eq!(heard(&world, 3), [13]);
}

#[test]
fn a_word_is_a_role() {
    let mut world = stage(2, &[0, 0]);
    tell_at(&mut world, 0, 1, &[Act::Play("leader")]);
    world.run_until(at(10));
    world.crash("leader");
    assert!(world.machine(node(0)).is_some() && world.machine(node(1)).is_none());
}

#[test]
fn a_role_may_be_one_in_a_group() {
    let mut world = stage(2, &[0; 4]);
    tell_at(&mut world, 0, 1, &[Act::PlayIn(6, "leader"), Act::PlayIn(7, "follower")]);
    tell_at(&mut world, 0, 2, &[Act::PlayIn(7, "leader"), Act::PlayIn(6, "follower")]);
    tell_at(&mut world, 0, 3, &[Act::Play("leader")]);
    world.run_until(at(10));
    let up = |world: &World<Puppet>| [0, 1, 2, 3].map(|id| world.machine(node(id)).is_some());
    let crash = world.crash("leader/7");
    assert_eq!(world.fault(crash).to_string(), "the leader of group 7 crashes");
    assert_eq!(up(&world), [true, true, false, true]);
    world.crash("leader/9");
    assert_eq!(up(&world), [true, true, false, true], "nobody leads it");
    world.crash("leader");
    assert_eq!(up(&world), [true, false, false, true], "in any group, the lowest number");
    world.crash("leader");
    assert_eq!(up(&world), [true, false, false, false], "or as a whole");
}

const NOBODY: [u32; 0] = [];

type Sentence = fn(&mut World<Puppet>) -> FaultId;

/// Every kind of fault, in the order of [`FaultKind::ALL`].
const SENTENCES: [(Sentence, &str); 33] = [
    (|world| world.partition([0], [1, 2]), "n0 cut off from n1,n2"),
    (|world| world.one_way_partition([0], [1]), "n0 cannot send to n1"),
    (|world| world.flapping_link([0], [1], ms(8)), "n0 and n1 flap every 8 ms"),
    (|world| world.loss([0], 500_000), "n0 lose 50% of datagrams"),
    (|world| world.duplication([0], 500_000), "50% of datagrams of n0 arrive twice"),
    (|world| world.reordering([0], 500_000, ms(3)), "50% of datagrams of n0 come 3 ms late"),
    (|world| world.delay([0], ms(3)), "n0 are 3 ms farther away"),
    (|world| world.slow_link([0], [1], 9), "the links of n0 and n1 are 9 times as slow"),
    (|world| world.lossy_link([0], [1], 500_000), "the links of n0 and n1 lose 50%"),
    (
        |world| world.drop_messages("even-number", [0], [1]),
        "every even-number of n0 to n1 is dropped",
    ),
    (|world| world.link_reset([0], [1]), "streams of n0 and n1 reset"),
    (|world| world.crash(0), "n0 crashes"),
    (|world| world.power_loss(0), "n0 loses power"),
    (|world| world.torn_write(0), "n0 loses power while it writes"),
    (|world| world.rolling_restart([0, 1]), "n0,n1 restart in turn"),
    (|world| world.zone_loss(0), "zone 0 loses power"),
    (|world| world.pause(0), "n0 pauses"),
    (|world| world.slow_node(0, ms(3)), "n0 takes 3 ms an input"),
    (|world| world.snapshot_resumed(0), "n0 is snapshotted, and resumed from it"),
    (|world| world.misdirected_write(0, 500_000), "50% of the writes of n0 land elsewhere"),
    (|world| world.bit_rot(0, 3), "3 bits rot on the disk of n0"),
    (|world| world.bad_sector(0, 2), "2 sectors on the disk of n0 cannot be read"),
    (|world| world.full_disk(0), "the disk of n0 is full"),
    (|world| world.slow_disk(0, 9), "the disk of n0 is 9 times as slow"),
    (|world| world.hung_disk(0), "the disk of n0 hangs"),
    (|world| world.failing_disk(0, 500_000), "50% of disk operations of n0 fail"),
    (|world| world.file_cut(0, "f"), "n0 crashes, and a synced file is shorter, in files f*"),
    (|world| world.file_missing(0, "f"), "n0 crashes, and a synced file is gone, in files f*"),
    (|world| world.disk_replaced(0), "the disk of n0 is replaced"),
    (|world| world.clock_jump(0, ms(3)), "the clock of n0 is 3 ms ahead"),
    (|world| world.clock_rollback(0, ms(3)), "the clock of n0 is 3 ms behind"),
    (|world| world.clock_drift(0, -200), "the clocks of n0 drift by -200 ppm"),
    (|world| world.clock_smear(0, 200), "the clock of n0 is smeared by 200 ppm"),
];

#[test]
fn every_kind_of_fault_has_its_sentence() {
    for ((sentence, said), kind) in SENTENCES.iter().zip(FaultKind::ALL) {
        let mut world = stage(3, &[0; 3]);
        // There must be something on the disk for bits to rot, and a stream to reset.
        tell(&mut world, 0, &[replace("text"), Act::Send(1, 1)]);
        world.run_until(at(100));
        let fault = sentence(&mut world);
        assert_eq!(world.fault(fault).kind(), *kind);
        // Somebody reads it; then something wants space, may fail and may land elsewhere.
        let whole = DiskCommand::Read { file: "file".into(), offset: 0, length: 9 };
        tell(&mut world, 0, &[Act::Disk("read", whole)]);
        world.run_for(ms(50));
        tell(&mut world, 0, &[0; 20].map(|_| write(0, "more than there was")));
        // And messages to lose, to delay and to pick.
        tell(&mut world, 0, &[0; 20].map(|_| Act::Datagram(1, 2)));
        world.run_for(ms(100));
        if *kind == FaultKind::SnapshotResumed {
            world.end(fault);
        }
        assert_eq!(*world.fault_counts(), Counts::from([(kind.name().into(), 1)]), "{said}");
        let shown: &Fault = world.fault(fault);
        assert_eq!((shown.kind(), shown.to_string().as_str()), (*kind, *said));
        let json = serde_json::to_string(shown).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), *shown, "{json}");
    }
    assert_eq!(SENTENCES.len(), FaultKind::ALL.len());
}

#[test]
fn late_messages_and_anybody_have_their_sentences_too() {
    let mut world = stage(4, &[0; 3]);
    let late = world.delay_messages("even-number", NOBODY, [2], ms(5));
    assert_eq!(world.fault(late).to_string(), "every even-number to n2 comes 5 ms late");
    let gone = world.drop_messages("even-number", [1], NOBODY);
    assert_eq!(world.fault(gone).to_string(), "every even-number of n1 is dropped");
}

#[test]
fn a_gray_failure_is_one_sentence_and_three_faults() {
    let mut world = stage(5, &[0; 3]);
    let said = world.gray_failure(1, [0, 2]).map(|fault| world.fault(fault).to_string());
    assert_eq!(
        said,
        [
            "n1 takes 2 ms an input",
            "the disk of n1 is 20 times as slow",
            "the links of n1 and n0,n2 lose 2%",
        ]
    );
}
