//! How a boot begins, how it ends, and what it finds.

use std::time::Duration;

use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, GRACE, Link};

use super::probe::{Act, FIRST, FIRST_BYTES, What};
use super::{Lab, links};

const KEPT: FileName = FileName::Borrowed("kept");

fn read(op: u32, file: FileName) -> Act {
    Act::Disk(op, DiskCommand::Read { file, offset: 0, length: 1 << 20 })
}

fn write(op: u32, offset: u64) -> Act {
    Act::Disk(op, DiskCommand::Write { file: KEPT, offset, parts: "kept".into() })
}

fn send(to: u32, count: u32) -> Act {
    Act::Send { to, link: Link::Stream, weight: 100, count }
}

fn ended(lab: &impl Lab, node: u32, op: u32) -> bool {
    lab.count(node, |what| matches!(what, What::Disk(ended, _) if *ended == op)) > 0
}

fn assert_ended(lab: &impl Lab, op: u32, result: DiskResult) {
    let how = lab.count(0, |what| *what == What::Disk(op, result.clone()));
    assert_eq!(how, 1, "{op} ended otherwise: {:?}", lab.log(0));
}

fn is_noted(lab: &impl Lab, node: u32, number: u32) -> bool {
    lab.count(node, |what| *what == What::Noted(number)) > 0
}

/// Timers, operations and letters are all under way when it dies.
pub(super) fn a_boot_begins_with_its_start_and_has_nothing_from_before(lab: &mut impl Lab) {
    lab.tell(0, &[write(1, 0), Act::Disk(2, DiskCommand::Sync { file: KEPT, data_only: false })]);
    lab.wait_until("it is synced", |lab| ended(lab, 0, 2));
    let many = (100..200).map(|op| write(op, 4 * u64::from(op)));
    let timers = (0..10).map(|timer| Act::Set(timer, Duration::from_millis(50)));
    lab.tell(0, &timers.chain(many).chain([send(1, 10)]).collect::<Vec<_>>());
    lab.tell(1, &[send(0, 10)]);
    lab.kill(0);
    let before = lab.log(0).len();
    lab.wait_until("n1 is told", |lab| lab.resets(1, 0) == 1);
    lab.restart(0).unwrap();
    lab.settle();
    let boot = lab.log(0).split_off(before);
    assert!(matches!(boot[..], [ref only] if matches!(only.what, What::Started(_))), "{boot:?}");
    assert_eq!(lab.log(0)[0].what, boot[0].what, "and it is the same disk");

    lab.tell(0, &[read(3, KEPT)]);
    lab.tell(1, &[send(0, 1)]);
    lab.wait_until("it reads", |lab| ended(lab, 0, 3));
    lab.wait_until("it hears", |lab| {
        lab.log(0)[before..].iter().any(|seen| matches!(seen.what, What::Heard { .. }))
    });
    let survived = |what: &What| matches!(what, What::Disk(3, Ok(DiskAnswer::Bytes(bytes))) if bytes.starts_with(b"kept"));
    assert_eq!(lab.count(0, survived), 1, "the disk is what survives: {:?}", lab.log(0));
    links::judge(lab, 1, 0);
    links::judge(lab, 0, 1);
}

pub(super) fn outputs_are_carried_out_in_order_and_none_after_a_halt(lab: &mut impl Lab) {
    lab.tell(
        0,
        &[Act::Note(1), send(1, 1), Act::Note(2), Act::Set(1, Duration::ZERO), Act::Note(3)],
    );
    lab.wait_until("n1 hears", |lab| links::heard(lab, 0, 1, Link::Stream).len() == 1);
    lab.wait_until("the timer fires", |lab| lab.count(0, |what| *what == What::Timer(1)) == 1);
    let order = lab.log(0).into_iter().filter(|seen| !matches!(seen.what, What::Started(_)));
    let order: Vec<_> = order.map(|seen| seen.what).collect();
    assert!(
        matches!(order[1], What::Sent { .. }) && matches!(order[3], What::Set(..)),
        "{order:?}"
    );
    let noted = [0, 2, 4].map(|place| order[place].clone());
    assert_eq!(noted, [1, 2, 3].map(What::Noted));
    assert_eq!(order[5..], [What::Timer(1)]);

    let after = [Act::Note(5), send(1, 1), send(2, 1), Act::Set(2, Duration::ZERO), write(4, 0)];
    let halts = [Act::Note(4), Act::Halt].into_iter().chain(after).collect::<Vec<_>>();
    lab.tell(0, &halts);
    lab.wait_until("it is gone", |lab| !lab.is_up(0));
    lab.settle();
    assert!(is_noted(lab, 0, 4) && !is_noted(lab, 0, 5), "{:?}", lab.log(0));
    assert_eq!(links::heard(lab, 0, 1, Link::Stream).len(), 1, "sent after its end");
    assert_eq!(links::heard(lab, 0, 2, Link::Stream).len(), 0, "sent after its end");
    assert!(!ended(lab, 0, 4));
}

