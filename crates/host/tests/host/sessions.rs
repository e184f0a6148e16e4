//! Visitors as nodes: each has its answers, and the machine is told of those who go with something owed.

use std::collections::BTreeSet;
use std::time::Duration;

use host::{NoAnswer, SESSIONS, Session};
use machine::{CREDIT, LONGEST, WINDOW};

use crate::clerk::{Open, Paper, part};

fn wait<T>(answer: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    let bounded = async { tokio::time::timeout(Duration::from_secs(60), answer).await };
    runtime.block_on(bounded).expect("it comes")
}

fn later(token: u64) -> Paper {
    Paper::Later { token }
}

#[test]
fn an_answer_that_is_there_at_once_is_not_waited_for() {
    let office = Open::new();
    let session = Session::new(&office.0);
    let mut answers = session.ask(|token| Paper::Now { token, parts: 3 });
    for number in 1..=3 {
        assert_eq!(part(answers.at_once()), Some((number, number == 3)));
    }
    assert_eq!(answers.at_once(), None);
    assert_eq!(wait(answers.next()), None);
    drop(answers);
    assert!(!session.is_over());
    assert_eq!(office.look(|clerk| clerk.resets.len()), 0);
}

#[test]
fn each_session_is_a_node_and_gets_its_own_answers() {
    let office = Open::new();
    let sessions: Vec<_> = (0..4).map(|_| Session::new(&office.0)).collect();
    let mut asked: Vec<_> = sessions.iter().map(|session| session.ask(later)).collect();
    let again = sessions[0].ask(later);
    office.go(false, 64);
    asked.push(again);
    office.go(true, 64);
    for answers in &mut asked {
        assert_eq!(part(wait(answers.next())), Some((1, false)));
        assert_eq!(part(wait(answers.next())), Some((2, true)));
        assert_eq!(wait(answers.next()), None);
    }
    let askers: Vec<_> = office.look(|clerk| clerk.askers.clone());
    assert!(askers.iter().all(|asker| *asker >= SESSIONS));
    assert_eq!(askers.iter().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(askers[4], askers[0]);
    drop((asked, sessions));
    assert_eq!(office.look(|clerk| clerk.resets.clone()), [], "nothing was owed to anybody");
}

/// Before the first answer, between two, and with the last one on its way.
#[test]
fn the_machine_is_told_of_who_goes_while_something_is_owed() {
    for (parts, is_last) in [(0, false), (1, false), (2, false), (2, true)] {
        let office = Open::new();
        let session = Session::new(&office.0);
        let mut answers = session.ask(later);
        for number in 1..=parts {
            office.go(is_last && number == parts, 64);
        }
        if parts > 1 {
            assert_eq!(part(wait(answers.next())), Some((1, false)));
        }
        drop(answers);
        let told = office.look(|clerk| clerk.resets.clone());
        let expected = if is_last { vec![] } else { vec![session.number()] };
        assert_eq!(told, expected, "after {parts} parts, the last one among them: {is_last}");
        assert_eq!(session.is_over(), !is_last);
        // What comes now, comes to nobody.
        office.go(true, 64);
    }
}

#[test]
fn who_no_longer_waits_for_one_answer_still_gets_the_others() {
    let office = Open::new();
    let session = Session::new(&office.0);
    let (one, mut other) = (session.ask(later), session.ask(later));
    drop(one);
    assert_eq!(office.look(|clerk| clerk.resets.len()), 0);
    assert_eq!(wait(session.ask(later).next()), None, "a session that is over asks nothing");
    assert_eq!(office.look(|clerk| clerk.owes()), 2);
    office.go(true, 64);
    assert_eq!(part(wait(other.next())), Some((1, true)));
    assert_eq!(office.look(|clerk| clerk.resets.clone()), [session.number()]);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_given_up() {
    let office = Open::new();
    let session = Session::new(&office.0);
    let late = wait(session.ask_once(Duration::from_millis(1), later));
    assert_eq!(late, Err(NoAnswer::Late));
    assert_eq!(office.look(|clerk| clerk.resets.clone()), [session.number()]);
    let asked = Session::new(&office.0).ask(later);
    office.0.stop();
    let mut asked = asked;
    assert_eq!(wait(asked.next()), None, "a machine that has stopped answers nobody");
    let after = wait(Session::new(&office.0).ask_once(Duration::from_secs(9), later));
    assert_eq!(after, Err(NoAnswer::Stopped));
}

#[test]
fn what_is_left_unread_is_bounded_by_the_window() {
    let office = Open::new();
    let session = Session::new(&office.0);
    let mut answers = session.ask(later);
    for _ in 0..WINDOW / LONGEST {
        office.go(false, LONGEST);
    }
    office.go(false, 1);
    let mut read = 0;
    while part(wait(answers.next())).is_some() {
        read += 1;
    }
    assert_eq!(read, WINDOW / LONGEST, "the part that was too much broke it off");
    drop(answers);
    assert_eq!(office.look(|clerk| clerk.resets.clone()), [session.number()]);
}

/// What was sent to one ask and is no longer waited for takes nothing from the window of the others.
#[test]
fn what_an_ask_leaves_behind_is_taken() {
    let office = Open::new();
    let session = Session::new(&office.0);
    let (left, mut other) = (session.ask(later), session.ask(later));
    office.go(false, LONGEST);
    drop(left);
    let quarters = u64::from(LONGEST / CREDIT);
    assert_eq!(office.look(|clerk| clerk.writables), quarters, "what came and was not read");
    office.go(false, LONGEST);
    assert_eq!(office.look(|clerk| clerk.writables), 2 * quarters, "and what came to nobody");
    for number in 1..=2 {
        assert_eq!(part(wait(other.next())), Some((number, false)));
    }
    office.go(true, LONGEST);
    assert_eq!(part(wait(other.next())), Some((3, true)));
    assert_eq!(office.look(|clerk| clerk.resets.clone()), [session.number()]);
    // All of it came, and nobody read the last of it.
    let session = Session::new(&office.0);
    let before = office.look(|clerk| clerk.writables);
    let answers = session.ask(later);
    office.go(true, LONGEST);
    drop(answers);
    assert!(!session.is_over());
    assert_eq!(office.look(|clerk| clerk.writables), before + quarters);
}

#[test]
fn who_reads_lets_the_machine_send_on() {
    let office = Open::new();
    let session = Session::new(&office.0);
    let mut answers = session.ask(later);
    let parts = 3 * WINDOW / CREDIT;
    for number in 1..=parts {
        office.go(number == parts, CREDIT);
        assert_eq!(part(wait(answers.next())), Some((number.into(), number == parts)));
    }
    assert_eq!(office.look(|clerk| clerk.writables), u64::from(parts));
    // What is heard at once counts too: 64 bytes a part.
    let quick = u64::from(CREDIT / 64);
    drop(session.ask(|token| Paper::Now { token, parts: quick }));
    assert_eq!(office.look(|clerk| clerk.writables), u64::from(parts) + 1);
}
