//! Calls about objects.

use std::ops::Range as Bytes;

use futures_util::{StreamExt, stream};
use hyper::HeaderMap;
use machine::Machine;
use object_store::answer::{Answer, Deleted, Found, Stored};
use object_store::ask::{Ask, Place};
use object_store::conditions::Conditions;
use object_store::message::ObjectStore;
use object_store::row::Content;
use object_store::words::{Name, VersionId};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::asker::{Asker, unexpected};
use super::claims::{kind, put_checksum};
use super::headers::{change_conditions, conditions, kept, shown, timestamp};
use super::store::Store;
use super::upload::Upload;

/// Of one call that deletes many.
const MOST_DELETED: usize = 1_000;
/// Of those, how many are under way at a time.
const AT_A_TIME: usize = 16;
/// What S3 says of an object whose client said nothing.
const NO_TYPE: &str = "binary/octet-stream";

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    pub(super) async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let asker = self.asker(&request).await?;
        let body = request.input.body.take();
        let upload = Upload::of(&mut request, body)?;
        let headers = kept(&request.headers)?;
        let PutObjectInput { bucket, key, if_match, if_none_match, .. } = request.input;
        let place = Place { bucket: bucket.into(), key: key.into(), part: None };
        let conditions = change_conditions(if_match, if_none_match);
        let stored = self.put(&asker, upload, place, headers, conditions).await?;
        let Stored { version, etag, checksum } = stored;
        let mut output = PutObjectOutput {
            e_tag: Some(ETag::Strong(etag.to_string())),
            checksum_type: checksum.as_ref().map(kind),
            version_id: version.map(|version| version.to_string()),
            ..Default::default()
        };
        put_checksum!(output, &checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let asker = self.asker(&request).await?;
        let GetObjectInput { bucket, key, version_id, range, part_number, checksum_mode, .. } =
            &request.input;
        let GetObjectInput { if_match, if_none_match, .. } = request.input.clone();
        let (modified, unmodified) =
            (request.input.if_modified_since.clone(), request.input.if_unmodified_since.clone());
        let conditions = conditions(if_match, if_none_match, modified, unmodified);
        let place = (Name::from(bucket.as_str()), Name::from(key.as_str()));
        let found = find(&asker, place.clone(), version(version_id.as_deref())?, conditions, true);
        let (found, content) = found.await.map_err(|why| with_tag(why, &request.headers))?;
        let part = part(&content, *range, *part_number)?;
        let all = 0..content.size;
        let bytes = part.clone().unwrap_or(all);
        let of_it = Of { found: &found, content: &content, part: &part };
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(bytes.end - bytes.start).ok(),
            content_range: of_it.content_range(),
            e_tag: Some(of_it.etag()),
            last_modified: Some(timestamp(found.row.modified)),
            version_id: of_it.version(),
            parts_count: part_number.and(of_it.parts()),
            ..Default::default()
        };
        // Of a part of the bytes it is none.
        if checksum_mode.is_some() && part.is_none() {
            output.checksum_type = content.checksum.as_ref().map(kind);
            put_checksum!(output, &content.checksum);
        }
        let headers = of_it.headers(&request.uri);
        output.body = Some(self.body(&asker, place, content, found.body, bytes).await?);
        let mut response = S3Response::new(output);
        response.headers = headers;
        Ok(response)
    }

    pub(super) async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let conditions = conditions(
            input.if_match,
            input.if_none_match,
            input.if_modified_since,
            input.if_unmodified_since,
        );
        let place = (input.bucket.into(), input.key.into());
        let version = version(input.version_id.as_deref())?;
        let (found, content) = find(&asker, place, version, conditions, false)
            .await
            .map_err(|why| with_tag(why, &request.headers))?;
        let part = part(&content, input.range, input.part_number)?;
        let length = part.as_ref().map_or(content.size, |part| part.end - part.start);
        let of_it = Of { found: &found, content: &content, part: &part };
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(length).ok(),
            content_range: of_it.content_range(),
            e_tag: Some(of_it.etag()),
            last_modified: Some(timestamp(found.row.modified)),
            version_id: of_it.version(),
            parts_count: input.part_number.and(of_it.parts()),
            ..Default::default()
        };
        if input.checksum_mode.is_some() && part.is_none() {
            output.checksum_type = content.checksum.as_ref().map(kind);
            put_checksum!(output, &content.checksum);
        }
        let mut response = S3Response::new(output);
        response.headers = of_it.headers(&request.uri);
        Ok(response)
    }

    pub(super) async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let asker = self.asker(&request).await?;
        let DeleteObjectInput { bucket, key, version_id, if_match, .. } = request.input;
        let (version, conditions) =
            (version(version_id.as_deref())?, change_conditions(if_match, None));
        let Deleted { version, is_marker } =
            delete(&asker, bucket.into(), key.into(), version, conditions).await?;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: is_marker.then_some(true),
            version_id: version.map(|version| version.to_string()),
            ..Default::default()
        }))
    }

    pub(super) async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let asker = self.asker(&request).await?;
        let DeleteObjectsInput { bucket, delete: Delete { objects, quiet }, .. } = request.input;
        if objects.is_empty() || objects.len() > MOST_DELETED {
            return Err(s3_error!(MalformedXML, "one to {MOST_DELETED} objects are named"));
        }
        let bucket = Name::from(bucket);
        let each = stream::iter(objects).map(|object| delete_one(&asker, bucket.clone(), object));
        let all: Vec<_> = each.buffered(AT_A_TIME).collect().await;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for one in all {
            match one {
                Ok(one) if quiet != Some(true) => deleted.push(one),
                Ok(_) => {}
                Err(one) => errors.push(one),
            }
        }
        let output = DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }
}