pub(super) fn a_new_disk_holds_the_first_files_and_a_lost_one_stays_lost(lab: &mut impl Lab) {
    lab.tell(0, &[read(1, FIRST)]);
    lab.wait_until("it reads", |lab| ended(lab, 0, 1));
    assert_ended(lab, 1, Ok(DiskAnswer::Bytes(FIRST_BYTES)));
    lab.tell(0, &[Act::Disk(2, DiskCommand::Delete { file: FIRST })]);
    lab.wait_until("it is deleted", |lab| ended(lab, 0, 2));
    assert_ended(lab, 2, Ok(DiskAnswer::Done));
    lab.kill(0);
    match lab.restart(0) {
        Ok(()) => {
            lab.tell(0, &[read(3, FIRST)]);
            lab.wait_until("it reads", |lab| ended(lab, 0, 3));
            assert_ended(lab, 3, Err(DiskError::NotFound));
        }
        // A world that knows better refuses to begin it, for this reason and no other.
        Err(why) => assert!(why.contains(&format!("has lost its file disk/{FIRST}")), "{why}"),
    }
}

fn stops(lab: &impl Lab, node: u32) -> usize {
    lab.count(node, |what| *what == What::Stop)
}

pub(super) fn a_stop_is_told_once_and_the_node_ends_when_it_is_answered(lab: &mut impl Lab) {
    lab.tell(0, &[Act::Linger]);
    lab.stop(0);
    lab.stop(0);
    lab.wait_until("it is told", |lab| stops(lab, 0) > 0);
    lab.settle();
    assert!(lab.is_up(0), "it has not answered");
    lab.tell(0, &[Act::Note(1), send(1, 1), Act::Stopped, Act::Note(2), send(1, 1)]);
    lab.wait_until("it has ended", |lab| !lab.is_up(0));
    lab.wait_until("n1 is told", |lab| lab.resets(1, 0) == 1);
    lab.settle();
    assert!(is_noted(lab, 0, 1), "what it still did was done");
    assert!(!is_noted(lab, 0, 2), "it did more after its end");
    assert!(links::heard(lab, 0, 1, Link::Stream).len() <= 1, "sent after its end");
    assert_eq!(stops(lab, 0), 1);
}

/// Timers show that it goes on until then.
pub(super) fn who_does_not_answer_a_stop_dies_when_the_grace_ends(lab: &mut impl Lab) {
    let shorter = GRACE.mul_f64(0.8);
    lab.tell(0, &[Act::Linger, Act::Set(1, shorter), Act::Set(2, 2 * GRACE)]);
    lab.stop(0);
    lab.wait_until("it goes on", |lab| lab.count(0, |what| *what == What::Timer(1)) == 1);
    assert!(lab.is_up(0));
    lab.wait_until("it has ended", |lab| !lab.is_up(0));
    assert_eq!(stops(lab, 0), 1);
    assert_eq!(lab.count(0, |what| *what == What::Timer(2)), 0, "that was long after the grace");
}

pub(super) fn whoever_dies_otherwise_is_told_nothing(lab: &mut impl Lab) {
    lab.kill(0);
    lab.tell(1, &[Act::Halt]);
    lab.wait_until("both are gone", |lab| !lab.is_up(0) && !lab.is_up(1));
    lab.settle();
    assert_eq!([stops(lab, 0), stops(lab, 1)], [0, 0]);
}
