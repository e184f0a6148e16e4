//! A member of a group: it finds the coordinator, joins, is given partitions (or gives them out, where it leads the
//! group), reads them from where the group has come to, and commits how far it has read.
//!
//! The law: it reads and commits only between being given its partitions and hearing that it must join again. One
//! that sleeps does not hear it, and commits when it wakes: that is for the coordinator to refuse.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::NodeId;

use super::consumer::Places;
use super::{PATIENCE, PAUSE, Turn, What, topic};
use replicated_log::ask::{
    self, Answer, Ask, Commit, CommitPart, CommittedAsk, JoinGroup, JoinRefused, Joined, Leaver,
    SyncGroup,
};
use replicated_log::error::ErrorCode;
use replicated_log::note::Note;
use replicated_log::words::Name;

/// The group that all members are in.
const GROUP: &str = "readers";
/// What the members speak with each other, in Kafka's words.
const PROTOCOL_TYPE: &str = "consumer";
/// Who does not join again by then is not in the next generation.
const REBALANCE: Duration = Duration::from_millis(1_000);
/// It commits so often.
const COMMIT: Duration = Duration::from_millis(120);
/// Each fetch waits so long.
const WAIT: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(super) struct Member {
    id: NodeId,
    session: Duration,
    /// It takes part, or wants to.
    wants: bool,
    coordinator: Option<NodeId>,
    /// As the coordinator calls it; empty before it has told.
    name: Name,
    generation: i32,
    places: Places,
    operations: u32,
}

impl Member {
    pub(super) fn new(id: NodeId, session: Duration) -> Member {
        Member {
            id,
            session,
            wants: false,
            coordinator: None,
            name: Arc::from(""),
            generation: -1,
            places: Places::new(None, WAIT),
            operations: 0,
        }
    }

    pub(super) fn state(&self) -> String {
        let read: Vec<u32> = self.places.offsets().map(|(partition, _)| partition).collect();
        format!("generation {}, reads {read:?}", self.generation)
    }

    pub(super) fn come(&mut self, turn: &mut Turn<'_, '_>) {
        if !std::mem::replace(&mut self.wants, true) {
            self.find(turn);
        }
    }

    pub(super) fn leave(&mut self, turn: &mut Turn<'_, '_>) {
        self.stop(turn);
        self.wants = false;
        let (coordinator, name) =
            (self.coordinator, std::mem::replace(&mut self.name, Arc::from("")));
        if let Some(coordinator) = coordinator
            && !name.is_empty()
        {
            let members = vec![Leaver { member: name, instance: None }];
            turn.ask(coordinator, What::Leave, Ask::LeaveGroup { group: group(), members });
        }
    }

    pub(super) fn came(&mut self, what: What, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        if !self.wants {
            return;
        }
        match (what, answer) {
            (What::Return, _) => self.find(turn),
            (What::Coordinator, Some(Answer::Coordinators(found))) => {
                match found.into_iter().next() {
                    Some((_, Ok(coordinator))) => {
                        self.coordinator = Some(coordinator.id);
                        self.join(turn);
                    }
                    _ => self.again(turn),
                }
            }
            (What::Join, Some(Answer::Joined(Ok(joined)))) => self.joined(joined, turn),
            (What::Join, Some(Answer::Joined(Err(JoinRefused { error, member })))) => match error {
                ErrorCode::MemberIdRequired => {
                    self.name = member;
                    self.join(turn);
                }
                error => self.refused(error, turn),
            },
            (What::Sync, Some(Answer::Synced(Ok(assignment)))) => self.synced(&assignment, turn),
            (What::Beat, Some(Answer::Beat(Ok(())))) => turn.later(self.session / 4, What::BeatDue),
            (What::Sync, Some(Answer::Synced(Err(error))))
            | (What::Beat, Some(Answer::Beat(Err(error)))) => {
                self.refused(error, turn);
            }
            (What::BeatDue, _) => self.beat(turn),
            (What::Positions, Some(Answer::Offset(answers))) => self.positions(answers, turn),
            (What::CommitDue, _) => self.commit(turn),
            (What::Commit(operation), answer) => self.committed(operation, answer, turn),
            (What::Coordinator | What::Join | What::Sync | What::Beat | What::Positions, _) => {
                self.again(turn)
            }
            (What::Leave, _) => {}
            (what, answer) => self.places.came(what, answer, turn),
        }
    }

    /// Asks who coordinates the group, and joins there.
    fn find(&mut self, turn: &mut Turn<'_, '_>) {
        let broker = turn.calls.any();
        turn.ask(broker, What::Coordinator, Ask::FindCoordinator(vec![group()]));
    }

    /// Does so in a moment: it did not work.
    fn again(&mut self, turn: &mut Turn<'_, '_>) {
        self.stop(turn);
        turn.later(PAUSE, What::Return);
    }

    /// Reads and commits no more, and asks for nothing.
    fn stop(&mut self, turn: &mut Turn<'_, '_>) {
        self.places.clear();
        for (_, call) in
            turn.calls.take(|call| !matches!(call.what, What::Metadata | What::Refresh))
        {
            if let What::Commit(operation) = call.what {
                turn.note(Note::CommitLost { operation });
            }
        }
    }

    fn join(&mut self, turn: &mut Turn<'_, '_>) {
        self.stop(turn);
        let Some(coordinator) = self.coordinator else { return self.again(turn) };
        let protocol = |name: &str| (Arc::from(name), Bytes::new());
        let join = JoinGroup {
            group: group(),
            member: self.name.clone(),
            instance: None,
            client: Arc::from(format!("n{}", self.id.0)),
            host: Arc::from(""),
            session_timeout: self.session,
            rebalance_timeout: REBALANCE,
            protocol_type: Arc::from(PROTOCOL_TYPE),
            protocols: vec![protocol("range"), protocol("roundrobin")],
            knows_member_ids: true,
        };
        turn.ask_for(coordinator, What::Join, Ask::JoinGroup(join), 2 * REBALANCE + PATIENCE);
    }

