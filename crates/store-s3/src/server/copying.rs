//! Copies: a get and a put in one call, through this server.

use machine::Machine;
use object_store::answer::Stored;
use object_store::ask::Place;
use object_store::conditions::Conditions;
use object_store::message::ObjectStore;
use object_store::row::Content;
use object_store::sums::Algorithm;
use object_store::words::Name;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::asker::Asker;
use super::claims::{kind, named, put_checksum};
use super::headers::{conditions, kept, timestamp};
use super::multipart::{part_place, parts, upload_place};
use super::objects::{find, version};
use super::store::Store;
use super::upload::Upload;

/// Of one copy.
const LONGEST: u64 = 5 << 30;

/// What is copied.
struct Source {
    content: Content,
    /// As its bucket calls it, if it has versions.
    version: Option<String>,
    upload: Upload,
}

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    pub(super) async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let replaces = match input.metadata_directive.as_ref().map(|directive| directive.as_str()) {
            None | Some(MetadataDirective::COPY) => false,
            Some(MetadataDirective::REPLACE) => true,
            Some(_) => return Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
        };
        let place = (Name::from(input.bucket), Name::from(input.key));
        if let CopySource::Bucket { bucket, key, version_id: None } = &input.copy_source
            && !replaces
            && (&**bucket, &**key) == (&*place.0, &*place.1)
        {
            let why =
                "a copy of an object to itself changes nothing, unless its metadata are replaced";
            return Err(s3_error!(InvalidRequest, "{why}"));
        }
        let algorithm = input.checksum_algorithm.as_ref().map(|name| named(name.as_str()));
        let depends = conditions(
            input.copy_source_if_match,
            input.copy_source_if_none_match,
            input.copy_source_if_modified_since,
            input.copy_source_if_unmodified_since,
        );
        let source = self.source(&asker, input.copy_source, depends, None, algorithm.transpose()?);
        let Source { content, version, upload } = source.await?;
        let headers = if replaces { kept(&request.headers)? } else { content.headers };
        let (bucket, key) = place;
        let place = Place { bucket, key, part: None };
        let stored = self.put(&asker, upload, place, headers, Conditions::default()).await?;
        let Stored { version: copied, etag, checksum } = stored;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(etag.to_string())),
            last_modified: Some(now()),
            checksum_type: checksum.as_ref().map(kind),
            ..Default::default()
        };
        put_checksum!(result, &checksum);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: version,
            version_id: copied.map(|version| version.to_string()),
            ..Default::default()
        }))
    }

    pub(super) async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let place = upload_place(input.bucket, input.key, &input.upload_id)?;
        let (upload, _, _) = parts(&asker, place.clone(), 0, 1).await?;
        let place = part_place(place, input.part_number)?;
        let range = input.copy_source_range.as_deref().map(|range| match Range::parse(range) {
            Ok(range @ Range::Int { last: Some(_), .. }) => Ok(range),
            _ => Err(s3_error!(InvalidArgument, "a range of a source is: bytes=first-last")),
        });
        let depends = conditions(
            input.copy_source_if_match,
            input.copy_source_if_none_match,
            input.copy_source_if_modified_since,
            input.copy_source_if_unmodified_since,
        );
        let algorithm = upload.sums.map(|sums| sums.algorithm);
        let source = self.source(&asker, input.copy_source, depends, range.transpose()?, algorithm);
        let Source { version, upload, .. } = source.await?;
        let stored = self.put(&asker, upload, place, vec![], Conditions::default()).await?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(stored.etag.to_string())),
            last_modified: Some(now()),
            ..Default::default()
        };
        put_checksum!(result, &stored.checksum);
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            copy_source_version_id: version,
            ..Default::default()
        }))
    }

    /// What is to be copied. It is summed up anew, with the checksum that its client wants, or else the one that it has.
    async fn source(
        &self,
        asker: &Asker<M>,
        source: CopySource,
        depends: Conditions,
        range: Option<Range>,
        algorithm: Option<Algorithm>,
    ) -> S3Result<Source> {
        let CopySource::Bucket { bucket, key, version_id } = source else {
            return Err(s3_error!(NotImplemented, "a source is a bucket and a key"));
        };
        let place = (Name::from(&*bucket), Name::from(&*key));
        let version = version(version_id.as_deref())?;
        let found = find(asker, place.clone(), version, depends, true).await;
        let (found, content) = found.map_err(of_source)?;
        let bytes = match range {
            None => 0..content.size,
            // The last byte of a range of a source is there, or the request is wrong.
            Some(Range::Int { first, last: Some(last) }) if last < content.size => first..last + 1,
            Some(_) => {
                return Err(s3_error!(InvalidRange, "the source has {} bytes", content.size));
            }
        };
        let length = bytes.end - bytes.start;
        if length > LONGEST {
            return Err(s3_error!(InvalidRequest, "a copy has at most 5 GiB; copy it in parts"));
        }
        let known = content.checksum.as_ref().map(|checksum| checksum.algorithm);
        let blob = self.body(asker, place, content.clone(), found.body, bytes).await?;
        let upload = Upload::copied(blob, length, algorithm.or(known));
        let version = found.versioned.then(|| found.row.id().to_string());
        Ok(Source { content, version, upload })
    }
}

/// What is wrong with a source, as a copy says it.
fn of_source(why: S3Error) -> S3Error {
    match why.code() {
        S3ErrorCode::NotModified => {
            s3_error!(PreconditionFailed, "the source is what it must not be")
        }
        S3ErrorCode::MethodNotAllowed => {
            s3_error!(InvalidRequest, "the source is a delete marker, which has no bytes")
        }
        _ => why,
    }
}

fn now() -> Timestamp {
    timestamp(host::wall().0 / 1_000_000)
}
