//! A disk that has lost what its bound does not know of, and a leader that knows better.
//!
//! The law: who was told takes part in nothing any more. It writes down that it was told, stops when that is durable,
//! and no boot on this disk goes on. With a new disk the node is another member: its votes count from then on.

use machine::Outputs;

use super::Groups;
use crate::rpc::{GroupId, Index};
use crate::words::Owner;

impl Groups {
    /// The disk has lost these entries of a group: what else it lost nobody knows.
    pub(super) fn has_lost(&mut self, group: GroupId, lost: (Index, Index)) {
        self.journal.record_lost(group, lost);
        self.lost = Some(why_lost(group, lost));
    }

    /// Ends an input of such a node: nothing that it would have said leaves. It stops when a boot will find what it was
    /// told, or find that this is gone.
    pub(super) fn end<P: Owner>(&mut self, out: &mut Outputs<P>) {
        self.journal.append(&self.groups);
        self.journal.go_on(out);
        self.journal.settle(out);
        if let Some(why) = self.lost.as_ref().filter(|_| self.journal.is_settled()) {
            out.halt(format!("this member cannot go on: {why}"));
        }
    }
}

/// What happened, and what to do.
pub(super) fn why_lost(group: GroupId, (first, last): (Index, Index)) -> String {
    format!(
        "its disk has lost entries of group {}, from {first} to {last}, that it had acknowledged, and may have lost \
         votes too: give the node a new disk, an empty folder, with which it joins as a new member",
        group.0
    )
}
