//! A cluster that is moved by hand: no message arrives, no timer fires and no slow disk answers unless it
//! is told to.
//!
//! What happens is written down as it happens: a line for every message that arrives, and below it what
//! it changed at the member that heard it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use machine::{
    DiskCommand, DiskId, Generation, Input, Machine, MemoryDisk, NodeId, Now, Output, Outputs,
    Random, Time, Wall,
};
use raft::{
    AppendEntries, Entry, Envelope, Group, GroupId, Groups, GroupsOp, GroupsTimer, Index, Log,
    Payload, Role, Rpc, Term, Tuning,
};
use rand::SeedableRng;

use crate::lists::{Keeper, Lists, Word};

const GROUP: GroupId = GroupId(0);
/// More messages are no conversation.
const MOST: usize = 2_000;
/// A leader of former times, whom a log was heard from.
const FORMER: NodeId = NodeId(99);

pub(crate) struct Cluster {
    nodes: Vec<Node>,
    /// On their way, from and to.
    links: BTreeMap<(NodeId, NodeId), VecDeque<Envelope>>,
    /// Taken from their links, to arrive late.
    late: VecDeque<(NodeId, NodeId, Envelope)>,
    time: Time,
    written: String,
}

struct Node {
    id: NodeId,
    keeper: Keeper,
    random: Random,
    due: Time,
    disk: MemoryDisk,
    /// Of a slow disk, until it is told to answer.
    asked: VecDeque<(DiskCommand, GroupsOp)>,
    slow: bool,
    /// It does nothing, and what is sent to it waits.
    paused: bool,
    /// What is sent to and by it is lost.
    cut_off: bool,
}

/// What is worth telling of a member where it changes.
#[derive(PartialEq)]
struct View {
    role: String,
    log: String,
    committed: Index,
}

impl View {
    fn of(keeper: &Keeper) -> View {
        let Some(group) = keeper.group(GROUP.0) else {
            return View { role: "reads its disk".to_owned(), log: String::new(), committed: 0 };
        };
        View { role: role(group), log: terms(group.log()), committed: group.commit_index() }
    }

    /// What is new since then.
    fn since(&self, before: &View) -> Vec<String> {
        let role = (self.role != before.role).then(|| self.role.clone());
        let log = (self.log != before.log).then(|| format!("log {}", self.log));
        let committed = self.committed != before.committed;
        let committed = committed.then(|| format!("committed to {}", self.committed));
        [role, log, committed].into_iter().flatten().collect()
    }
}

fn role(group: &Group) -> String {
    let term = group.term();
    match (group.role(), group.leader()) {
        (Role::Leader(_), _) => format!("leads in term {term}"),
        (Role::Candidate(_), _) => format!("campaigns in term {term}"),
        (Role::PreCandidate(_), _) => format!("asks whether it would win, in term {term}"),
        (Role::Blank(_), _) => "is blank".to_owned(),
        (_, Some(leader)) => format!("{} of {leader:?} in term {term}", group.role_name()),
        (_, None) => format!("{} in term {term}", group.role_name()),
    }
}

/// The terms of its entries, after its snapshot if it has one.
fn terms(log: &Log) -> String {
    let first = match log.first_index() {
        1 => None,
        first => Some(format!("[snapshot to {}]", first - 1)),
    };
    let terms = (log.first_index()..=log.last_index()).filter_map(|index| log.term_at(index));
    let terms = first.into_iter().chain(terms.map(|term| term.to_string()));
    terms.collect::<Vec<_>>().join(" ")
}

impl Cluster {
    /// Founders and spares that have heard of each other, so long ago that all may vote.
    pub(crate) fn new(founders: u32, spares: u32, tuning: Tuning) -> Cluster {
        let ids: Vec<NodeId> = (0..founders).map(NodeId).collect();
        let node = |id: u32| Node {
            id: NodeId(id),
            keeper: Keeper::new(NodeId(id), ids.clone(), 1, tuning),
            random: Random::seed_from_u64(u64::from(id)),
            due: Time(0),
            disk: MemoryDisk::with(Groups::first_files()),
            asked: VecDeque::new(),
            slow: false,
            paused: false,
            cut_off: false,
        };
        let nodes = (0..founders + spares).map(node).collect();
        let (links, late) = (BTreeMap::new(), VecDeque::new());
        let mut cluster = Cluster { nodes, links, late, time: Time(0), written: String::new() };
        for id in (0..founders + spares).map(NodeId) {
            cluster.hand(id, Input::Start { disk: DiskId(u64::from(id.0) + 1) });
        }
        cluster.all_arrives();
        cluster.time = cluster.time + 2 * tuning.election_timeout;
        cluster.written.clear();
        cluster
    }

