//! A broker speaks, or is silent: what that makes of the metadata is proposed.

use machine::{NodeId, Now, Outputs, Switches};
use raft::{Index, LONGEST_COMMAND};

use super::{Controller, GROUP, Pending, alter, brokers, elect, topics};
use crate::cluster::{BrokerState, Cluster};
use crate::entry::Entry;
use crate::error::ErrorCode;
use crate::message::{
    Alter, Beat, Command, Heartbeat, Message, Registration, ReplicatedLog, Timer,
};

impl Controller {
    /// All controllers hear brokers, and only the leader does something about it.
    pub(super) fn message(
        &mut self,
        from: NodeId,
        message: Message,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match message {
            Message::Register(registration) => self.register(from, &registration, now, out),
            Message::Heartbeat(heartbeat) => self.heartbeat(from, &heartbeat, now, out),
            Message::Alter(alter) => self.alter(from, &alter, now),
            Message::Command { token, command } => self.command(from, token, &command, now, out),
            _ => {}
        }
    }

    /// Takes an entry into the log, and into the metadata that the next one is computed with.
    pub(super) fn propose(&mut self, entry: &Entry, now: &mut Now<'_>) -> Option<Index> {
        let ahead = self.ahead.as_mut()?;
        let bytes = entry.encode();
        if bytes.len() > LONGEST_COMMAND {
            return None;
        }
        let (_, at) = self.groups.propose(GROUP, bytes, now).ok()?;
        ahead.apply(ahead.applied + 1, entry);
        Some(at)
    }

    fn register(
        &mut self,
        from: NodeId,
        registration: &Registration,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.sessions.hear(from, now.time);
        let Some(ahead) = &self.ahead else { return };
        let is_this = |broker: &&BrokerState| broker.boot == registration.boot;
        match ahead.brokers.get(&from).filter(is_this) {
            // It is on its way, or the answer was lost.
            Some(BrokerState { boot, epoch, .. }) if *epoch <= self.cluster.applied => {
                out.send(from, Message::Registered { boot: *boot, epoch: *epoch });
            }
            Some(_) => {}
            None => {
                let entry = brokers::register(ahead, from, registration, self.switches);
                self.propose(&entry, now);
            }
        }
    }

    fn heartbeat(
        &mut self,
        from: NodeId,
        heartbeat: &Heartbeat,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.sessions.hear(from, now.time);
        let Heartbeat { epoch, number, .. } = *heartbeat;
        let Some(ahead) = &self.ahead else { return };
        let is_this = |broker: &&BrokerState| broker.epoch == epoch;
        let unknown = ahead.brokers.get(&from).filter(is_this).is_none();
        if !unknown {
            if let Some(entry) = heard(ahead, from, heartbeat, self.switches) {
                self.propose(&entry, now);
            }
            self.publisher.hear(from, heartbeat);
        }
        // Its leaders were moved in the entry that says so.
        let known = self.cluster.brokers.get(&from).filter(is_this);
        let may_stop = known.is_some_and(|broker| broker.stopping);
        out.send(from, Message::Beat(Beat { epoch, number, may_stop, unknown }));
    }

    fn alter(&mut self, from: NodeId, alter: &Alter, now: &mut Now<'_>) {
        let Some(ahead) = &self.ahead else { return };
        if let Some(next) = alter::alter(ahead, from, alter, self.switches) {
            self.propose(&Entry::Partitions(vec![(alter.partition, next)]), now);
        }
    }

    fn command(
        &mut self,
        broker: NodeId,
        token: u64,
        command: &Command,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let not_here = (ErrorCode::NotController, "this controller does not lead".into());
        let planned = match &self.ahead {
            None => Err(not_here.clone()),
            Some(ahead) => {
                let defaults = (&self.tuning, self.controllers.len());
                topics::plan(ahead, command, defaults, self.switches)
            }
        };
        let outcome = match planned {
            Ok((None, changed)) => Ok(changed),
            Err(why) => Err(why),
            Ok((Some(entry), changed)) => match self.propose(&entry, now) {
                Some(at) => {
                    return self.pending.push_back(Pending { at, broker, token, changed });
                }
                None => Err(not_here),
            },
        };
        out.send(broker, Message::Commanded { token, outcome });
    }

    /// Whoever was silent for a session is fenced, if this controller was awake to hear it.
    pub(super) fn look_at_sessions(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        let (session, heartbeat) = (self.tuning.session, self.tuning.heartbeat);
        if now.time.since(self.sessions.due) > heartbeat / 2 {
            self.sessions.wait(now.time + heartbeat, session);
        }
        let Some(ahead) = &self.ahead else { return };
        let silent = |id: &NodeId| !self.sessions.is_heard(*id, now.time, session);
        for id in ahead.brokers.keys().copied().filter(silent).collect::<Vec<_>>() {
            // Each against what became of the last.
            let Some(ahead) = &self.ahead else { return };
            if let Some(entry) = brokers::fence(ahead, id, self.switches) {
                self.propose(&entry, now);
            }
        }
        if now.time >= self.upkeep {
            self.upkeep = now.time + self.tuning.upkeep;
            let moved = self.ahead.as_ref().map(|ahead| elect::preferred(ahead, self.switches));
            if let Some(changes) = moved.filter(|changes| !changes.is_empty()) {
                self.propose(&Entry::Partitions(changes), now);
            }
        }
        self.set_session_timer(now, out);
    }

    /// For the next session that ends; and not later than one that begins now.
    pub(super) fn set_session_timer(&mut self, now: &Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        let session = self.tuning.session;
        let ends = self.cluster.brokers.keys().filter_map(|id| self.sessions.ends(*id, session));
        let ahead = ends.filter(|end| *end > now.time);
        let due = ahead.chain([self.upkeep, now.time + session]).min().unwrap_or(self.upkeep);
        self.sessions.due = due;
        out.set_timer(Timer::Sessions, due.since(now.time));
    }
}

/// What a heartbeat of a registered broker makes of the metadata.
fn heard(ahead: &Cluster, id: NodeId, heartbeat: &Heartbeat, switches: Switches) -> Option<Entry> {
    let Heartbeat { epoch, applied, stopping, damaged, .. } = heartbeat;
    let broker = ahead.brokers.get(&id)?;
    if let Some(entry) = brokers::damaged(ahead, id, damaged, switches) {
        return Some(entry);
    }
    if *stopping {
        return (!broker.stopping).then(|| brokers::stopping(ahead, id, switches));
    }
    (broker.fenced && applied >= epoch).then(|| brokers::unfence(ahead, id, switches))
}
