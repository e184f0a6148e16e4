//! Changing a link, and deleting it.
//!
//! The law: once a change is acknowledged, every visitor of this instance sees it; visitors of another
//! instance see it when the copy there has expired. A change that got no answer may still be made later.

use machine::{Now, Outputs};

use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::link::names;
use crate::message::{Answer, Call, Message, Note, Reply, Shortener, Why};
use crate::{Edit, Key};

impl Instance {
    /// 1. An owner changes a link.
    pub(super) fn edit(
        &mut self,
        asker: Asker,
        key: Key,
        edit: Edit,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match names::check_edit(&edit) {
            Ok(()) => self.change(asker, key.clone(), Call::Edit(key, edit), now, out),
            Err(unfit) => answer(asker, Answer::Refused(unfit.why), out),
        }
    }

    /// 1. Or deletes it.
    pub(super) fn delete(
        &mut self,
        asker: Asker,
        key: Key,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        self.change(asker, key.clone(), Call::Remove(key), now, out);
    }

    /// 2. The shard of the link is called.
    fn change(
        &mut self,
        asker: Asker,
        key: Key,
        wanted: Call,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if !self.admit(asker, now.time, out) {
            return;
        }
        self.waiting += 1;
        let shard = self.shards.of(&key);
        let call = self.calls.begin(shard, Purpose::Change(asker, key.clone()), now.time, out);
        out.note(Note::Called { call, client: asker.client, why: Why::Change, key: Some(key) });
        out.send(shard, Message::Call { call, wanted });
    }

    /// 3. The call is over. Copies read meanwhile may be older than the change.
    pub(super) fn change_ended(
        &mut self,
        asker: Asker,
        key: Key,
        reply: Option<Reply>,
        out: &mut Outputs<Shortener>,
    ) {
        self.invalidate(&key);
        if matches!(reply, Some(Reply::Stored(_) | Reply::Removed)) {
            out.note(Note::Acknowledged { token: asker.token, key: key.clone() });
        }
        let with = match reply {
            Some(Reply::Stored(link)) => Answer::Link(key, link),
            Some(Reply::Removed) => Answer::Deleted,
            Some(Reply::Missing) => Answer::Missing,
            other => unavailable(other),
        };
        self.answer_waiting(asker, with, out);
    }
}