    /// What was written down since it was taken last.
    pub(crate) fn written(&mut self) -> String {
        std::mem::take(&mut self.written)
    }

    /// The timer of a node fires when it is due, and again if it finds that what it was set for was put off.
    pub(crate) fn timer(&mut self, node: NodeId) {
        let sent = |cluster: &Cluster| cluster.links.keys().any(|(from, _)| *from == node);
        let before = (self.written.len(), sent(self));
        for _ in 0..3 {
            self.time = self.time.max(self.node(node).due);
            self.hand(node, Input::Timer(GroupsTimer::Due));
            if before != (self.written.len(), sent(self)) {
                return;
            }
        }
    }

    /// A node asks for votes and gets them, and all that is said about it is heard.
    pub(crate) fn elect(&mut self, node: NodeId) {
        let written = self.written.len();
        self.timer(node);
        self.all_arrives();
        self.written.truncate(written);
        self.show(node);
    }

    /// A node is asked to add all of these at once.
    pub(crate) fn add(&mut self, node: NodeId, items: &[&str]) {
        let (before, written) = (View::of(&self.node(node).keeper), self.written.len());
        for item in items {
            self.tell(node, Word::Add(GROUP, format!("{item:8}").into()));
        }
        self.written.truncate(written);
        self.tell_news(node, &before);
    }

    /// Time goes by in which nothing happens.
    pub(crate) fn passes(&mut self, time: Duration) {
        self.time = self.time + time;
    }

    pub(crate) fn tell(&mut self, node: NodeId, word: Word) {
        self.hand(node, Input::Message { from: NodeId(u32::MAX), message: word });
    }

    /// What is on its way arrives, and what that leads to, until nothing more is said.
    pub(crate) fn all_arrives(&mut self) {
        for _ in 0..MOST {
            let may = |(_, to): &&(NodeId, NodeId)| !self.node(*to).paused;
            let links: Vec<_> = self.links.keys().filter(may).copied().collect();
            if links.is_empty() {
                return;
            }
            links.into_iter().for_each(|(from, to)| self.arrives(from, to));
        }
        panic!("they talk for ever");
    }

    /// The next message from one to the other arrives.
    pub(crate) fn arrives(&mut self, from: NodeId, to: NodeId) {
        match self.take(from, to) {
            Some(envelope) => self.hear(from, to, envelope),
            None => self.write(format_args!("nothing is on its way")),
        }
    }

    /// What is on its way from one to the other is lost, and neither hears of it.
    pub(crate) fn lose(&mut self, from: NodeId, to: NodeId) {
        while let Some(lost) = self.take(from, to) {
            self.write(format_args!("{from:?} to {to:?}, lost: {lost}"));
        }
    }

    /// What is on its way from one to the other stays behind, until [`Cluster::late_arrives`].
    pub(crate) fn delay(&mut self, from: NodeId, to: NodeId) {
        while let Some(late) = self.take(from, to) {
            self.write(format_args!("{from:?} to {to:?}, delayed: {late}"));
            self.late.push_back((from, to, late));
        }
    }

    pub(crate) fn late_arrives(&mut self) {
        for (from, to, envelope) in std::mem::take(&mut self.late) {
            self.hear(from, to, envelope);
        }
    }

    /// The stream between two breaks, with all that is on it, and both hear of it.
    pub(crate) fn breaks(&mut self, one: NodeId, other: NodeId) {
        self.lose(one, other);
        self.lose(other, one);
        self.hand(one, Input::LinkReset { peer: other });
        self.hand(other, Input::LinkReset { peer: one });
    }

    pub(crate) fn set_paused(&mut self, node: NodeId, paused: bool) {
        self.node_mut(node).paused = paused;
    }

    pub(crate) fn set_cut_off(&mut self, node: NodeId, cut_off: bool) {
        self.node_mut(node).cut_off = cut_off;
    }

    /// A slow disk answers when it is told to, an other one at once.
    pub(crate) fn set_slow(&mut self, node: NodeId, slow: bool) {
        self.node_mut(node).slow = slow;
    }

    /// A slow disk has done what it was asked for so far; what that leads to is asked of it next.
    pub(crate) fn disk_answers(&mut self, node: NodeId) {
        for (command, op) in std::mem::take(&mut self.node_mut(node).asked) {
            self.disk_does(node, command, op);
        }
    }

