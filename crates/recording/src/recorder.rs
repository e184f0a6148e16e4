//! Puts together what led to what, while a world runs.

use std::collections::{BTreeMap, VecDeque};

use machine::{DiskCommand, Field, NodeId, Routine, Time};

use crate::moment::{Change, Moment, Trail};

/// The moments of a run, in order, with the world's time, and what led to them.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    moments: Vec<(Time, Moment)>,
    trails: Vec<Trail>,
    changes: Vec<Change>,
    /// The moment whose turn it is, while the event of this number lasts.
    turn: Option<usize>,
    event: u64,
    /// The fault that began or ended in that event.
    fault: Option<usize>,
    /// On their way, between each two.
    sent: BTreeMap<(NodeId, NodeId), VecDeque<Sent>>,
    /// What a node is to be told later (timers, the disk, resets), and in whose turn that was decided.
    awaited: BTreeMap<(NodeId, String), VecDeque<Option<usize>>>,
    /// What waits for a node that is busy.
    waiting: BTreeMap<NodeId, VecDeque<Option<usize>>>,
    fields: BTreeMap<NodeId, Vec<Field>>,
}

/// A message on its way. A copy of it may follow, so it is kept for a while after it has arrived.
#[derive(Clone, Debug)]
struct Sent {
    text: String,
    at: Time,
    turn: Option<usize>,
    held_since: Option<Time>,
    arrived: bool,
    routine: bool,
}

/// So many between two nodes are worth looking through for those that have arrived long ago.
const KEPT: usize = 64;

impl Recorder {
    /// Something happens in the event of this number.
    pub fn push(&mut self, now: Time, event: u64, moment: Moment) {
        use Moment::*;
        self.go_to(event);
        let number = self.trails.len();
        let mut trail = Trail { cause: self.turn, event, ..Trail::default() };
        match &moment {
            Delivered { from, to, text } | Lost { from, to, text } => {
                // A plan's operations come from nowhere.
                trail.cause = None;
                if let Some(sent) = self.arrives(*from, *to, text) {
                    trail.cause = sent.turn;
                    trail.sent = Some(sent.at);
                    trail.held_ns =
                        sent.held_since.map_or(0, |since| machine::nanos(now.since(since)));
                    trail.routine = sent.routine;
                }
            }
            Timer { node, name } => trail.cause = self.comes(*node, &timer_key(name)),
            Disk { node, command, .. } => trail.cause = self.comes(*node, command),
            Reset { node, peer } => trail.cause = self.comes(*node, &reset_key(*peer)),
            FaultBegins { .. } | FaultEnds { .. } | Healed => {
                trail.cause = None;
                self.fault = Some(number);
            }
            Started { .. } | Crashed { .. } | ToldToStop { .. } | Resumed { .. } => {
                trail.cause = self.fault.or(self.turn);
            }
            Note { .. } | Stopped { .. } | Overdue { .. } | Halted { .. } | Broken { .. } => {}
        }
        if let Crashed { node } | Resumed { node } = &moment {
            self.waiting.remove(node);
        }
        match moment {
            Lost { .. } | Note { .. } | Crashed { .. } | Halted { .. } | Broken { .. } => {}
            _ => self.turn = Some(number),
        }
        self.moments.push((now, moment));
        self.trails.push(trail);
    }

    /// Whatever happens from now on happens in the event of this number.
    fn go_to(&mut self, event: u64) {
        if self.event != event {
            (self.event, self.turn, self.fault) = (event, None, None);
        }
    }

    fn turn_of(&mut self, event: u64) -> Option<usize> {
        self.go_to(event);
        self.turn
    }

    /// A machine sends something in the event of this number.
    pub fn sends(
        &mut self,
        (now, event): (Time, u64),
        way: (NodeId, NodeId),
        text: String,
        routine: Routine,
    ) {
        let turn = self.turn_of(event);
        let under_way = self.sent.entry(way).or_default();
        let routine = match routine {
            Routine::Always => true,
            Routine::Again => under_way.back().is_some_and(|before| before.text == text),
            Routine::Never => false,
        };
        while under_way.len() > KEPT && under_way.front().is_some_and(|sent| sent.arrived) {
            under_way.pop_front();
        }
        let sent = Sent { text, at: now, turn, held_since: None, arrived: false, routine };
        under_way.push_back(sent);
    }

