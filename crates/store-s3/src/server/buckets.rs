//! Calls about buckets.

use machine::Machine;
use object_store::answer::Answer;
use object_store::ask::{Ask, BucketChange};
use object_store::message::ObjectStore;
use object_store::row::{self, Versioning};
use object_store::words::Name;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::asker::{Asker, unexpected};
use super::headers::timestamp;
use super::store::{Store, owner};

/// Where all of it is: clients want to hear of one.
const REGION: &str = "us-east-1";
/// Of a page of buckets.
const MOST_BUCKETS: usize = 10_000;

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    pub(super) async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let asker = self.asker(&request).await?;
        let ListBucketsInput { continuation_token, max_buckets, prefix, .. } = request.input;
        let all = match asker.ask(Ask::Buckets).await? {
            Answer::Buckets(all) => all,
            other => return Err(unexpected(other)),
        };
        let begins = prefix.as_deref().unwrap_or_default();
        let after = continuation_token.as_deref().unwrap_or_default();
        let mut those =
            all.into_iter().filter(|(name, _)| name.starts_with(begins) && **name > *after);
        let most = max_buckets.and_then(|most| usize::try_from(most).ok()).unwrap_or(MOST_BUCKETS);
        let page: Vec<_> = those.by_ref().take(most).collect();
        let last = page.last().map(|(name, _)| name.to_string());
        let shown = |(name, bucket): (Name, row::Bucket)| Bucket {
            name: Some(name.to_string()),
            creation_date: Some(timestamp(bucket.made)),
            bucket_region: None,
        };
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(page.into_iter().map(shown).collect()),
            continuation_token: those.next().and(last),
            owner: Some(owner(&asker.user)),
            prefix,
        }))
    }

    pub(super) async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let asker = self.asker(&request).await?;
        let CreateBucketInput { bucket, object_lock_enabled_for_bucket, .. } = request.input;
        if object_lock_enabled_for_bucket == Some(true) {
            return Err(s3_error!(NotImplemented, "objects cannot be locked here"));
        }
        let location = Some(format!("/{bucket}"));
        change(&asker, bucket, BucketChange::Make).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    pub(super) async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let asker = self.asker(&request).await?;
        bucket(&asker, request.input.bucket).await?;
        let bucket_region = Some(REGION.to_owned());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..Default::default() }))
    }

    pub(super) async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let asker = self.asker(&request).await?;
        change(&asker, request.input.bucket, BucketChange::Delete).await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    pub(super) async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let asker = self.asker(&request).await?;
        bucket(&asker, request.input.bucket).await?;
        // Of the first region S3 says nothing.
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: None }))
    }

    pub(super) async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let asker = self.asker(&request).await?;
        let status = match bucket(&asker, request.input.bucket).await?.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
        };
        let status = status.map(BucketVersioningStatus::from_static);
        Ok(S3Response::new(GetBucketVersioningOutput { mfa_delete: None, status }))
    }

    pub(super) async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        let asker = self.asker(&request).await?;
        let PutBucketVersioningInput { bucket, versioning_configuration, .. } = request.input;
        let VersioningConfiguration { mfa_delete, status } = versioning_configuration;
        if mfa_delete.is_some_and(|mfa| mfa.as_str() == MFADelete::ENABLED) {
            return Err(s3_error!(NotImplemented, "there is no MFA here"));
        }
        let versioning = match status.as_ref().map(|status| status.as_str()) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => return Err(s3_error!(MalformedXML, "Status is Enabled or Suspended")),
        };
        change(&asker, bucket, BucketChange::Versioning(versioning)).await?;
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }
}

/// What this bucket is.
async fn bucket<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    name: String,
) -> S3Result<row::Bucket> {
    match asker.ask(Ask::Bucket(name.into())).await? {
        Answer::Bucket(bucket) => Ok(bucket),
        other => Err(unexpected(other)),
    }
}

async fn change<M: Machine<Protocol = ObjectStore>>(
    asker: &Asker<M>,
    name: String,
    change: BucketChange,
) -> S3Result<()> {
    match asker.ask(Ask::ChangeBucket(name.into(), change)).await? {
        Answer::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}