    fn joined(&mut self, joined: Joined, turn: &mut Turn<'_, '_>) {
        let Some(coordinator) = self.coordinator else { return };
        (self.generation, self.name) = (joined.generation, joined.member);
        let partitions = turn.calls.partitions.len() as u32;
        let assignments = match joined.leader == self.name {
            true => assign(
                &joined.protocol,
                joined.members.into_iter().map(|(name, ..)| name).collect(),
                partitions,
            ),
            false => Vec::new(),
        };
        let sync = SyncGroup {
            member: self.as_member(),
            assignments,
            protocol_type: Some(joined.protocol_type),
            protocol: Some(joined.protocol),
        };
        turn.ask_for(coordinator, What::Sync, Ask::SyncGroup(sync), 2 * REBALANCE);
    }

    /// It has its partitions: how far has the group read them?
    fn synced(&mut self, assignment: &Bytes, turn: &mut Turn<'_, '_>) {
        let Some(coordinator) = self.coordinator else { return };
        let partitions = partitions_in(assignment);
        turn.note(Note::Owns { generation: self.generation, partitions: partitions.clone() });
        let topics = Some(vec![(topic(), partitions)]);
        turn.ask(
            coordinator,
            What::Positions,
            Ask::Committed(vec![CommittedAsk { group: group(), topics }]),
        );
        turn.later(self.session / 4, What::BeatDue);
    }

    fn positions(&mut self, answers: Vec<ask::CommittedAnswer>, turn: &mut Turn<'_, '_>) {
        let Some(Ok(topics)) = answers.into_iter().next().map(|answer| answer.outcome) else {
            return self.again(turn);
        };
        for committed in topics.into_iter().flat_map(|(_, offsets)| offsets) {
            let next = committed.found.map(|(offset, ..)| offset);
            self.places.read(committed.partition, next);
        }
        self.places.go_on_with_all(turn);
        turn.later(COMMIT, What::CommitDue);
    }

    fn beat(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(coordinator) = self.coordinator else { return };
        turn.ask(coordinator, What::Beat, Ask::Heartbeat(self.as_member()));
    }

    fn commit(&mut self, turn: &mut Turn<'_, '_>) {
        turn.later(COMMIT, What::CommitDue);
        let part =
            |(partition, offset)| CommitPart { partition, offset, leader_epoch: None, text: None };
        let parts: Vec<CommitPart> = self.places.offsets().map(part).collect();
        let Some(coordinator) = self.coordinator.filter(|_| !parts.is_empty()) else { return };
        self.operations += 1;
        let operation = u64::from(self.id.0) << 32 | u64::from(self.operations);
        turn.note(Note::Commits { operation, generation: self.generation });
        let commit = Commit { member: self.as_member(), topics: vec![(topic(), parts)] };
        turn.ask(coordinator, What::Commit(operation), Ask::Commit(commit));
    }

    fn committed(&mut self, operation: u64, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        let Some(Answer::Committed(topics)) = answer else {
            return turn.note(Note::CommitLost { operation });
        };
        let mut outcomes =
            topics.into_iter().flat_map(|(_, parts)| parts).map(|(_, outcome)| outcome);
        match outcomes.find_map(Result::err) {
            None => turn.note(Note::Committed { operation }),
            Some(error) => {
                turn.note(if error.may_have_happened() {
                    Note::CommitLost { operation }
                } else {
                    Note::NotCommitted { operation }
                });
                self.refused(error, turn);
            }
        }
    }

    fn refused(&mut self, error: ErrorCode, turn: &mut Turn<'_, '_>) {
        match error {
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => self.join(turn),
            ErrorCode::UnknownMemberId => {
                self.name = Arc::from("");
                self.join(turn);
            }
            _ => self.again(turn),
        }
    }

    fn as_member(&self) -> ask::Member {
        let (generation, member) = (self.generation, self.name.clone());
        ask::Member { group: group(), generation, member, instance: None }
    }
}

fn group() -> Name {
    Arc::from(GROUP)
}

/// Who has what: neighbours together (`range`), or dealt out one by one (`roundrobin`).
fn assign(protocol: &str, mut members: Vec<Name>, partitions: u32) -> Vec<(Name, Bytes)> {
    members.sort();
    let count = members.len() as u32;
    let owner = |partition: u32| match protocol {
        "range" => u64::from(partition) * u64::from(count) / u64::from(partitions.max(1)),
        _ => u64::from(partition % count),
    };
    let has =
        |place: usize| (0..partitions).filter(move |partition| owner(*partition) == place as u64);
    let bytes = |place| has(place).flat_map(u32::to_be_bytes).collect();
    members.iter().enumerate().map(|(place, name)| (name.clone(), bytes(place))).collect()
}

fn partitions_in(assignment: &[u8]) -> Vec<u32> {
    assignment.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_owner_whatever_the_assignor() {
        for protocol in ["range", "roundrobin"] {
            for (members, partitions) in [(1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (3, 0)] {
                let names: Vec<Name> =
                    (0..members).map(|number| Arc::from(format!("m{number}"))).collect();
                let given = assign(protocol, names.iter().rev().cloned().collect(), partitions);
                assert!(given.iter().map(|(name, _)| name).eq(&names));
                let mut all: Vec<u32> =
                    given.iter().flat_map(|(_, bytes)| partitions_in(bytes)).collect();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..partitions), "{protocol}: {members} of {partitions}");
            }
        }
    }
}