    /// A message has come as far as where its link is cut, or slow.
    pub fn held_back(&mut self, now: Time, way: (NodeId, NodeId), text: &str) {
        let mut under_way = self.sent.get_mut(&way).into_iter().flatten();
        let held =
            under_way.find(|sent| !sent.arrived && sent.held_since.is_none() && sent.text == text);
        if let Some(sent) = held {
            sent.held_since = Some(now);
        }
    }

    /// The message that arrives: of several that say the same the first, and of copies the one before.
    fn arrives(&mut self, from: NodeId, to: NodeId, text: &str) -> Option<Sent> {
        let under_way = self.sent.get_mut(&(from, to))?;
        let new = under_way.iter().position(|sent| !sent.arrived && sent.text == text);
        let found = new.or_else(|| under_way.iter().rposition(|sent| sent.text == text))?;
        let sent = under_way.get_mut(found)?;
        sent.arrived = true;
        Some(sent.clone())
    }

    /// A node sets a timer, instead of whenever it was set to before.
    pub fn sets(&mut self, event: u64, node: NodeId, timer: &str) {
        let turn = self.turn_of(event);
        self.awaited.insert((node, timer_key(timer)), [turn].into());
    }

    /// A node asks its disk.
    pub fn asks(&mut self, event: u64, node: NodeId, command: &DiskCommand) {
        let turn = self.turn_of(event);
        self.awaited.entry((node, Recorder::short(command))).or_default().push_back(turn);
    }

    /// A node will be told that its lanes with this peer were reset.
    pub fn will_tell_of_reset(&mut self, event: u64, node: NodeId, peer: NodeId) {
        let turn = self.turn_of(event);
        self.awaited.entry((node, reset_key(peer))).or_default().push_back(turn);
    }

    fn comes(&mut self, node: NodeId, what: &str) -> Option<usize> {
        self.awaited.get_mut(&(node, what.to_owned()))?.pop_front()?
    }

    /// What came in the event of this number waits for its turn.
    pub fn waits(&mut self, event: u64, node: NodeId) {
        let turn = self.turn_of(event);
        self.waiting.entry(node).or_default().push_back(turn);
    }

    /// The turn has come of what waited longest.
    pub fn takes_turn(&mut self, event: u64, node: NodeId) {
        self.go_to(event);
        self.turn = self.waiting.get_mut(&node).and_then(VecDeque::pop_front).flatten();
    }

    /// The state of a node after a turn.
    pub fn shows(&mut self, node: NodeId, fields: Vec<Field>) {
        let known = self.fields.entry(node).or_default();
        // What changed before the first moment is the state in which the node began.
        let moment = self.turn.unwrap_or(self.trails.len().saturating_sub(1));
        for (place, field) in fields.iter().enumerate() {
            if known.get(place) != Some(field) {
                self.changes.push(Change { moment, node, field: field.clone() });
            }
        }
        *known = fields;
    }

    /// What was recorded.
    pub fn finish(self) -> (Vec<(Time, Moment)>, Vec<Trail>, Vec<Change>) {
        (self.moments, self.trails, self.changes)
    }

    /// A disk command in a few words.
    pub fn short(command: &DiskCommand) -> String {
        match command {
            DiskCommand::Write { file, offset, parts } => {
                format!("write {} bytes of {file} at {offset}", parts.len())
            }
            DiskCommand::Sync { file, .. } => format!("sync {file}"),
            DiskCommand::Read { file, .. } => format!("read {file}"),
            DiskCommand::Truncate { file, length } => format!("truncate {file} to {length}"),
            DiskCommand::Replace { file, .. } => format!("replace {file}"),
            DiskCommand::Delete { file } => format!("delete {file}"),
            DiskCommand::Length { file } => format!("ask for the length of {file}"),
            DiskCommand::Allocate { file, length } => format!("allocate {length} bytes of {file}"),
            DiskCommand::List { prefix } => match prefix.as_ref() {
                "" => "list".into(),
                prefix => format!("list {prefix}"),
            },
        }
    }
}

fn timer_key(name: &str) -> String {
    format!("timer {name}")
}

