//! The promises `leader-keeps-its-place`, for clusters in which nothing fails, however slow they are, and
//! `no-election-is-waited-for`, for those in which nodes are restarted on purpose.

use std::time::Duration;

use machine::{NodeId, Time};
use raft::Term;
use sim::{Breach, Evidence, History, Promise, Verdict, World};

use super::view;
use crate::message::Note;
use crate::shape::Node;

/// By then somebody leads.
const BEGUN: Duration = Duration::from_secs(1);
/// While somebody waits, the next answer comes within so long.
const GAP: Duration = Duration::from_millis(500);

pub(super) struct KeepsPlace {
    replicas: Vec<NodeId>,
    /// The newest term, and when and where it began.
    newest: Option<(Term, Time, NodeId)>,
    /// Somebody leads by now.
    begun: bool,
}

impl KeepsPlace {
    pub(super) fn new(replicas: Vec<NodeId>) -> KeepsPlace {
        KeepsPlace { replicas, newest: None, begun: false }
    }
}

impl Promise<Node> for KeepsPlace {
    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        let reached = world.reached().iter().filter(|node| self.replicas.contains(node));
        let terms = reached.filter_map(|node| Some((view(world, *node)?.term, *node)));
        if let Some((term, node)) = terms.max()
            && self.newest.is_none_or(|(newest, ..)| newest < term)
        {
            let before = self.newest.replace((term, world.now(), node));
            if let (true, Some((old, since, first))) = (self.begun, before) {
                let why = format!(
                    "{node:?} began term {term}, although nothing failed since somebody led in term {old}"
                );
                let value = Evidence::Value(format!("term {term}"));
                return Err(Breach::from(why).on_moment(since, first).on(value));
            }
        }
        self.begun = world.now() >= Time(0) + BEGUN;
        Ok(())
    }

    fn end(&mut self, world: &World<Node>) -> Verdict {
        judge(world.history(), world.now(), GAP)
    }
}

/// While somebody waits, the next answer comes within so long.
pub(super) struct Answered(pub(super) Duration);

impl Promise<Node> for Answered {
    fn end(&mut self, world: &World<Node>) -> Verdict {
        judge(world.history(), world.now(), self.0)
    }
}

fn judge(history: &History<Note>, now: Time, gap: Duration) -> Verdict {
    // Those who wait, and since when nobody was answered, from when on somebody leads.
    let begun = Time(0) + BEGUN;
    let (mut waiting, mut since) = (0_u64, begun);
    let mut asked = None;
    let late = |since: Time, at: Time, waits: Option<u64>| {
        let waited = at.since(since).as_millis();
        let why = format!("from {since:?} on nobody was answered for {waited} ms");
        Verdict::Broken(waits.into_iter().fold(Breach::from(why), Breach::on_operation))
    };
    for entry in history.iter() {
        match &entry.note {
            Note::Invoked { operation, .. } => {
                asked = Some(*operation);
                since = if waiting == 0 { entry.at.max(begun) } else { since };
                waiting += 1;
            }
            Note::Answered { operation, .. }
            | Note::Failed { operation }
            | Note::GivenUp { operation } => {
                let answered = matches!(entry.note, Note::Answered { .. });
                if entry.at > since + gap {
                    return late(since, entry.at, Some(*operation));
                }
                waiting = waiting.saturating_sub(1);
                since = if answered { entry.at.max(begun) } else { since };
            }
            Note::Sometimes(_) => {}
        }
    }
    if waiting > 0 && now > since + gap { late(since, now, asked) } else { Verdict::Held }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sim::Entry;

    use super::*;
    use crate::message::{Answer, Ask, ReadMode};

    fn judged(notes: &[(u64, u64, bool)], end: u64) -> Verdict {
        let time = |ms: u64| Time(ms * 1_000_000) + BEGUN;
        let note = |operation, answered| match answered {
            true => Note::Answered { operation, answer: Answer::Done },
            false => Note::Invoked {
                operation,
                ask: Ask::Get { key: Bytes::new(), read: ReadMode::Index },
            },
        };
        let entry = |&(at, operation, answered): &(u64, u64, bool)| Entry {
            at: time(at),
            node: NodeId(9),
            note: note(operation, answered),
        };
        let early = Entry { at: Time(0), node: NodeId(9), note: note(0, false) };
        let early = notes.iter().any(|(_, operation, _)| *operation == 0).then_some(early);
        let history = early.into_iter().chain(notes.iter().map(entry));
        judge(&history.collect(), time(end), GAP)
    }

    /// Operation 0 was asked a second before: nobody led yet.
    #[test]
    fn the_first_leader_is_waited_for_without_a_judge() {
        assert_eq!(judged(&[(500, 0, true)], 9_000), Verdict::Held);
        assert!(matches!(judged(&[(501, 0, true)], 9_000), Verdict::Broken(_)));
    }

    #[test]
    fn a_pause_while_somebody_waits_is_noticed() {
        let (asked, answered) = (false, true);
        let well = [(0, 1, asked), (400, 1, answered), (2_000, 2, asked), (2_500, 2, answered)];
        assert_eq!(judged(&well, 9_000), Verdict::Held, "nobody waited in between");
        let both = [(0, 1, asked), (300, 2, asked), (400, 2, answered), (900, 1, answered)];
        assert_eq!(judged(&both, 9_000), Verdict::Held, "somebody was answered");
        assert_eq!(judged(&both[..3], 900), Verdict::Held);
        let pause = "from 0.400s on nobody was answered for";
        for (notes, end) in
            [(&both[..3], 901), (&[both[0], both[1], both[2], (901, 1, answered)], 901)]
        {
            let Verdict::Broken(why) = judged(notes, end) else { panic!("it was not noticed") };
            assert!(why.contains("nobody was answered for 501 ms"), "{why}, not {pause}");
        }
    }
}
