//! The promise `recovers-after-heal`.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, Time};
use sim::{Breach, History, Promise, Verdict, World};

use crate::message::{Ask, KeyValue, Note};

/// How long a healed quorum may take to have a leader that serves.
pub(crate) const RECOVERY: Duration = Duration::from_secs(3);
/// How long an answer may take then.
pub(crate) const ANSWER: Duration = Duration::from_secs(1);

/// Whoever waits once the healed had time to recover, or asks from then on, is answered soon, while
/// the faults of the others go on.
pub(super) struct Recovers;

impl<M: Machine<Protocol = KeyValue>> Promise<M> for Recovers {
    fn end(&mut self, world: &World<M>) -> Verdict {
        match world.healed_at() {
            Some(healed) => judge(world.history(), healed, world.now()),
            None => Verdict::Held,
        }
    }
}

fn judge(history: &History<Note>, healed: Time, now: Time) -> Verdict {
    let mut due = BTreeMap::new();
    let late = |operation, (at, due): (Time, Time)| {
        let why = format!(
            "what was asked at {at:?} was not answered by {due:?}, although a quorum was healed at \
             {healed:?}"
        );
        Verdict::Broken(Breach::from(why).on_operation(operation))
    };
    for entry in history.iter() {
        match &entry.note {
            // That a change of members is refused, or has to wait, is in order.
            Note::Invoked { ask: Ask::Change { .. } | Ask::Transfer { .. }, .. } => {}
            Note::Invoked { operation, .. } => {
                let by = entry.at.max(healed + RECOVERY) + ANSWER;
                due.insert(*operation, (entry.at, by));
            }
            Note::Answered { operation, .. } => {
                if let Some((at, by)) = due.remove(operation)
                    && entry.at > by
                {
                    return late(*operation, (at, by));
                }
            }
            // Before the healed had time it may be in vain.
            Note::Failed { operation } | Note::GivenUp { operation } => {
                if let Some(asked) = due.remove(operation)
                    && entry.at > healed + RECOVERY
                {
                    return late(*operation, asked);
                }
            }
            Note::Sometimes(_) => {}
        }
    }
    let overdue = due.into_iter().find(|(_, (_, by))| *by < now);
    overdue.map_or(Verdict::Held, |(operation, asked)| late(operation, asked))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use machine::NodeId;
    use sim::Entry;

    use super::*;
    use crate::message::{Answer, ReadMode};

    const HEALED: u64 = 1_000;

    /// Notes at so many milliseconds, in a run of ten seconds.
    fn judged(notes: &[(u64, Note)]) -> Verdict {
        let time = |ms: u64| Time(ms * 1_000_000);
        let entry =
            |(at, note): &(u64, Note)| Entry { at: time(*at), node: NodeId(9), note: note.clone() };
        judge(&notes.iter().map(entry).collect(), time(HEALED), time(10_000))
    }

    fn asked() -> Note {
        Note::Invoked { operation: 1, ask: Ask::Get { key: Bytes::new(), read: ReadMode::Index } }
    }

    fn answered() -> Note {
        Note::Answered { operation: 1, answer: Answer::Value(None) }
    }

    #[test]
    fn who_is_answered_in_time_has_nothing_to_complain_of() {
        let failed = || Note::Failed { operation: 1 };
        assert_eq!(judged(&[(5_000, asked()), (5_900, answered())]), Verdict::Held);
        assert_eq!(judged(&[(500, asked()), (4_900, answered())]), Verdict::Held, "it recovers");
        assert_eq!(judged(&[(500, asked()), (3_900, failed())]), Verdict::Held, "before that");
        assert_eq!(judged(&[(9_500, asked())]), Verdict::Held, "there is time left");
        let change = Ask::Change { voters: [NodeId(1)].into(), addresses: [].into() };
        assert_eq!(judged(&[(5_000, Note::Invoked { operation: 1, ask: change })]), Verdict::Held);
    }

    #[test]
    fn who_waits_too_long_is_noticed() {
        let broken = |notes: &[(u64, Note)]| matches!(judged(notes), Verdict::Broken(_));
        assert!(broken(&[(5_000, asked()), (6_100, answered())]));
        assert!(broken(&[(5_000, asked())]));
        assert!(broken(&[(500, asked())]), "since before the heal");
        assert!(broken(&[(5_000, asked()), (5_100, Note::Failed { operation: 1 })]));
        assert!(broken(&[(500, asked()), (4_500, Note::GivenUp { operation: 1 })]));
    }
}
