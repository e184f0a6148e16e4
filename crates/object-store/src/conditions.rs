//! What a client makes a question depend on (RFC 9110, section 13).
//!
//! The law: a change is judged where it is applied, against the row that it replaces, and nowhere else.

use crate::error::Refusal;
use crate::row::{Content, Row};
use crate::words::{Millis, Name};

/// The conditions of a question. All that are named must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Conditions {
    /// `If-Match`: the object is there, and its ETag is this one.
    pub matches: Option<Match>,
    /// `If-None-Match`: its ETag is not this one; or, of any, it is not there.
    pub differs: Option<Match>,
    /// `If-Modified-Since`: the seconds of this. Heeded where `differs` is not named.
    pub modified_since: Option<Millis>,
    /// `If-Unmodified-Since`. Heeded where `matches` is not named.
    pub unmodified_since: Option<Millis>,
}

/// Which ETag is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// Whichever there is: `*`.
    Any,
    /// This one, as text and without quotes.
    Tag(Name),
}

impl Match {
    fn fits(&self, content: &Content) -> bool {
        match self {
            Match::Any => true,
            Match::Tag(tag) => **tag == *content.etag.to_string(),
        }
    }
}

impl Conditions {
    /// Do they hold for a change of what is there now?
    ///
    /// # Errors
    /// Which does not: nothing is to be changed.
    pub fn judge_change(&self, current: Option<&Row>) -> Result<(), Refusal> {
        let there = current.and_then(|row| row.content.as_ref());
        match (&self.matches, there) {
            (Some(_), None) => {
                let is_marker = current.is_some();
                return Err(Refusal::NoSuchKey { is_marker });
            }
            (Some(wanted), Some(content)) if !wanted.fits(content) => {
                return Err(Refusal::PreconditionFailed);
            }
            _ => {}
        }
        match (&self.differs, there) {
            (Some(other), Some(content)) if other.fits(content) => Err(Refusal::PreconditionFailed),
            _ => Ok(()),
        }
    }

    /// Do they hold for a read of this row?
    ///
    /// # Errors
    /// Which does not.
    pub fn judge_read(&self, row: &Row) -> Result<(), Refusal> {
        let Some(content) = &row.content else { return Ok(()) };
        let modified = row.modified / 1_000;
        let unmodified = |since: &Millis| modified <= since / 1_000;
        let holds = match (&self.matches, &self.unmodified_since) {
            (Some(wanted), _) => wanted.fits(content),
            (None, Some(since)) => unmodified(since),
            (None, None) => true,
        };
        if !holds {
            return Err(Refusal::PreconditionFailed);
        }
        let has_it = match (&self.differs, &self.modified_since) {
            (Some(other), _) => other.fits(content),
            (None, Some(since)) => unmodified(since),
            (None, None) => false,
        };
        if has_it { Err(Refusal::NotModified) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sums::ETag;

    fn row(deleted: bool) -> Row {
        let etag = ETag { md5: [7; 16], parts: 0 };
        let content = Content { size: 1, etag, checksum: None, headers: vec![], extents: vec![] };
        let content = (!deleted).then_some(content);
        Row { version: 1, is_null: false, modified: 10_500, content }
    }

    fn tag(byte: u8) -> Option<Match> {
        Some(Match::Tag(ETag { md5: [byte; 16], parts: 0 }.to_string().into()))
    }

    #[test]
    fn a_change_depends_on_what_it_replaces() {
        use Refusal::{NoSuchKey, PreconditionFailed};
        let (there, marker) = (row(false), row(true));
        let if_match = |matches| Conditions { matches, ..Conditions::default() };
        let if_none = |differs| Conditions { differs, ..Conditions::default() };
        for (conditions, on_it, on_marker, on_nothing) in [
            (Conditions::default(), Ok(()), Ok(()), Ok(())),
            (if_match(tag(7)), Ok(()), Err(true), Err(false)),
            (if_match(Some(Match::Any)), Ok(()), Err(true), Err(false)),
            (if_match(tag(8)), Err(PreconditionFailed), Err(true), Err(false)),
            (if_none(tag(7)), Err(PreconditionFailed), Ok(()), Ok(())),
            (if_none(tag(8)), Ok(()), Ok(()), Ok(())),
            (if_none(Some(Match::Any)), Err(PreconditionFailed), Ok(()), Ok(())),
        ] {
            let gone = |is_marker| NoSuchKey { is_marker };
            assert_eq!(conditions.judge_change(Some(&there)), on_it, "{conditions:?}");
            assert_eq!(conditions.judge_change(Some(&marker)), on_marker.map_err(gone));
            assert_eq!(conditions.judge_change(None), on_nothing.map_err(gone));
        }
    }

    #[test]
    fn a_read_depends_on_what_there_is_and_tags_come_before_times() {
        use Refusal::{NotModified, PreconditionFailed};
        let since = |modified, unmodified| Conditions {
            modified_since: modified,
            unmodified_since: unmodified,
            ..Conditions::default()
        };
        let tags = |matches, differs| Conditions { matches, differs, ..since(Some(0), Some(0)) };
        for (conditions, judged) in [
            (tags(tag(7), tag(8)), Ok(())),
            (tags(tag(8), tag(8)), Err(PreconditionFailed)),
            (tags(tag(7), tag(7)), Err(NotModified)),
            (since(Some(10_000), None), Err(NotModified)),
            (since(Some(9_999), None), Ok(())),
            (since(None, Some(10_000)), Ok(())),
            (since(None, Some(9_999)), Err(PreconditionFailed)),
        ] {
            assert_eq!(conditions.judge_read(&row(false)), judged, "{conditions:?}");
        }
    }
}
