//! Buckets are made, changed and deleted.

use super::{Catalog, Fact, Pairs, Place};
use crate::answer::Answer;
use crate::ask::BucketChange;
use crate::error::Refusal;
use crate::row::{Bucket, Versioning};
use crate::words::{Millis, Name};

impl Catalog {
    pub(super) fn change_bucket(
        &mut self,
        user: &Name,
        now: Millis,
        (name, change): (Name, BucketChange),
        pairs: &mut Pairs,
    ) -> Result<Answer, Refusal> {
        let changed = match (change, self.buckets.get(&name)) {
            (BucketChange::Make, Some(bucket)) if bucket.owner == *user => {
                return Err(Refusal::BucketAlreadyOwnedByYou);
            }
            (BucketChange::Make, Some(_)) => return Err(Refusal::BucketAlreadyExists),
            (BucketChange::Make, None) => {
                Some(Bucket { owner: user.clone(), made: now, versioning: Versioning::Never })
            }
            (BucketChange::Delete, _) => {
                self.own(user, &name)?;
                if self.has_rows(&name) || self.has_uploads(&name) {
                    return Err(Refusal::BucketNotEmpty);
                }
                None
            }
            (BucketChange::Versioning(versioning), _) => {
                Some(Bucket { versioning, ..self.own(user, &name)?.clone() })
            }
        };
        self.set(Place::Bucket(name), changed.map(Fact::Bucket), pairs);
        Ok(Answer::Done)
    }

    fn has_rows(&self, bucket: &Name) -> bool {
        let first = self.rows_of(bucket).next();
        first.is_some()
    }

    pub(super) fn buckets_of(&self, user: &Name) -> Vec<(Name, Bucket)> {
        let own = self.buckets.iter().filter(|(_, bucket)| bucket.owner == *user);
        own.map(|(name, bucket)| (name.clone(), bucket.clone())).collect()
    }
}