    /// The log of a node is this, since leaders of former times said so.
    pub(crate) fn set_log(&mut self, node: NodeId, terms: &[Term]) {
        let (disk, written) = (DiskId(u64::from(node.0) + 1), self.written.len());
        for (place, &term) in terms.iter().enumerate().skip(1) {
            let append = AppendEntries {
                term,
                round: 0,
                prev_index: place as Index,
                prev_term: terms[place - 1],
                entries: vec![Entry { term, payload: Payload::Blank }],
                leader_commit: 0,
            };
            let rpcs = vec![(GROUP, Rpc::AppendEntries(append))];
            self.hear(FORMER, node, Envelope { from: DiskId(99), to: Some(disk), rpcs });
        }
        self.links.remove(&(node, FORMER));
        self.written.truncate(written);
        self.show(node);
    }

    /// What a member is now.
    pub(crate) fn show(&mut self, node: NodeId) {
        let keeper = &self.node(node).keeper;
        let View { role, log, committed } = View::of(keeper);
        let items = keeper.lists[GROUP.0 as usize].iter().map(|item| String::from_utf8_lossy(item));
        let items = items.map(|item| item.trim_end().to_owned()).collect::<Vec<_>>().join(" ");
        let list = if items.is_empty() { items } else { format!("; list {items}") };
        self.write(format_args!("{node:?}: {role}; log {log}; committed to {committed}{list}"));
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    /// What was said and has not arrived.
    pub(crate) fn show_under_way(&mut self) {
        let mut said = String::new();
        for ((from, to), envelopes) in &self.links {
            for envelope in envelopes {
                let _ = writeln!(said, "{from:?} to {to:?}, on its way: {envelope}");
            }
        }
        self.written += if said.is_empty() { "nothing is on its way\n" } else { &said };
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    fn node_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.nodes[node.0 as usize]
    }

    fn write(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.written, "{line}");
    }

    fn take(&mut self, from: NodeId, to: NodeId) -> Option<Envelope> {
        let link = self.links.get_mut(&(from, to))?;
        let envelope = link.pop_front();
        if link.is_empty() {
            self.links.remove(&(from, to));
        }
        envelope
    }

    fn hear(&mut self, from: NodeId, to: NodeId, envelope: Envelope) {
        self.write(format_args!("{from:?} to {to:?}: {envelope}"));
        self.hand(to, Input::Message { from, message: Word::Raft(envelope) });
    }

    /// Hands a node an input, and sees to what it wants done.
    fn hand(&mut self, id: NodeId, input: Input<Lists>) {
        let time = self.time;
        let node = self.node_mut(id);
        let (before, mut out) = (View::of(&node.keeper), Outputs::default());
        let (wall, generation) = (Wall(0), Generation::default());
        let mut now = Now { time, wall, generation, random: &mut node.random };
        node.keeper.handle(&mut now, input, &mut out);
        for output in out.drain() {
            self.carry_out(id, output);
        }
        self.tell_news(id, &before);
        if !self.node(id).slow {
            while let Some((command, op)) = self.node_mut(id).asked.pop_front() {
                self.disk_does(id, command, op);
            }
        }
    }

    fn tell_news(&mut self, id: NodeId, before: &View) {
        let news = View::of(&self.node(id).keeper).since(before);
        if !news.is_empty() {
            self.write(format_args!("    {id:?}: {}", news.join("; ")));
        }
    }

    fn carry_out(&mut self, id: NodeId, output: Output<Lists>) {
        match output {
            Output::Send { to, message: Word::Raft(envelope), .. } => {
                let lost = self.nodes.get(to.0 as usize).is_none_or(|node| node.cut_off);
                if !lost && !self.node(id).cut_off {
                    self.links.entry((id, to)).or_default().push_back(envelope);
                }
            }
            Output::Disk { command, op } => self.node_mut(id).asked.push_back((*command, op)),
            Output::SetTimer { timer: GroupsTimer::Due, after } => {
                self.node_mut(id).due = self.time + after;
            }
            // Of these its role tells.
            Output::Note(note) if ["campaigned", "elected", "founded"].contains(&&*note) => {}
            Output::Note(note) => self.write(format_args!("    {id:?}: {note}")),
            Output::Halt { why } => panic!("{id:?} halted: {why}"),
            _ => {}
        }
    }

    fn disk_does(&mut self, id: NodeId, command: DiskCommand, op: GroupsOp) {
        let result = self.node_mut(id).disk.perform(command);
        self.hand(id, Input::Disk { op, result });
    }
}
