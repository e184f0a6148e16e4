//! The operator: he has partitions moved, and in the end reads what each replica shows of each of them, from its start
//! up to its watermark (the audit, by which promises about what is kept are judged).

use std::time::Duration;

use machine::NodeId;

use super::consumer::{outcome, saw, start_in, start_of};
use super::{PATIENCE, PAUSE, Turn, What, topic};
use replicated_log::ask::{Answer, Ask, Fetch, FetchPart};
use replicated_log::error::ErrorCode;
use replicated_log::message::{Changed, Command, Message};
use replicated_log::note::Note;
use replicated_log::words::Offset;

/// Of an answer.
const MAX_BYTES: u32 = 256 << 10;

#[derive(Clone, Debug)]
pub(super) struct Operator {
    controllers: Vec<NodeId>,
    /// When the audit begins.
    audit: Duration,
    /// Those that were asked for: partition and replicas.
    moves: Vec<(u32, Vec<NodeId>)>,
    asked: usize,
    /// The replicas that are being read.
    reads: Vec<Read>,
}

#[derive(Clone, Debug)]
struct Read {
    partition: u32,
    replica: NodeId,
    /// Where its log starts, and how far it was read.
    from: Option<(Offset, Offset)>,
}

impl Operator {
    pub(super) fn new(controllers: Vec<NodeId>, audit: Duration) -> Operator {
        Operator { controllers, audit, moves: Vec::new(), asked: 0, reads: Vec::new() }
    }

    pub(super) fn begin(&mut self, turn: &mut Turn<'_, '_>) {
        turn.later(self.audit, What::AuditBegins);
    }

    pub(super) fn reassign(
        &mut self,
        partition: u32,
        replicas: Vec<NodeId>,
        turn: &mut Turn<'_, '_>,
    ) {
        let number = self.moves.len() as u64;
        self.moves.push((partition, replicas));
        self.command(number, turn);
    }

    /// Asks the next controller in turn.
    fn command(&mut self, number: u64, turn: &mut Turn<'_, '_>) {
        let Some((partition, replicas)) = self.moves.get(number as usize) else { return };
        let Some(partition) = turn.calls.partition(*partition) else {
            return turn.later(PAUSE, What::CommandAgain(number));
        };
        self.asked += 1;
        let to = self.controllers[self.asked % self.controllers.len()];
        let what = What::Command(number);
        let token =
            turn.calls.put(super::Call { what, of: Some(to), due: turn.now.time + PATIENCE });
        let command = Command::Reassign { partition, replicas: replicas.clone() };
        turn.out.send(to, Message::Command { token, command });
    }

    pub(super) fn commanded(
        &mut self,
        what: What,
        outcome: Result<Changed, ErrorCode>,
        turn: &mut Turn<'_, '_>,
    ) {
        let What::Command(number) = what else { return };
        match outcome {
            Ok(_) => turn.note(Note::Sometimes("moving")),
            Err(_) => turn.later(PAUSE, What::CommandAgain(number)),
        }
    }

    pub(super) fn came(&mut self, what: What, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        match what {
            What::Command(number) => turn.later(PAUSE, What::CommandAgain(number)),
            What::CommandAgain(number) => self.command(number, turn),
            What::AuditBegins => {
                turn.calls.partitions.clear();
                turn.ask_who_leads();
                turn.later(PAUSE, What::Again(0));
            }
            What::Again(_) => self.read_all(turn),
            What::Start(number) => {
                let (start, read) = (start_in(answer), &mut self.reads[number as usize]);
                read.from = start.map(|start| (start, start));
                self.read(number, turn);
            }
            What::Records(number) => self.records(number, answer, turn),
            What::AuditDue(number) => self.read(number, turn),
            _ => {}
        }
    }

    /// All replicas of all partitions, as soon as it is known which there are.
    fn read_all(&mut self, turn: &mut Turn<'_, '_>) {
        let known = &turn.calls.partitions;
        if known.is_empty() {
            return turn.later(PAUSE, What::Again(0));
        }
        let of = |(partition, known): (u32, &super::Known)| {
            let read = move |&replica: &NodeId| Read { partition, replica, from: None };
            known.replicas.iter().map(read).collect::<Vec<Read>>()
        };
        self.reads = (0..).zip(known).flat_map(of).collect();
        (0..self.reads.len() as u32).for_each(|number| self.read(number, turn));
    }

    fn read(&mut self, number: u32, turn: &mut Turn<'_, '_>) {
        let Read { partition, replica, from } = self.reads[number as usize];
        let Some(leader) = turn.calls.leader(partition) else { return self.wait(number, turn) };
        let Some((_, offset)) = from else {
            let start = Ask::ListOffsets(vec![start_of(partition)]);
            turn.ask(leader, What::Start(number), start);
            return;
        };
        let part = FetchPart {
            topic: topic(),
            partition,
            leader_epoch: None,
            offset,
            max_bytes: MAX_BYTES,
        };
        let fetch = Fetch {
            max_wait: Duration::ZERO,
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            rack: None,
            parts: vec![part],
        };
        turn.ask(replica, What::Records(number), Ask::Fetch(fetch));
    }

    fn records(&mut self, number: u32, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        let (read, outcome) = (&mut self.reads[number as usize], outcome(answer));
        let (Some(Ok(records)), Some((start, next))) = (outcome, read.from) else {
            read.from = None;
            return self.wait(number, turn);
        };
        let (at, number_of) = (read.replica, read.partition);
        let next = saw(number_of, at, next, &records.batches, turn);
        read.from = Some((start, next));
        let leads = turn.calls.leader(number_of) == Some(at);
        match turn.calls.partition(number_of) {
            Some(partition) if records.batches.is_empty() => {
                turn.note(Note::Audited { partition, at, leads, start, end: next });
            }
            _ => self.read(number, turn),
        }
    }

    /// It did not work: again, after a moment, at whoever leads then.
    fn wait(&mut self, number: u32, turn: &mut Turn<'_, '_>) {
        turn.later(PAUSE, What::AuditDue(number));
        turn.ask_who_leads();
    }
}
