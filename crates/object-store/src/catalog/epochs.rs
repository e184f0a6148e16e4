//! Epochs of a group: what is dead, and when its bytes may go.
//!
//! # The law
//!
//! A put is *dead* when nothing names it, and nothing ever will. Who is told so may delete its bytes.
//!
//! A group's log has an epoch, which its leader advances no sooner than [`Tuning::epoch`](crate::tuning::Tuning::epoch)
//! after the last time. A put has the epoch in which it began. One that is of neither this epoch nor the one before is
//! refused when its commit is applied: so whoever reads the catalog, and finds that nothing names such a put, knows that
//! nothing will. Clocks decide how soon an epoch ends, and never whether a put is dead.
//!
//! What an object was named by may still be read by somebody who found its row before it went: such a put is dead when
//! a whole epoch has passed since. No get may take longer.
//!
//! A session never saw parts that were replaced or aborted as an object, and bytes that are kept whole and alone come
//! with their row: these are dead at once.

use super::{Catalog, Fact, Pairs, Place};
use crate::answer::Answer;
use crate::ask::UploadPlace;
use crate::error::Refusal;
use crate::mechanism::Mechanism;
use crate::row::{Content, Extent, Kept, Row};
use crate::words::{Epoch, PutId};

impl Catalog {
    /// In which epoch the group is.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The next epoch begins, unless it has.
    pub(super) fn advance(&mut self, from: Epoch, pairs: &mut Pairs) -> Answer {
        if from == self.epoch {
            self.set(Place::Epoch, Some(Fact::Epoch(from + 1)), pairs);
            self.let_go(pairs);
            self.abandon(pairs);
        }
        Answer::Done
    }

    /// Has a put begun so long ago that it is named by now, or never?
    fn is_past(&self, put: PutId) -> bool {
        put.epoch.saturating_add(1) < self.epoch
    }

    /// May these bytes be named, if they are not yet? Those that come in the log itself are nowhere else.
    pub(super) fn may_name(&self, put: PutId, kept: Kept) -> Result<(), Refusal> {
        let fenced = kept != Kept::Whole && Mechanism::GcFence.on(self.switches);
        if fenced && self.is_past(put) { Err(Refusal::RequestTimeout) } else { Ok(()) }
    }

    /// Those of these puts that are dead.
    pub(super) fn dead(&self, puts: &[PutId]) -> Vec<PutId> {
        let is_read = |put: PutId| {
            let left = [self.epoch, self.epoch.saturating_sub(1)];
            left.iter().any(|epoch| self.left.contains_key(&(*epoch, put)))
        };
        let is_dead =
            |put: &PutId| !self.named.contains_key(put) && self.is_past(*put) && !is_read(*put);
        puts.iter().copied().filter(is_dead).collect()
    }

    /// The bytes of a row that goes.
    pub(super) fn leave(&mut self, row: &Row, pairs: &mut Pairs) {
        let extents = row.content.as_ref().map_or(&[][..], |content| &content.extents);
        let pinned = Mechanism::ReadPin.on(self.switches);
        for Extent { put, kept, .. } in extents {
            let is_whole = *kept == Kept::Whole;
            if pinned && !(is_whole && extents.len() == 1) {
                self.set(Place::Left(self.epoch, *put), Some(Fact::Left(is_whole)), pairs);
            } else if is_whole {
                self.set(Place::Body(*put), None, pairs);
            }
        }
    }

    /// Nobody reads any more what was left before the last epoch.
    fn let_go(&mut self, pairs: &mut Pairs) {
        let is_over = |&&(left, _): &&(Epoch, PutId)| left + 1 < self.epoch;
        let over = self.left.iter().take_while(|(key, _)| is_over(key));
        for ((left, put), is_whole) in over.map(|(key, kept)| (*key, *kept)).collect::<Vec<_>>() {
            if is_whole {
                self.set(Place::Body(put), None, pairs);
            }
            self.set(Place::Left(left, put), None, pairs);
        }
    }

    /// Uploads that nobody ends are aborted.
    fn abandon(&mut self, pairs: &mut Pairs) {
        let is_old = |began: Epoch| began.saturating_add(self.upload_age) <= self.epoch;
        let old = self.uploads.iter().filter(|(_, state)| state.is_open_since(is_old));
        let place = |(bucket, key, upload): (_, _, _)| UploadPlace { bucket, key, upload };
        for place in old.map(|(key, _)| place(key.clone())).collect::<Vec<_>>() {
            self.remove_upload(place, pairs);
        }
    }

    /// A version or a part names these bytes, or does no longer.
    pub(super) fn name(&mut self, extent: &Extent, is_named: bool) {
        if extent.kept == Kept::Whole {
            return;
        }
        let names = self.named.entry(extent.put).or_default();
        *names = if is_named { *names + 1 } else { names.saturating_sub(1) };
        if *names == 0 {
            self.named.remove(&extent.put);
        }
    }

    pub(super) fn name_all(&mut self, content: Option<&Content>, is_named: bool) {
        let extents = content.into_iter().flat_map(|content| &content.extents);
        extents.for_each(|extent| self.name(extent, is_named));
    }
}

#[cfg(test)]
mod tests;
