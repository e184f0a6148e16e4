//! What a story is told from: the moments of a run, in words, and what led to each. Kept only where somebody
//! looks, by a world that is told to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use machine::{DiskCommand, DiskError, Field, NodeId, Time};

use crate::chunks::Chunks;
use crate::history::NoteKind;

/// Something that happened, at a node or between two.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Moment {
    Delivered {
        from: NodeId,
        to: NodeId,
        text: String,
    },
    Lost {
        from: NodeId,
        to: NodeId,
        text: String,
    },
    Reset {
        node: NodeId,
        peer: NodeId,
    },
    Timer {
        node: NodeId,
        name: String,
    },
    Disk {
        node: NodeId,
        command: String,
        failed: Option<DiskError>,
    },
    Note {
        node: NodeId,
        text: String,
    },
    Started {
        node: NodeId,
    },
    Crashed {
        node: NodeId,
    },
    ToldToStop {
        node: NodeId,
    },
    /// As it was told to.
    Stopped {
        node: NodeId,
    },
    /// It was told to stop, and did not in time.
    Overdue {
        node: NodeId,
    },
    Halted {
        node: NodeId,
        why: String,
    },
    Resumed {
        node: NodeId,
    },
    FaultBegins {
        nodes: Vec<NodeId>,
        text: String,
    },
    FaultEnds {
        nodes: Vec<NodeId>,
        text: String,
    },
    Healed,
    Broken {
        promise: String,
        why: String,
    },
}

/// What led to a moment, and what it means. It has the number of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The number of the moment in whose turn this was sent, scheduled or done; none of a step of the plan.
    pub cause: Option<usize>,
    /// When a message left its sender.
    pub sent: Option<Time>,
    /// For how long of its way a cut or a slow link held a message back, in nanoseconds.
    pub held_ns: u64,
    /// Is it a message that says that nothing has changed?
    pub routine: bool,
    /// After how many events of the world.
    pub event: u64,
    /// What a note means to the lab.
    pub note: Option<NoteKind>,
}

/// A field of a node's state has another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number of the moment whose turn changed it.
    pub moment: usize,
    /// Whose.
    pub node: NodeId,
    /// The field, with its new value.
    pub field: Field,
}

/// The moments of a run, in order, with the world's time, and what led to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    moments: Chunks<(Time, Moment)>,
    pub(crate) trails: Vec<Trail>,
    pub(crate) changes: Vec<Change>,
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
    pub(crate) fn push(&mut self, now: Time, event: u64, moment: Moment) {
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
    pub(crate) fn sends(
        &mut self,
        (now, event): (Time, u64),
        way: (NodeId, NodeId),
        text: String,
        routine: bool,
    ) {
        let turn = self.turn_of(event);
        let under_way = self.sent.entry(way).or_default();
        while under_way.len() > KEPT && under_way.front().is_some_and(|sent| sent.arrived) {
            under_way.pop_front();
        }
        let sent = Sent { text, at: now, turn, held_since: None, arrived: false, routine };
        under_way.push_back(sent);
    }

    /// A message has come as far as where its link is cut, or slow.
    pub(crate) fn held_back(&mut self, now: Time, way: (NodeId, NodeId), text: &str) {
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
    pub(crate) fn sets(&mut self, event: u64, node: NodeId, timer: &str) {
        let turn = self.turn_of(event);
        self.awaited.insert((node, timer_key(timer)), [turn].into());
    }

    /// A node asks its disk.
    pub(crate) fn asks(&mut self, event: u64, node: NodeId, command: &DiskCommand) {
        let turn = self.turn_of(event);
        self.awaited.entry((node, Recorder::short(command))).or_default().push_back(turn);
    }

    /// A node will be told that its lanes with this peer were reset.
    pub(crate) fn will_tell_of_reset(&mut self, event: u64, node: NodeId, peer: NodeId) {
        let turn = self.turn_of(event);
        self.awaited.entry((node, reset_key(peer))).or_default().push_back(turn);
    }

    fn comes(&mut self, node: NodeId, what: &str) -> Option<usize> {
        self.awaited.get_mut(&(node, what.to_owned()))?.pop_front()?
    }

    /// What came in the event of this number waits for its turn.
    pub(crate) fn waits(&mut self, event: u64, node: NodeId) {
        let turn = self.turn_of(event);
        self.waiting.entry(node).or_default().push_back(turn);
    }

    /// The turn has come of what waited longest.
    pub(crate) fn takes_turn(&mut self, event: u64, node: NodeId) {
        self.go_to(event);
        self.turn = self.waiting.get_mut(&node).and_then(VecDeque::pop_front).flatten();
    }

    /// The state of a node after a turn.
    pub(crate) fn shows(&mut self, node: NodeId, fields: Vec<Field>) {
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

    /// All moments so far.
    pub(crate) fn moments(&self) -> Vec<(Time, Moment)> {
        self.moments.since(0).cloned().collect()
    }

    /// A disk command in a few words.
    pub(crate) fn short(command: &DiskCommand) -> String {
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

/// What happened, in words, without where.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Moment::*;
        match self {
            Delivered { text, .. } | Note { text, .. } => f.write_str(text),
            Lost { text, .. } => write!(f, "{text} (lost)"),
            Reset { peer, .. } => write!(f, "link to {peer:?} reset"),
            Timer { name, .. } => write!(f, "timer: {name}"),
            Disk { command, failed: None, .. } => write!(f, "{command}: done"),
            Disk { command, failed: Some(error), .. } => write!(f, "{command}: {error}"),
            Started { .. } => f.write_str("starts"),
            Crashed { .. } => f.write_str("is down"),
            ToldToStop { .. } => f.write_str("is told to stop"),
            Stopped { .. } => f.write_str("has stopped"),
            Overdue { .. } => f.write_str("has not stopped in time"),
            Halted { why, .. } => write!(f, "halts: {why}"),
            Resumed { .. } => f.write_str("resumed from its snapshot"),
            FaultBegins { text, .. } => write!(f, "[ {text}"),
            FaultEnds { text, .. } => write!(f, "] {text}: over"),
            Healed => f.write_str("the network is healed"),
            Broken { promise, why } => write!(f, "✗ {promise}: {why}"),
        }
    }
}

impl Moment {
    /// Where it happened: of a message, where it arrived; of a fault, at each node that it hits.
    pub fn nodes(&self) -> &[NodeId] {
        use Moment::*;
        match self {
            Delivered { to: node, .. }
            | Lost { to: node, .. }
            | Reset { node, .. }
            | Timer { node, .. }
            | Disk { node, .. }
            | Note { node, .. }
            | Started { node }
            | Crashed { node }
            | ToldToStop { node }
            | Stopped { node }
            | Overdue { node }
            | Halted { node, .. }
            | Resumed { node } => std::slice::from_ref(node),
            FaultBegins { nodes, .. } | FaultEnds { nodes, .. } => nodes,
            Healed | Broken { .. } => &[],
        }
    }
}
