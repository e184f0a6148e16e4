//! What an operator hears of a worker that mints nothing: when it begins, why, and when it is over.

use std::time::Duration;

use machine::{DiskAnswer, DiskError, Input, Machine, Output};
use snowflake::{Grant, LEASE, Message, Note, Op, Refusal, Snowflake, Timer, Wanted, Worker};

use crate::machines::{AUTHORITY, Hand, MS, fixed, holder, ready, refusal, replaced, wanted};

fn notes(outputs: &[Output<Snowflake>]) -> Vec<Note> {
    let note = |output: &Output<Snowflake>| match output {
        Output::Note(note) => Some(note.clone()),
        _ => None,
    };
    outputs.iter().filter_map(note).collect()
}

fn looks_again(outputs: &[Output<Snowflake>]) -> bool {
    let look =
        |output: &Output<Snowflake>| matches!(output, Output::SetTimer { timer: Timer::Look, .. });
    outputs.iter().any(look)
}

fn look(worker: &mut Hand<Worker>) -> Vec<Output<Snowflake>> {
    worker.give(Input::Timer(Timer::Look))
}

fn role(worker: &Hand<Worker>) -> &'static str {
    worker.machine.inspect().role
}

#[test]
fn a_clock_that_is_set_back_is_told_of_once_and_once_when_it_has_caught_up() {
    let (mut worker, _) = ready();
    worker.wall = worker.wall - MS * 5_000;
    let first = worker.mint(1, 1);
    assert_eq!(refusal(&first), Some(Refusal::ClockBehind));
    let by = MS * 5_000;
    let stopped = Note::Stopped { why: Refusal::ClockBehind, off: by };
    assert_eq!(notes(&first), [Note::ClockWentBack { by }, stopped]);
    assert_eq!(role(&worker), "refusing");
    assert!(worker.machine.inspect().state.contains("the wall clock went back"));
    for token in 2..50 {
        worker.wait(MS * 80);
        let more = worker.mint(token, 1);
        assert_eq!((refusal(&more), notes(&more)), (Some(Refusal::ClockBehind), Vec::new()));
    }
    // Nobody asks any more, and it is not forgotten for that.
    assert!(looks_again(&look(&mut worker)));
    worker.wait(MS * 1_200);
    let over = look(&mut worker);
    assert_eq!(notes(&over), [Note::Resumed { after: MS * 5_040 }]);
    assert!(!looks_again(&over) && role(&worker) == "worker");
}

#[test]
fn a_small_step_is_waited_out_and_each_step_is_noted_by_what_it_adds() {
    let (mut worker, _) = ready();
    worker.wall = worker.wall - MS * 300;
    assert_eq!(notes(&worker.mint(1, 1)), [Note::ClockWentBack { by: MS * 300 }]);
    worker.wait(MS * 100);
    assert_eq!(notes(&worker.mint(2, 1)), [], "it is 200 ms behind, as it must be");
    worker.wall = worker.wall - MS * 50;
    assert_eq!(notes(&worker.mint(3, 1)), [Note::ClockWentBack { by: MS * 50 }]);
    worker.wait(MS * 251);
    worker.give(Input::Timer(Timer::Serve));
    worker.wall = worker.wall - MS * 10;
    assert_eq!(notes(&worker.mint(4, 1)), [Note::ClockWentBack { by: MS * 10 }], "anew");
    assert_eq!(role(&worker), "worker");
}

#[test]
fn a_restart_below_the_mark_is_no_step_back() {
    let (before, mark) = ready();
    let mut after = fixed();
    after.wall = before.wall + MS * 150;
    let loaded = after.disk(Op::Loaded, Ok(DiskAnswer::Bytes(mark)));
    assert_eq!(notes(&loaded), [Note::StartedBelowMark]);
    assert_eq!(notes(&after.mint(1, 1)), []);
    after.wall = after.wall - MS * 100;
    assert_eq!(notes(&after.mint(2, 1)), [Note::ClockWentBack { by: MS * 100 }]);
}

/// Who is turned away by a worker that is not well asks another, so the worker tries by itself.
#[test]
fn a_full_disk_is_tried_again_though_nobody_asks() {
    let mut worker = fixed();
    worker.load_first();
    worker.mint(1, 1);
    let full = worker.disk(Op::Saved, Err(DiskError::Full));
    let stopped = Note::Stopped { why: Refusal::DiskFull, off: Duration::ZERO };
    assert_eq!((notes(&full), role(&worker)), (vec![stopped], "refusing"));
    worker.wait(MS * 100);
    assert!(replaced(&look(&mut worker)).is_some());
    assert_eq!(notes(&worker.disk(Op::Saved, Err(DiskError::Full))), []);
    worker.wait(MS * 100);
    assert!(replaced(&look(&mut worker)).is_some());
    let saved = worker.disk(Op::Saved, Ok(DiskAnswer::Done));
    assert_eq!(notes(&saved), [Note::Resumed { after: MS * 200 }]);
    assert_eq!(role(&worker), "worker");
    assert!(replaced(&look(&mut worker)).is_none(), "an idle worker does not write");
}

#[test]
fn a_lease_that_is_not_renewed_is_noticed_though_nobody_asks() {
    let (mut worker, grant) = holder();
    worker.wait(LEASE - MS);
    assert_eq!(notes(&worker.give(Input::Timer(Timer::Lease))), []);
    worker.wait(MS);
    let asked = worker.give(Input::Timer(Timer::Lease));
    let stopped = Note::Stopped { why: Refusal::NotReady, off: Duration::ZERO };
    assert_eq!((notes(&asked), role(&worker)), (vec![stopped], "refusing"));
    worker.wait(LEASE);
    let Wanted { request, .. } = wanted(&worker.give(Input::Timer(Timer::Lease)));
    let (ceiling, wall) = (worker.wall + LEASE, worker.wall - MS * 30);
    worker.wait(MS * 20);
    let renewed =
        worker.tell(AUTHORITY, Message::Granted(Grant { request, ceiling, wall, ..grant }));
    let compared = Note::Compared { distance: MS * 50 };
    assert_eq!(notes(&renewed), [compared, Note::Resumed { after: LEASE + MS * 20 }]);
    assert_eq!(role(&worker), "holder");
}

#[test]
fn a_clock_far_from_the_authoritys_is_noticed_and_by_how_much() {
    let (mut worker, _) = holder();
    worker.wall = worker.wall + MS * 101;
    let asked = worker.give(Input::Timer(Timer::Lease));
    let stopped = Note::Stopped { why: Refusal::ClockWrong, off: MS * 101 };
    assert_eq!(notes(&asked), [stopped]);
    worker.wall = worker.wall - MS;
    assert_eq!(notes(&look(&mut worker)), [Note::Resumed { after: Duration::ZERO }]);
}

#[test]
fn what_is_logged_says_what_holds_it_up() {
    let said = |why, off| format!("{:?}", Note::Stopped { why, off });
    let behind = said(Refusal::ClockBehind, MS * 5_000);
    assert!(behind.contains("5s behind what was minted, has caught up"), "{behind}");
    assert!(said(Refusal::NotReady, Duration::ZERO).contains("until it is given a lease"));
}
