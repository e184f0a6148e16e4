//! The group has news: an entry is committed, and applied; what waited for it is answered.

use machine::{Now, Outputs};
use raft::{Event, Index, Payload};
use rand::RngExt;

use super::{Controller, GROUP};
use crate::cluster::{Cluster, Partition};
use crate::entry::Entry;
use crate::error::ErrorCode;
use crate::message::{Message, ReplicatedLog};
use crate::note::Note;
use crate::words::TopicPartition;

/// Of the metadata so much is given at a time, in bytes.
const PIECE: usize = 256 << 10;

impl Controller {
    /// Takes all events and committed entries that there are, in order.
    pub(super) fn catch_up(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        loop {
            if let Some((_, event)) = self.groups.next_event() {
                self.event(event, out);
            } else if let Some((_, index, entry)) = self.groups.next_committed() {
                self.apply(index, &entry, now, out);
            } else if !self.groups.is_taking(GROUP) && self.growth.is_due(now.random) {
                self.growth.frozen();
                if self.groups.freeze(GROUP, self.applied, now) {
                    self.frozen = self.cluster.encode();
                    self.growth.taken(self.frozen.len() as u64);
                }
            } else {
                break;
            }
        }
    }

    fn event(&mut self, event: Event, out: &mut Outputs<ReplicatedLog>) {
        match event {
            Event::Leads { term } => {
                self.follow(out);
                self.leads = Some(term);
            }
            Event::Follows { .. } => self.follow(out),
            Event::PieceWanted => {
                let piece = self.frozen.split_to(PIECE.min(self.frozen.len()));
                self.groups.piece(GROUP, piece, self.frozen.is_empty());
            }
            Event::Piece { first, bytes } => {
                if first {
                    self.incoming.clear();
                }
                self.incoming.extend_from_slice(&bytes);
            }
            Event::Restored { index } => self.restored(index, out),
            Event::SnapshotWanted => self.growth.want(),
            Event::Noted(what) => out.note(Note::Sometimes(what)),
            // Nobody asks to read: brokers have the metadata themselves.
            Event::Readable { .. } | Event::ReadLost { .. } => {}
        }
    }

    /// This controller does not lead, or not yet: what waits may be done, and may not.
    fn follow(&mut self, out: &mut Outputs<ReplicatedLog>) {
        (self.leads, self.ahead) = (None, None);
        self.publisher.forget();
        for pending in self.pending.drain(..) {
            let why = "the controllers have another leader; it may be done";
            let outcome = Err((ErrorCode::RequestTimedOut, why.into()));
            out.send(pending.broker, Message::Commanded { token: pending.token, outcome });
        }
    }

    fn restored(&mut self, index: Index, out: &mut Outputs<ReplicatedLog>) {
        let state = std::mem::take(&mut self.incoming).freeze();
        self.growth.frozen();
        self.growth.taken(state.len() as u64);
        self.frozen.clear();
        self.publisher.restored();
        match Cluster::decode(&state) {
            Ok(cluster) => (self.cluster, self.applied) = (cluster, index),
            Err(why) => out.halt(format!("a snapshot holds no metadata of this program: {why}")),
        }
    }

    fn apply(
        &mut self,
        index: Index,
        entry: &raft::Entry,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.applied = index;
        self.growth.add(entry);
        if let Payload::Command(bytes) = &entry.payload {
            match Entry::decode(bytes) {
                Ok(happened) => self.carry_out(happened, bytes.len(), out),
                Err(why) => out.halt(format!("the log has an entry of another program: {why}")),
            }
        }
        // As long as this controller leads, its entries are at their places.
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.at <= index) {
            let (token, outcome) = (pending.token, Ok(pending.changed));
            out.send(pending.broker, Message::Commanded { token, outcome });
        }
        if self.leads == Some(entry.term) && self.ahead.is_none() {
            self.take_over(now, out);
        }
    }

    fn carry_out(&mut self, entry: Entry, length: usize, out: &mut Outputs<ReplicatedLog>) {
        let number = self.cluster.applied + 1;
        self.cluster.apply(number, &entry);
        if self.leads() {
            if let Entry::Broker { id, boot, .. } = entry {
                out.send(id, Message::Registered { boot, epoch: number });
            }
            for (partition, is) in entry.changes() {
                out.note(noted(partition, is));
            }
        }
        self.publisher.add(number, entry, length);
    }

    /// All that was committed before is applied: this controller decides from now on.
    fn take_over(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        self.ahead = Some(self.cluster.clone());
        if self.cluster.id == 0 {
            self.propose(&Entry::Cluster(now.random.random_range(1..=u64::MAX)), now);
        }
        let brokers = self.cluster.brokers.keys().copied();
        self.sessions.begin(brokers, now.time);
        self.sessions.wait(now.time + self.tuning.heartbeat, self.tuning.session);
        // Of what the last leader carried out nobody may have been told.
        self.cluster.partitions().for_each(|(partition, _, is)| out.note(noted(partition, is)));
        self.upkeep = now.time + self.tuning.upkeep;
        self.set_session_timer(now, out);
    }
}

/// Whoever watches learns how a partition is.
fn noted(partition: TopicPartition, is: &Partition) -> Note {
    Note::Partition { partition, is: Box::new(is.clone()) }
}
