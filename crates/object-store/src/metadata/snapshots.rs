//! Catalogs are read from the rows at boot, given to members that lack them, and taken from a leader.

use bitcask::Change;
use bytes::Bytes;
use machine::{Now, Outputs};
use raft::{GroupId, Index};

use super::Metadata;
use crate::catalog::{Catalog, Fact, Next, Place, take_pairs};
use crate::message::ObjectStore;
use crate::rows::{Purpose, Told};
use crate::words::GroupNumber;

/// Pairs of a snapshot that are written together.
const BATCH: usize = 32;

impl Metadata {
    /// The rows have something to tell.
    pub(super) fn told(&mut self, told: Told, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        match told {
            Told::Pairs(pairs) => {
                for (key, value) in pairs {
                    if let Err(why) = self.load(&key, value) {
                        return out.halt(format!("the catalog on the disk is none: {why}"));
                    }
                }
            }
            Told::Ready => self.is_ready = true,
            Told::Body(Purpose::Answer(number), body) => self.body_read(number, body),
            Told::Body(Purpose::Snapshot(group), body) => self.body_for_piece(GroupId(group), body),
            Told::Synced => {
                for (group, index) in std::mem::take(&mut self.syncing) {
                    self.groups.compact_to(group, index, now);
                }
            }
            Told::Broken(why) => out.halt(format!("this node cannot keep its catalog: {why}")),
        }
    }

    /// A pair of the store, in the order in which they were written.
    fn load(&mut self, key: &Bytes, value: Option<Bytes>) -> Result<(), machine::codec::Malformed> {
        let (group, place) = Place::parse(key)?;
        let fact = value.map(|value| place.fact(value)).transpose()?;
        let Some(member) = self.members.get_mut(&GroupId(group.into())) else { return Ok(()) };
        match (&place, &fact) {
            (Place::Applied, Some(Fact::Applied(at))) => member.applied = *at,
            (Place::Applied, _) => member.applied = 0,
            _ => member.catalog.keep(place, fact),
        }
        Ok(())
    }

    /// A follower lacks what the log has no more.
    pub(super) fn freeze(&mut self, id: GroupId, now: &mut Now<'_>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if self.groups.freeze(id, member.applied, now) {
            member.frozen = Some(member.catalog.freeze(id.0 as GroupNumber, member.applied));
        }
    }

    /// Gives the next piece of what was frozen, as soon as the bodies that belong to it are read.
    pub(super) fn give_piece(&mut self, id: GroupId) {
        loop {
            let frozen = self.members.get_mut(&id).and_then(|member| member.frozen.as_mut());
            let Some(frozen) = frozen else { return };
            match frozen.next() {
                Next::Body(put) => {
                    let Some(body) = self.rows.read(put, Purpose::Snapshot(id.0)) else { return };
                    self.frozen_body(id, Some(body));
                }
                Next::Piece(piece, last) => {
                    self.groups.piece(id, piece, last);
                    if last && let Some(member) = self.members.get_mut(&id) {
                        member.frozen = None;
                    }
                    return;
                }
            }
        }
    }

    fn body_for_piece(&mut self, id: GroupId, body: Result<Option<Bytes>, ()>) {
        // What cannot be read here the follower lacks too: whoever has it gives it when it is asked for.
        self.frozen_body(id, body.unwrap_or_default());
        self.give_piece(id);
    }

    fn frozen_body(&mut self, id: GroupId, body: Option<Bytes>) {
        if let Some(frozen) = self.members.get_mut(&id).and_then(|member| member.frozen.as_mut()) {
            frozen.body(body);
        }
    }

    /// A piece of a leader's catalog.
    pub(super) fn take_piece(&mut self, id: GroupId, first: bool, piece: &[u8]) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if first {
            member.incoming.clear();
            member.thawed.clear();
        }
        member.incoming.extend_from_slice(piece);
        member.thawed.extend(take_pairs(&mut member.incoming));
    }

    /// The pieces are whole, and the catalog from now on. How far it is applied is written last: a crash before that
    /// has raft give the pieces again.
    pub(super) fn restored(&mut self, id: GroupId, index: Index, out: &mut Outputs<ObjectStore>) {
        let group = id.0 as GroupNumber;
        let Some(member) = self.members.get_mut(&id) else { return };
        member.frozen = None;
        let thawed = std::mem::take(&mut member.thawed);
        if index <= member.applied {
            return;
        }
        let empty = Catalog::new(&self.tuning, self.switches);
        let old = std::mem::replace(&mut member.catalog, empty);
        member.epoch_seen = None;
        let mut gone: Vec<_> = vec![(Place::Applied.bytes(group), None)];
        gone.extend(old.places().into_iter().map(|place| (place.bytes(group), None)));
        let kept: Vec<_> = thawed.into_iter().map(|(key, value)| (key, Some(value))).collect();
        for batch in gone.chunks(BATCH).chain(kept.chunks(BATCH)) {
            let body = |(key, value): &Change| match Place::parse(key) {
                Ok((_, Place::Body(put))) => value.clone().map(|body| (put, body)),
                _ => None,
            };
            self.rows.write_changes(batch.to_vec(), batch.iter().filter_map(body).collect());
        }
        for (key, value) in kept {
            if let Err(why) = self.load(&key, value) {
                return out.halt(format!("a snapshot of a catalog is none: {why}"));
            }
        }
        if let Some(member) = self.members.get_mut(&id)
            && member.applied != index
        {
            out.halt("a snapshot of a catalog is of another place of the log");
        }
    }
}
