//! Calls about uploads in parts.

use machine::Machine;
use object_store::answer::{Answer, Page, Stored, UploadItem};
use object_store::ask::{Ask, Cursor, List, Place, UploadPlace};
use object_store::message::ObjectStore;
use object_store::row;
use object_store::sums::{self, Algorithm, Kind, Summed};
use object_store::words::{PartNumber, UploadId};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::asker::{Asker, unexpected};
use super::claims::{kind, kind_name, name, named, put_checksum, said_checksum};
use super::headers::{change_conditions, kept, timestamp};
use super::listing::{Spelling, most, prefixes};
use super::store::{Store, owner};
use super::upload::Upload;

/// Of an upload.
const MOST_PARTS: PartNumber = 10_000;

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    pub(super) async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let asker = self.asker(&request).await?;
        let headers = kept(&request.headers)?;
        let input = request.input;
        let sums = summed(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
        let (bucket, key) = (input.bucket.as_str().into(), input.key.as_str().into());
        let id = match asker.ask(Ask::BeginUpload { bucket, key, headers, sums }).await? {
            Answer::Upload(id) => id,
            other => return Err(unexpected(other)),
        };
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id.to_string()),
            checksum_algorithm: sums.map(|sums| algorithm(sums.algorithm)),
            checksum_type: sums.map(|sums| kind_name(sums.kind)),
            ..Default::default()
        }))
    }

    pub(super) async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let asker = self.asker(&request).await?;
        let body = request.input.body.take();
        let upload = Upload::of(&mut request, body)?;
        let UploadPartInput { bucket, key, part_number, upload_id, .. } = request.input;
        let place = part_place(upload_place(bucket, key, &upload_id)?, part_number)?;
        let Stored { etag, checksum, .. } =
            self.put(&asker, upload, place, vec![], Default::default()).await?;
        let e_tag = Some(ETag::Strong(etag.to_string()));
        let mut output = UploadPartOutput { e_tag, ..Default::default() };
        put_checksum!(output, &checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let checksum = said_checksum!(input)?;
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        if named.is_empty() || named.len() > MOST_PARTS.into() {
            return Err(s3_error!(MalformedXML, "an object has 1 to {MOST_PARTS} parts"));
        }
        let parts = named.iter().map(completed).collect::<S3Result<_>>()?;
        let location = Some(format!("/{}/{}", input.bucket, input.key));
        let (bucket, key) = (Some(input.bucket.clone()), Some(input.key.clone()));
        let place = upload_place(input.bucket, input.key, &input.upload_id)?;
        let conditions = change_conditions(input.if_match, input.if_none_match);
        let ask = Ask::CompleteUpload { place, parts, checksum, conditions };
        let Stored { version, etag, checksum } = match asker.ask(ask).await? {
            Answer::Stored(stored) => stored,
            other => return Err(unexpected(other)),
        };
        let mut output = CompleteMultipartUploadOutput {
            bucket,
            key,
            location,
            e_tag: Some(ETag::Strong(etag.to_string())),
            checksum_type: checksum.as_ref().map(kind),
            version_id: version.map(|version| version.to_string()),
            ..Default::default()
        };
        put_checksum!(output, &checksum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let asker = self.asker(&request).await?;
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        let place = upload_place(bucket, key, &upload_id)?;
        match asker.ask(Ask::AbortUpload { place }).await? {
            Answer::Done => Ok(S3Response::new(AbortMultipartUploadOutput::default())),
            other => Err(unexpected(other)),
        }
    }

    pub(super) async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let place = upload_place(input.bucket.clone(), input.key.clone(), &input.upload_id)?;
        let after = input.part_number_marker.unwrap_or(0);
        let after = PartNumber::try_from(after).unwrap_or(PartNumber::MAX);
        let most = most(input.max_parts)?;
        let (upload, all, more) = parts(&asker, place, after, most).await?;
        let last = all.last().map(|part| i32::from(part.number));
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            checksum_algorithm: upload.sums.map(|sums| algorithm(sums.algorithm)),
            checksum_type: upload.sums.map(|sums| kind_name(sums.kind)),
            is_truncated: Some(more),
            max_parts: Some(most.into()),
            part_number_marker: Some(after.into()),
            next_part_number_marker: last.filter(|_| more),
            owner: Some(owner(&asker.user)),
            initiator: Some(initiator(&asker.user)),
            parts: Some(all.iter().map(shown).collect()),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..Default::default()
        }))
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let asker = self.asker(&request).await?;
        let input = request.input;
        let spelling = Spelling::of(input.encoding_type.as_ref())?;
        let most = most(input.max_uploads)?;
        // The upload of a marker counts beside its key.
        let after = input.key_marker.as_ref().map(|key| {
            match input.upload_id_marker.as_deref().and_then(UploadId::parse) {
                Some(id) => Cursor::Upload(key.as_str().into(), id),
                None => Cursor::Key(key.as_str().into()),
            }
        });
        let list = List {
            bucket: input.bucket.as_str().into(),
            prefix: input.prefix.as_deref().unwrap_or_default().into(),
            delimiter: input.delimiter.as_deref().filter(|text| !text.is_empty()).map(Into::into),
            after,
            most,
            versions: false,
        };
        let Page { items, next } = match asker.ask(Ask::Uploads(list)).await? {
            Answer::Uploads(page) => page,
            other => return Err(unexpected(other)),
        };
        let (mut uploads, mut common) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                UploadItem::Prefix(prefix) => common.push(prefix),
                UploadItem::Upload(upload) => uploads.push(MultipartUpload {
                    key: Some(spelling.text(&upload.key)),
                    upload_id: Some(upload.id.to_string()),
                    initiated: Some(timestamp(upload.began)),
                    initiator: Some(initiator(&asker.user)),
                    owner: Some(owner(&asker.user)),
                    checksum_algorithm: upload.sums.map(|sums| algorithm(sums.algorithm)),
                    checksum_type: upload.sums.map(|sums| kind_name(sums.kind)),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                }),
            }
        }
        let marker = next.as_ref().map(|next| match next {
            Cursor::Key(key) | Cursor::Prefix(key) | Cursor::Version(key, _) => (key, None),
            Cursor::Upload(key, id) => (key, Some(id.to_string())),
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            is_truncated: Some(next.is_some()),
            next_key_marker: marker.as_ref().map(|(key, _)| spelling.text(key)),
            next_upload_id_marker: marker.and_then(|(_, id)| id),
            bucket: Some(input.bucket),
            common_prefixes: prefixes(common, spelling),
            delimiter: input.delimiter.map(|text| spelling.text(&text)),
            encoding_type: input.encoding_type,
            key_marker: input.key_marker.map(|text| spelling.text(&text)),
            max_uploads: Some(most.into()),
            prefix: input.prefix.map(|text| spelling.text(&text)),
            upload_id_marker: input.upload_id_marker,
            uploads: Some(uploads),
            ..Default::default()
        }))
    }
}