fn reset_key(peer: NodeId) -> String {
    format!("reset {peer:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn delivered(text: &str) -> Moment {
        Moment::Delivered { from: A, to: B, text: text.into() }
    }

    fn fired(name: &str) -> Moment {
        Moment::Timer { node: A, name: name.into() }
    }

    fn note() -> Moment {
        Moment::Note { node: B, text: "done".into() }
    }

    fn trails(recorder: Recorder) -> Vec<Trail> {
        recorder.finish().1
    }

    #[test]
    fn of_messages_with_the_same_words_the_first_arrives_first_and_a_copy_is_the_one_before() {
        let mut recorder = Recorder::default();
        for event in [1, 2] {
            recorder.push(Time(event * 10), event, fired("tick"));
            let routine = if event == 2 { Routine::Always } else { Routine::Never };
            recorder.sends((Time(event * 10), event), (A, B), "hello".into(), routine);
        }
        recorder.held_back(Time(25), (A, B), "hello");
        for event in [3, 4, 5] {
            recorder.push(Time(event * 10), event, delivered("hello"));
        }
        let seen = |trail: &Trail| (trail.cause, trail.sent, trail.held_ns, trail.routine);
        let seen: Vec<_> = trails(recorder)[2..].iter().map(seen).collect();
        let (first, second) =
            ((Some(0), Some(Time(10)), 5, false), (Some(1), Some(Time(20)), 0, true));
        assert_eq!(seen, [first, second, second]);
    }

    #[test]
    fn an_acknowledgement_is_routine_if_the_one_before_said_the_same() {
        let mut recorder = Recorder::default();
        for (event, text) in (1..).zip(["to 4", "to 4", "to 5", "to 4"]) {
            recorder.sends((Time(event), event), (A, B), text.into(), Routine::Again);
            recorder.sends((Time(event), event), (B, A), text.into(), Routine::Never);
            recorder.push(Time(event), event, delivered(text));
        }
        let routine: Vec<_> = trails(recorder).iter().map(|trail| trail.routine).collect();
        assert_eq!(routine, [false, true, false, false]);
    }

    #[test]
    fn what_waited_for_a_busy_node_leads_to_what_is_done_in_its_turn() {
        let mut recorder = Recorder::default();
        for event in [1, 2] {
            recorder.push(Time(event), event, delivered("ask"));
            recorder.waits(event, B);
        }
        for _ in 0..2 {
            recorder.takes_turn(3, B);
            recorder.push(Time(3), 3, note());
        }
        // Of what waited before a crash nothing is left.
        recorder.push(Time(4), 4, delivered("ask"));
        recorder.waits(4, B);
        recorder.push(Time(5), 5, Moment::Crashed { node: B });
        recorder.takes_turn(6, B);
        recorder.push(Time(6), 6, note());
        let causes: Vec<_> = trails(recorder).iter().map(|trail| trail.cause).collect();
        assert_eq!(causes, [None, None, Some(0), Some(1), None, None, None]);
    }

    #[test]
    fn a_timer_is_led_to_by_the_turn_that_set_it_last_and_nodes_by_the_fault() {
        let mut recorder = Recorder::default();
        for event in [1, 2] {
            recorder.push(Time(event), event, delivered("ask"));
            recorder.sets(event, A, "again");
        }
        recorder.push(Time(3), 3, fired("again"));
        let fault = |text: &str| Moment::FaultEnds { nodes: vec![A, B], text: text.into() };
        recorder.push(Time(4), 4, fault("a zone loses power"));
        recorder.push(Time(4), 4, Moment::Started { node: A });
        recorder.push(Time(4), 4, Moment::Started { node: B });
        let causes: Vec<_> = trails(recorder).iter().map(|trail| trail.cause).collect();
        assert_eq!(causes, [None, None, Some(1), None, Some(3), Some(3)]);
    }

    #[test]
    fn of_a_node_s_state_what_changed_is_kept() {
        let mut recorder = Recorder::default();
        for (event, term) in [(1, 4), (2, 4), (3, 5)] {
            recorder.push(Time(event), event, delivered("vote"));
            recorder.shows(B, vec![Field::number("term", term), Field::flag("leads", false)]);
        }
        let (_, _, changes) = recorder.finish();
        let changes: Vec<_> = changes.iter().map(|it| (it.moment, it.field.clone())).collect();
        let first = [(0, Field::number("term", 4)), (0, Field::flag("leads", false))];
        assert_eq!(changes, [&first[..], &[(2, Field::number("term", 5))]].concat());
    }
}
