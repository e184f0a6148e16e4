//! A replica that follows: it fetches, cuts where its log and the leader's part, appends, and fetches on.
//!
//! The law: it fetches from where its own disk ends, so what it asks for says what it has.

use machine::NodeId;

use super::{Replica, ReplicaEvent, Role, Turn};
use crate::cluster::Partition;
use crate::mechanism::Mechanism;
use crate::message::{Message, ReplicaFetch, ReplicaFetched};
use crate::note::Note;
use crate::words::{LeaderEpoch, Offset};

/// The partition is led elsewhere, or nowhere at the moment.
#[derive(Clone, Debug)]
pub(super) struct Following {
    leader: Option<NodeId>,
    /// From where it has asked, and was not answered.
    asked: Option<Offset>,
    /// A part of the log is being cut off.
    cuts: bool,
}

impl Replica {
    /// This broker follows from now on.
    pub(super) fn follow(&mut self, decided: &Partition, turn: &mut Turn<'_, '_>) {
        self.role = Role::Following(Following { leader: decided.leader, asked: None, cuts: false });
        if !Mechanism::LeaderEpoch.on(turn.switches) && decided.leader.is_some() {
            // As Kafka did before KIP-101: what is above the watermark may not be the leader's.
            self.cut(self.high_watermark, turn);
        }
        self.fetch(turn);
    }

    /// Asks for what it does not have, once it has synced what it was given.
    pub(super) fn fetch(&mut self, turn: &mut Turn<'_, '_>) {
        let (from, synced) = (self.log.end_offset(), self.log.counted_end());
        let last_epoch = self.log.last_epoch().filter(|_| Mechanism::LeaderEpoch.on(turn.switches));
        let Role::Following(following) = &mut self.role else { return };
        let Some(leader) = following.leader else { return };
        if following.asked.is_some() || following.cuts || from != synced {
            return;
        }
        following.asked = Some(from);
        let fetch = ReplicaFetch {
            partition: self.partition,
            broker_epoch: turn.broker_epoch,
            leader_epoch: self.leader_epoch,
            from,
            last_epoch,
        };
        turn.out.send(leader, Message::Fetch(fetch));
    }

    /// The leader answers.
    pub(crate) fn fetched(
        &mut self,
        from: NodeId,
        fetched: ReplicaFetched,
        turn: &mut Turn<'_, '_>,
    ) {
        let end = self.log.end_offset();
        let Role::Following(following) = &mut self.role else { return };
        let is_asked = following.asked == Some(fetched.from) && fetched.from == end;
        if following.leader != Some(from) || fetched.leader_epoch != self.leader_epoch || !is_asked
        {
            return;
        }
        if let Some((epoch, leaders_end)) = fetched.diverging {
            return self.part(epoch, leaders_end, turn);
        }
        if fetched.log_start > end {
            following.asked = None;
            following.cuts = true;
            turn.out.note(Note::Sometimes("begun-anew"));
            self.log.restart_at(fetched.log_start);
            return;
        }
        if !fetched.batches.is_empty() {
            following.asked = None;
        }
        for batch in &fetched.batches {
            if self.log.follow(batch).is_err() {
                break;
            }
        }
        // Of what does not fit nothing was appended: it is asked again.
        self.fetch(turn);
        if fetched.log_start > self.log.start_offset() {
            self.log.raise_start(fetched.log_start);
        }
        self.watermark_is(fetched.high_watermark.min(self.log.end_offset()), turn);
    }

    /// The leader's log has this epoch up to there, and none between it and this replica's last one.
    fn part(&mut self, epoch: LeaderEpoch, leaders_end: Offset, turn: &mut Turn<'_, '_>) {
        let own_end = self.log.epoch_end(epoch).map(|(_, end)| end);
        let to = own_end.map_or(self.log.start_offset(), |own| own.min(leaders_end));
        turn.out.note(Note::Sometimes("cut-by-epoch"));
        self.cut(to.max(self.log.start_offset()), turn);
    }

    fn cut(&mut self, to: Offset, turn: &mut Turn<'_, '_>) {
        let Role::Following(following) = &mut self.role else { return };
        following.asked = None;
        if to >= self.log.end_offset() {
            return;
        }
        following.cuts = true;
        self.log.truncate(to);
        // Of a batch all went.
        let to = self.log.end_offset();
        self.high_watermark = self.high_watermark.min(to);
        turn.out.note(Note::Cut { partition: self.partition, to });
        self.events.push_back(ReplicaEvent::Moved);
    }

    /// What was to be cut off is gone.
    pub(super) fn truncated(&mut self, turn: &mut Turn<'_, '_>) {
        if let Role::Following(following) = &mut self.role {
            following.cuts = false;
        }
        self.fetch(turn);
    }

    /// The leader's link broke: what was asked is forgotten there, and asked again.
    pub(crate) fn leader_reset(&mut self, peer: NodeId, turn: &mut Turn<'_, '_>) {
        if let Role::Following(following) = &mut self.role
            && following.leader == Some(peer)
        {
            following.asked = None;
            self.fetch(turn);
        }
    }
}