/// The upload of this name: one that was never given out is none.
pub(super) fn upload_place(bucket: String, key: String, id: &str) -> S3Result<UploadPlace> {
    let upload =
        UploadId::parse(id).ok_or_else(|| s3_error!(NoSuchUpload, "there is no such upload"))?;
    Ok(UploadPlace { bucket: bucket.into(), key: key.into(), upload })
}

/// A part of it.
pub(super) fn part_place(of: UploadPlace, number: i32) -> S3Result<Place> {
    let number = PartNumber::try_from(number).ok().filter(|n| (1..=MOST_PARTS).contains(n));
    let number = number
        .ok_or_else(|| s3_error!(InvalidArgument, "a part has a number from 1 to {MOST_PARTS}"))?;
    Ok(Place { bucket: of.bucket, key: of.key, part: Some((of.upload, number)) })
}

/// Parts of an upload, and whether there are more.
pub(super) async fn parts<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    place: UploadPlace,
    after: PartNumber,
    most: u16,
) -> S3Result<(row::Upload, Vec<row::Part>, bool)> {
    match asker.ask(Ask::Parts { place, after, most }).await? {
        Answer::Parts(upload, parts, more) => Ok((*upload, parts, more)),
        other => Err(unexpected(other)),
    }
}

/// How the parts of an upload are to be summed.
fn summed(
    algorithm: Option<&ChecksumAlgorithm>,
    kind: Option<&ChecksumType>,
) -> S3Result<Option<Summed>> {
    let Some(name) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(s3_error!(InvalidRequest, "a checksum type without an algorithm")),
        };
    };
    let algorithm = named(name.as_str())?;
    let kind = match kind.map(|kind| kind.as_str()) {
        None if algorithm == Algorithm::Crc64Nvme => Kind::Whole,
        None | Some(ChecksumType::COMPOSITE) => Kind::Composite,
        Some(ChecksumType::FULL_OBJECT) => Kind::Whole,
        Some(_) => return Err(s3_error!(InvalidRequest, "there is no such checksum type")),
    };
    let is_there = match kind {
        Kind::Whole => algorithm.combines(),
        Kind::Composite => algorithm != Algorithm::Crc64Nvme,
    };
    let none = || s3_error!(InvalidRequest, "there is no checksum of this type of this algorithm");
    is_there.then_some(Some(Summed { algorithm, kind })).ok_or_else(none)
}

/// A part as its client names it: what was answered when it was put.
fn completed(part: &CompletedPart) -> S3Result<(PartNumber, sums::ETag, Option<sums::Checksum>)> {
    let malformed =
        || s3_error!(MalformedXML, "a part has a number from 1 to {MOST_PARTS}, and an ETag");
    let number = part.part_number.and_then(|number| PartNumber::try_from(number).ok());
    let number = number.filter(|n| (1..=MOST_PARTS).contains(n)).ok_or_else(malformed)?;
    let tag = part.e_tag.as_ref().ok_or_else(malformed)?;
    let invalid = || s3_error!(InvalidPart, "no part has this ETag");
    let etag = sums::ETag::parse(tag.value()).ok_or_else(invalid)?;
    Ok((number, etag, said_checksum!(part)?))
}

fn shown(part: &row::Part) -> Part {
    let mut shown = Part {
        part_number: Some(part.number.into()),
        size: i64::try_from(part.size).ok(),
        e_tag: Some(ETag::Strong(part.etag.to_string())),
        last_modified: Some(timestamp(part.modified)),
        ..Default::default()
    };
    put_checksum!(shown, &part.checksum);
    shown
}

fn initiator(user: &str) -> Initiator {
    Initiator { id: Some(user.to_owned()), display_name: Some(user.to_owned()) }
}

fn algorithm(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(name(algorithm))
}
