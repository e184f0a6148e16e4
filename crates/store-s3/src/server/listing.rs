//! Pages of a bucket's objects and versions.
//!
//! The law: a page goes on behind the last item of the one before, wherever that was. The token of a page is ours alone
//! to read; the markers of the older calls are names of keys, as S3 has them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use machine::Machine;
use object_store::answer::{Answer, Item, Page};
use object_store::ask::{Ask, Cursor, List};
use object_store::message::ObjectStore;
use object_store::row::{Content, Row};
use object_store::words::{Name, VersionId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::asker::{Asker, unexpected};
use super::claims::{kind, name};
use super::headers::timestamp;
use super::store::{Store, owner};

/// Of a page, whatever its client wants.
const MOST: u16 = 1_000;
/// What stands for itself where keys are spelled for URLs.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    pub(super) async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let spelling = Spelling::of(input.encoding_type.as_ref())?;
        let most = most(input.max_keys)?;
        let wanted =
            Wanted { bucket: &input.bucket, prefix: &input.prefix, delimiter: &input.delimiter };
        let after = input.marker.as_deref().map(|marker| wanted.behind(marker));
        let Listed { objects, common, next } = list(&asker, &wanted, after, most, spelling).await?;
        Ok(S3Response::new(ListObjectsOutput {
            is_truncated: Some(next.is_some()),
            next_marker: next.map(|next| spelling.text(key(&next))),
            contents: Some(objects),
            common_prefixes: prefixes(common, spelling),
            name: Some(input.bucket),
            prefix: Some(spelling.text(&input.prefix.unwrap_or_default())),
            marker: Some(spelling.text(&input.marker.unwrap_or_default())),
            max_keys: Some(most.into()),
            delimiter: input.delimiter.map(|text| spelling.text(&text)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let spelling = Spelling::of(input.encoding_type.as_ref())?;
        let most = most(input.max_keys)?;
        let wanted =
            Wanted { bucket: &input.bucket, prefix: &input.prefix, delimiter: &input.delimiter };
        let after = match &input.continuation_token {
            Some(token) => Some(cursor(token)?),
            None => input.start_after.as_deref().map(|marker| wanted.behind(marker)),
        };
        let Listed { mut objects, common, next } =
            list(&asker, &wanted, after, most, spelling).await?;
        if input.fetch_owner != Some(true) {
            objects.iter_mut().for_each(|object| object.owner = None);
        }
        Ok(S3Response::new(ListObjectsV2Output {
            is_truncated: Some(next.is_some()),
            key_count: i32::try_from(objects.len() + common.len()).ok(),
            next_continuation_token: next.map(|next| token(&next)),
            contents: Some(objects),
            common_prefixes: prefixes(common, spelling),
            name: Some(input.bucket),
            prefix: Some(spelling.text(&input.prefix.unwrap_or_default())),
            max_keys: Some(most.into()),
            delimiter: input.delimiter.map(|text| spelling.text(&text)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(|text| spelling.text(&text)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let spelling = Spelling::of(input.encoding_type.as_ref())?;
        let most = most(input.max_keys)?;
        let wanted =
            Wanted { bucket: &input.bucket, prefix: &input.prefix, delimiter: &input.delimiter };
        let after = match (&input.key_marker, &input.version_id_marker) {
            (Some(key), Some(id)) if !id.is_empty() => match VersionId::parse(id) {
                Some(VersionId::Number(version)) => {
                    Some(Cursor::Version(key.as_str().into(), version))
                }
                _ => {
                    return Err(s3_error!(
                        InvalidArgument,
                        "a marker of a version is one that a page ended with"
                    ));
                }
            },
            (Some(key), _) => Some(wanted.behind(key)),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(s3_error!(
                    InvalidArgument,
                    "a marker of a version is one of a key too"
                ));
            }
        };
        let Page { items, next } = page(&asker, &wanted, after, most, true).await?;
        let (mut versions, mut markers, mut common) = (Vec::new(), Vec::new(), Vec::new());
        let owner = Some(owner(&asker.user));
        for item in items {
            match item {
                Item::Prefix(prefix) => common.push(prefix),
                Item::Object(key, row, is_latest) => {
                    let (key, version_id) = (Some(spelling.text(&key)), Some(row.id().to_string()));
                    let (last_modified, is_latest) =
                        (Some(timestamp(row.modified)), Some(is_latest));
                    let owner = owner.clone();
                    match row.content {
                        None => markers.push(DeleteMarkerEntry {
                            is_latest,
                            key,
                            last_modified,
                            owner,
                            version_id,
                        }),
                        Some(content) => versions.push(ObjectVersion {
                            is_latest,
                            key,
                            last_modified,
                            owner,
                            version_id,
                            checksum_algorithm: algorithms(&content),
                            checksum_type: content.checksum.as_ref().map(kind),
                            e_tag: Some(ETag::Strong(content.etag.to_string())),
                            size: i64::try_from(content.size).ok(),
                            storage_class: Some(ObjectVersionStorageClass::from_static("STANDARD")),
                            restore_status: None,
                        }),
                    }
                }
            }
        }
        let next_version = next.as_ref().and_then(|next| match next {
            Cursor::Version(_, version) => Some(VersionId::Number(*version).to_string()),
            _ => None,
        });
        Ok(S3Response::new(ListObjectVersionsOutput {
            is_truncated: Some(next.is_some()),
            next_key_marker: next.map(|next| spelling.text(key(&next))),
            next_version_id_marker: next_version,
            versions: Some(versions),
            delete_markers: Some(markers),
            common_prefixes: prefixes(common, spelling),
            name: Some(input.bucket),
            prefix: Some(spelling.text(&input.prefix.unwrap_or_default())),
            key_marker: Some(spelling.text(&input.key_marker.unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            max_keys: Some(most.into()),
            delimiter: input.delimiter.map(|text| spelling.text(&text)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }
}

/// How keys are spelled in an answer: XML has no sign for some characters that keys may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    Plain,
    Url,
}

impl Spelling {
    pub(super) fn of(encoding: Option<&EncodingType>) -> S3Result<Spelling> {
        match encoding.map(|encoding| encoding.as_str()) {
            None => Ok(Spelling::Plain),
            Some(EncodingType::URL) => Ok(Spelling::Url),
            Some(_) => {
                Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request"))
            }
        }
    }

    pub(super) fn text(self, text: &str) -> String {
        match self {
            Spelling::Plain => text.to_owned(),
            Spelling::Url => utf8_percent_encode(text, PLAIN).to_string(),
        }
    }
}

/// How many items a page may have.
pub(super) fn most(wanted: Option<i32>) -> S3Result<u16> {
    match wanted {
        None => Ok(MOST),
        Some(wanted) => match u16::try_from(wanted) {
            Ok(wanted) => Ok(wanted.min(MOST)),
            Err(_) if wanted > 0 => Ok(MOST),
            Err(_) => Err(s3_error!(InvalidArgument, "a page has no fewer items than none")),
        },
    }
}

pub(super) fn prefixes(common: Vec<Name>, spelling: Spelling) -> Option<Vec<CommonPrefix>> {
    let shown = |prefix: Name| CommonPrefix { prefix: Some(spelling.text(&prefix)) };
    Some(common.into_iter().map(shown).collect())
}

/// What is listed.
struct Wanted<'a> {
    bucket: &'a str,
    prefix: &'a Option<String>,
    delimiter: &'a Option<String>,
}

impl Wanted<'_> {
    fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    fn delimiter(&self) -> Option<&str> {
        self.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())
    }

    /// Behind what a page ended with: a key, or all keys that begin so.
    fn behind(&self, marker: &str) -> Cursor {
        let rest = marker.strip_prefix(self.prefix());
        let split = rest.zip(self.delimiter()).and_then(|(rest, by)| rest.split_once(by));
        match split {
            Some((_, "")) => Cursor::Prefix(marker.into()),
            _ => Cursor::Key(marker.into()),
        }
    }
}

struct Listed {
    objects: Vec<Object>,
    common: Vec<Name>,
    next: Option<Cursor>,
}

async fn list<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    wanted: &Wanted<'_>,
    after: Option<Cursor>,
    most: u16,
    spelling: Spelling,
) -> S3Result<Listed> {
    let Page { items, next } = page(asker, wanted, after, most, false).await?;
    let (mut objects, mut common) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Prefix(prefix) => common.push(prefix),
            Item::Object(key, Row { modified, content: Some(content), .. }, _) => {
                objects.push(Object {
                    key: Some(spelling.text(&key)),
                    last_modified: Some(timestamp(modified)),
                    checksum_algorithm: algorithms(&content),
                    checksum_type: content.checksum.as_ref().map(kind),
                    e_tag: Some(ETag::Strong(content.etag.to_string())),
                    size: i64::try_from(content.size).ok(),
                    storage_class: Some(ObjectStorageClass::from_static("STANDARD")),
                    owner: Some(owner(&asker.user)),
                    restore_status: None,
                })
            }
            Item::Object(..) => {}
        }
    }
    Ok(Listed { objects, common, next })
}

async fn page<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    wanted: &Wanted<'_>,
    after: Option<Cursor>,
    most: u16,
    versions: bool,
) -> S3Result<Page<Item>> {
    let (prefix, delimiter) = (wanted.prefix().into(), wanted.delimiter().map(Into::into));
    let asked = most.max(1);
    let list =
        List { bucket: wanted.bucket.into(), prefix, delimiter, after, most: asked, versions };
    match asker.ask(Ask::List(list)).await? {
        // Who wants nothing is told that there is no more of it.
        Answer::Page(_) if most == 0 => Ok(Page { items: vec![], next: None }),
        Answer::Page(page) => Ok(page),
        other => Err(unexpected(other)),
    }
}

fn algorithms(content: &Content) -> Option<Vec<ChecksumAlgorithm>> {
    let checksum = content.checksum.as_ref()?;
    Some(vec![ChecksumAlgorithm::from_static(name(checksum.algorithm))])
}

/// The name in a place of a listing.
fn key(cursor: &Cursor) -> &str {
    match cursor {
        Cursor::Key(name) | Cursor::Prefix(name) => name,
        Cursor::Version(name, _) | Cursor::Upload(name, _) => name,
    }
}

/// A place as a token: whether it is behind one key or behind all that begin so, and the name.
fn token(cursor: &Cursor) -> String {
    let kind = if matches!(cursor, Cursor::Prefix(_)) { "p" } else { "k" };
    BASE64.encode(format!("{kind}{}", key(cursor)))
}

fn cursor(token: &str) -> S3Result<Cursor> {
    let text = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.as_deref();
    let key = text.and_then(|text| text.strip_prefix('k')).map(|name| Cursor::Key(name.into()));
    let prefix = text.and_then(|text| text.strip_prefix('p'));
    let cursor = key.or_else(|| prefix.map(|name| Cursor::Prefix(name.into())));
    cursor.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_has_a_thousand_items_at_most() {
        let wanted = [None, Some(0), Some(7), Some(1_000), Some(70_000)];
        assert_eq!(wanted.map(|most_| most(most_).unwrap()), [1_000, 0, 7, 1_000, 1_000]);
        assert!(most(Some(-1)).is_err());
    }

    #[test]
    fn a_marker_that_ends_with_the_delimiter_is_behind_all_that_begin_so() {
        let (prefix, delimiter) = (Some("a/".to_owned()), Some("/".to_owned()));
        let wanted = Wanted { bucket: "b", prefix: &prefix, delimiter: &delimiter };
        for (marker, behind) in [
            ("a/b", Cursor::Key("a/b".into())),
            ("a/b/", Cursor::Prefix("a/b/".into())),
            ("a/b/c", Cursor::Key("a/b/c".into())),
            ("a/b/c/", Cursor::Key("a/b/c/".into())),
            ("b/", Cursor::Key("b/".into())),
        ] {
            assert_eq!(wanted.behind(marker), behind, "{marker}");
        }
        let flat = Wanted { delimiter: &None, ..wanted };
        assert_eq!(flat.behind("a/b/"), Cursor::Key("a/b/".into()));
    }

    #[test]
    fn keys_are_spelled_so_that_whatever_reads_urls_reads_them() {
        let url = Spelling::of(Some(&EncodingType::from_static(EncodingType::URL))).unwrap();
        assert_eq!(url.text("a/b c+d%\u{fc}\u{1}~"), "a/b%20c%2Bd%25%C3%BC%01~");
        assert_eq!(Spelling::of(None).unwrap().text("a b"), "a b");
        assert!(Spelling::of(Some(&EncodingType::from_static("xml"))).is_err());
    }

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(name: String, is_prefix: bool) {
            let place = if is_prefix { Cursor::Prefix(name.into()) } else { Cursor::Key(name.into()) };
            prop_assert_eq!(cursor(&token(&place)).unwrap(), place);
        }

        #[test]
        fn any_other_token_is_refused(text: String) {
            if let Ok(place) = cursor(&text) {
                prop_assert_eq!(token(&place), text);
            }
        }
    }
}
