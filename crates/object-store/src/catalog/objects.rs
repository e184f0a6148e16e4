//! Objects are put and deleted: rows come and go.
//!
//! A bucket that never had versions, or has them suspended, has one row of a key that is called `null`, and each put takes
//! its place. One that has versions keeps them, and a delete is a row without content.

use std::sync::Arc;

use bytes::Bytes;

use super::{Catalog, Fact, Pairs, Place};
use crate::answer::{Answer, Deleted, Stored};
use crate::ask::Commit;
use crate::conditions::Conditions;
use crate::error::Refusal;
use crate::row::{Content, Extent, Kept, Row, Versioning};
use crate::words::{Millis, Name, PutId, VersionId};

impl Catalog {
    /// Names the bytes of a put.
    pub(super) fn commit(
        &mut self,
        moment: (u64, Millis),
        user: &Name,
        commit: Commit,
        ((put, kept), body): ((PutId, Kept), Option<Bytes>),
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        self.own(user, &commit.place.bucket)?;
        self.may_name(put, kept)?;
        if commit.place.part.is_some() {
            return self.commit_part(moment.1, commit, ((put, kept), body), pairs);
        }
        let Commit { place, size, etag, checksum, headers, conditions } = commit;
        let (bucket, key) = (place.bucket, place.key);
        conditions.judge_change(self.current(&bucket, &key).map(|row| &**row))?;
        if let Some(body) = body {
            self.set(Place::Body(put), Some(Fact::Body(body)), pairs);
        }
        let extents = vec![Extent { put, part: 0, length: size, kept }];
        let content = Content { size, etag, checksum: checksum.clone(), headers, extents };
        let version = self.add_row(moment, (bucket, key), Some(content), pairs);
        Ok(Answer::Stored(Stored { version, etag, checksum }))
    }

    /// The key gets a row; in the place of the one that is called `null`, where it is called so too.
    pub(super) fn add_row(
        &mut self,
        (version, modified): (u64, Millis),
        (bucket, key): (Name, Name),
        content: Option<Content>,
        pairs: &mut Pairs,
    ) -> Option<VersionId> {
        let versioning = self.buckets.get(&bucket).map_or(Versioning::Never, |it| it.versioning);
        let is_null = versioning != Versioning::Enabled;
        if is_null {
            self.remove((&bucket, &key), VersionId::Null, pairs);
        }
        let row = Row { version, is_null, modified, content };
        let id = Some(row.id()).filter(|_| versioning != Versioning::Never);
        self.set(Place::Row(bucket, key, version), Some(Fact::Row(Arc::new(row))), pairs);
        id
    }

    /// A key has no object any more.
    pub(super) fn delete(
        &mut self,
        moment: (u64, Millis),
        (bucket, key): (Name, Name),
        conditions: &Conditions,
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        conditions.judge_change(self.current(&bucket, &key).map(|row| &**row))?;
        if self.buckets.get(&bucket).is_some_and(|it| it.versioning == Versioning::Never) {
            self.remove((&bucket, &key), VersionId::Null, pairs);
            return Ok(Answer::Deleted(Deleted { version: None, is_marker: false }));
        }
        let version = self.add_row(moment, (bucket, key), None, pairs);
        Ok(Answer::Deleted(Deleted { version, is_marker: true }))
    }

    /// One version goes for good. Whether it was there or not, it is not.
    pub(super) fn delete_version(
        &mut self,
        (bucket, key): (Name, Name),
        id: VersionId,
        conditions: &Conditions,
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        let named = self.versions(&bucket, &key).find(|row| row.id() == id);
        conditions.judge_change(named.map(|row| &**row))?;
        let is_marker = named.is_some_and(|row| row.content.is_none());
        self.remove((&bucket, &key), id, pairs);
        Ok(Answer::Deleted(Deleted { version: Some(id), is_marker }))
    }

    /// Takes a row out, and the bytes that it names.
    fn remove(&mut self, (bucket, key): (&Name, &Name), id: VersionId, pairs: &mut Pairs) {
        let Some(row) = self.versions(bucket, key).find(|row| row.id() == id).cloned() else {
            return;
        };
        self.leave(&row, pairs);
        self.set(Place::Row(bucket.clone(), key.clone(), row.version), None, pairs);
    }
}
