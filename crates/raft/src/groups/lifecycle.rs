//! Groups that begin and end while the node runs.

use std::sync::Arc;

use machine::{NodeId, Now, Time};

use super::Groups;
use crate::effects::Effects;
use crate::group::{Group, Remembered};
use crate::member::Member;
use crate::rpc::GroupId;
use crate::snapshot_files::Source;

impl Groups {
    /// This node takes part in a group that nodes of these numbers found (which may or may not include this one):
    /// one with a number that no group of theirs has had before. Where the disk remembers the group, that
    /// counts; after a boot such groups are there by themselves, and of one that is still to be founded the
    /// owner has to say so again. False where nothing was done, since it takes part, or has left it for good.
    pub fn found(
        &mut self,
        group: GroupId,
        founders: impl Into<Arc<[NodeId]>>,
        now: &mut Now<'_>,
    ) -> bool {
        let is_new = !self.groups.contains_key(&group) && !self.journal.has_left(group);
        if is_new {
            self.will_found(group, founders);
            if self.is_up {
                self.boot_group(group, None, now, &mut Effects::default());
            }
        }
        is_new
    }

    /// As [`Groups::found`], before the node has booted.
    pub fn will_found(&mut self, group: GroupId, founders: impl Into<Arc<[NodeId]>>) {
        self.founders.insert(group, founders.into());
    }

    /// This node takes part in a group no more, and forgets it; what is sent to it is not read. If the others
    /// are to go on they change the members before. It never comes back to the group with this disk, since it
    /// would vote again where it has voted.
    pub fn leave(&mut self, id: GroupId) {
        let Some(group) = self.groups.remove(&id) else { return };
        self.founders.remove(&id);
        if let Some(at) = group.scheduled {
            self.due.remove(&(at, id));
        }
        self.beats.set(id, None, self.tuning.heartbeat, Time(0));
        for source in [Source::Owner, Source::Leader] {
            self.files.drop_draft(id, source);
        }
        self.events.retain(|(other, _)| *other != id);
        self.outbox.retain(|(_, other, _)| *other != id);
        self.journal.record_left(&group);
    }

    /// A group as the disk remembers it, or one of which it has nothing.
    pub(super) fn boot_group(
        &mut self,
        id: GroupId,
        known: Option<Remembered>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let (me, how) = (Member { node: self.node, disk: self.disk }, (self.tuning, self.switches));
        let founders = self.founders.get(&id).cloned().unwrap_or_default();
        let group = Group::new((id, me), founders, how, known, now, fx);
        self.groups.insert(id, group);
        self.carry_out(id, fx, now);
    }
}