/// What is said of an object that was found.
struct Of<'a> {
    found: &'a Found,
    content: &'a Content,
    part: &'a Option<Bytes<u64>>,
}

impl Of<'_> {
    fn content_range(&self) -> Option<String> {
        let Bytes { start, end } = self.part.as_ref()?;
        // One that is empty has no last byte.
        (start < end).then(|| format!("bytes {start}-{}/{}", end - 1, self.content.size))
    }

    fn etag(&self) -> ETag {
        ETag::Strong(self.content.etag.to_string())
    }

    fn version(&self) -> Option<String> {
        self.found.versioned.then(|| self.found.row.id().to_string())
    }

    fn parts(&self) -> Option<i32> {
        (self.content.etag.parts > 0).then_some(self.content.etag.parts.into())
    }

    fn headers(&self, uri: &hyper::Uri) -> HeaderMap {
        let mut kept = self.content.headers.clone();
        if kept.iter().all(|(name, _)| &**name != "content-type") {
            kept.push((Name::from("content-type"), Name::from(NO_TYPE)));
        }
        shown(&kept, uri)
    }
}

/// What is under this key, with its content, and the bytes where they are kept with it.
pub(super) async fn find<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    (bucket, key): (Name, Name),
    version: Option<VersionId>,
    conditions: Conditions,
    body: bool,
) -> S3Result<(Found, Content)> {
    match asker.ask(Ask::Get { bucket, key, version, conditions, body }).await? {
        Answer::Found(mut found) => match found.row.content.take() {
            Some(content) => Ok((*found, content)),
            None => Err(s3_error!(NoSuchKey, "the object was deleted")),
        },
        other => Err(unexpected(other)),
    }
}

/// The version that a client names.
pub(super) fn version(text: Option<&str>) -> S3Result<Option<VersionId>> {
    let parsed = text.map(|text| {
        VersionId::parse(text)
            .ok_or_else(|| s3_error!(InvalidArgument, "Invalid version id specified"))
    });
    parsed.transpose()
}

/// The bytes that are wanted, where not all are.
fn part(
    content: &Content,
    range: Option<Range>,
    number: Option<i32>,
) -> S3Result<Option<Bytes<u64>>> {
    match (range, number) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "a range and a part number cannot both be named"))
        }
        (Some(range), None) => {
            let wanted = range.check(content.size).ok().filter(|wanted| !wanted.is_empty());
            wanted.map(Some).ok_or_else(|| unsatisfiable(content.size))
        }
        (None, Some(number)) => numbered(content, number).map(Some),
    }
}

/// The bytes of the part of this number: an object that came as a whole is its first.
fn numbered(content: &Content, number: i32) -> S3Result<Bytes<u64>> {
    let mut begins = 0;
    for extent in &content.extents {
        let end = begins + extent.length;
        if i32::from(extent.part.max(1)) == number {
            return Ok(begins..end);
        }
        begins = end;
    }
    match number {
        1 if content.size == 0 => Ok(0..0),
        _ => Err(s3_error!(InvalidRange, "the object has no part of this number")),
    }
}

fn unsatisfiable(size: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange, "the object has {size} bytes");
    let mut headers = HeaderMap::new();
    if let Ok(value) = format!("bytes */{size}").parse() {
        headers.insert("content-range", value);
    }
    error.set_headers(headers);
    error
}

/// Who has it already is told once more what it has.
fn with_tag(mut why: S3Error, headers: &HeaderMap) -> S3Error {
    if why.code() == &S3ErrorCode::NotModified
        && let Some(tag) = headers.get("if-none-match")
    {
        why.set_headers(HeaderMap::from_iter([(hyper::header::ETAG, tag.clone())]));
    }
    why
}

async fn delete<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    bucket: Name,
    key: Name,
    version: Option<VersionId>,
    conditions: Conditions,
) -> S3Result<Deleted> {
    match asker.ask(Ask::Delete { bucket, key, version, conditions }).await? {
        Answer::Deleted(deleted) => Ok(deleted),
        other => Err(unexpected(other)),
    }
}

/// One of many; what is wrong with it is told beside the others.
async fn delete_one<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    bucket: Name,
    object: ObjectIdentifier,
) -> Result<DeletedObject, Error> {
    let ObjectIdentifier { e_tag, key, last_modified_time, size, version_id } = object;
    let deleted = async {
        if last_modified_time.is_some() || size.is_some() {
            return Err(s3_error!(NotImplemented, "a delete depends on an ETag alone"));
        }
        let version = version(version_id.as_deref())?;
        let conditions = change_conditions(e_tag.map(ETagCondition::ETag), None);
        delete(asker, bucket, key.as_str().into(), version, conditions).await
    };
    match deleted.await {
        Ok(Deleted { version, is_marker }) => {
            let version = version.map(|version| version.to_string());
            Ok(DeletedObject {
                delete_marker: is_marker.then_some(true),
                delete_marker_version_id: version.filter(|_| is_marker),
                version_id,
                key: Some(key),
            })
        }
        Err(why) => Err(Error {
            code: Some(why.code().as_str().to_owned()),
            message: why.message().map(str::to_owned),
            key: Some(key),
            version_id,
        }),
    }
}
