//! What a question is about, and what a change of it depends on.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::conditions::Conditions;
use crate::entry::Entry;
use crate::error::Refusal;
use crate::words::Name;

/// The bucket that a question is about.
pub(super) fn bucket_of(ask: &Ask) -> Option<&Name> {
    match ask {
        Ask::Bucket(bucket)
        | Ask::ChangeBucket(bucket, _)
        | Ask::Get { bucket, .. }
        | Ask::Read { bucket, .. }
        | Ask::BeginUpload { bucket, .. }
        | Ask::Delete { bucket, .. } => Some(bucket),
        Ask::CompleteUpload { place, .. }
        | Ask::AbortUpload { place }
        | Ask::Parts { place, .. } => Some(&place.bucket),
        Ask::Small { commit, .. } => Some(&commit.place.bucket),
        Ask::Begin { place } => Some(&place.bucket),
        Ask::List(list) | Ask::Uploads(list) => Some(&list.bucket),
        _ => None,
    }
}

/// On which a change depends.
pub(super) fn conditions(ask: &Ask) -> Option<&Conditions> {
    match ask {
        Ask::Small { commit, .. } | Ask::End { commit, .. } => Some(&commit.conditions),
        Ask::Delete { conditions, .. } | Ask::CompleteUpload { conditions, .. } => Some(conditions),
        _ => None,
    }
}

/// The question for what a change replaces.
pub(super) fn current(ask: &Ask) -> Option<Ask> {
    let (bucket, key) = match ask {
        Ask::Small { commit, .. } | Ask::End { commit, .. } => {
            (&commit.place.bucket, &commit.place.key)
        }
        Ask::Delete { bucket, key, .. } => (bucket, key),
        Ask::CompleteUpload { place, .. } => (&place.bucket, &place.key),
        _ => return None,
    };
    Some(Ask::Get {
        bucket: bucket.clone(),
        key: key.clone(),
        version: None,
        conditions: Conditions::default(),
        body: false,
    })
}

/// The entry without its conditions, if they hold for what was found before it is proposed.
pub(super) fn unconditional(mut entry: Entry, found: &Answer) -> Result<Entry, Refusal> {
    let row = match found {
        Answer::Found(found) => Some(&found.row),
        Answer::Refused(Refusal::NoSuchKey { .. }) => None,
        Answer::Refused(refusal) => return Err(*refusal),
        _ => return Err(Refusal::Unavailable),
    };
    let conditions = match &mut entry.ask {
        Ask::Small { commit, .. } | Ask::End { commit, .. } => &mut commit.conditions,
        Ask::Delete { conditions, .. } | Ask::CompleteUpload { conditions, .. } => conditions,
        _ => return Ok(entry),
    };
    std::mem::take(conditions).judge_change(row)?;
    Ok(entry)
}
