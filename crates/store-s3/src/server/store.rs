//! S3's calls, each of which becomes questions to the gateway: which call is where.
//!
//! The law: the door decides nothing about state. What is not here s3s answers with NotImplemented, as every call
//! that a trait leaves open.

use std::sync::Arc;

use host::{Node, Visitor};
use machine::Machine;
use object_store::erasure::Codec;
use object_store::message::ObjectStore;
use object_store::tuning::Tuning;
use object_store::words::Name;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::sync::Semaphore;

use super::access::KeyPairs;
use super::asker::Asker;

/// Puts and gets of more than small objects that a server has under way: each holds some stripes in memory.
pub(super) const MOST_TRANSFERS: usize = 64;

/// The store, behind the door.
pub(super) struct Store<M: Machine> {
    /// Any of them: each connection has one.
    pub(super) gateways: Vec<Arc<Node<M>>>,
    pub(super) keys: Arc<KeyPairs>,
    pub(super) tuning: Tuning,
    /// Of what is put now.
    pub(super) codec: Codec,
    pub(super) transfers: Arc<Semaphore>,
}

impl<M: Machine<Protocol = ObjectStore>> Store<M> {
    /// Who asks this.
    pub(super) async fn asker<T>(&self, request: &S3Request<T>) -> S3Result<Asker<M>> {
        let key = request.credentials.as_ref().map(|credentials| credentials.access_key.as_str());
        let user = key.and_then(|key| self.keys.user(key));
        let user = user.ok_or_else(|| s3_error!(AccessDenied, "sign the request"))?;
        let visitor = Visitor::of(&request.extensions);
        let turn = usize::from(visitor.address.port()) % self.gateways.len().max(1);
        let gateway = self.gateways.get(turn);
        let gateway =
            gateway.ok_or_else(|| s3_error!(ServiceUnavailable, "there is no node here"))?;
        // Who asks faster than disks write waits here.
        gateway.room().await;
        Ok(Asker::new(gateway, &visitor, Name::from(user)))
    }
}

/// As S3 names a user.
pub(super) fn owner(user: &str) -> Owner {
    Owner { id: Some(user.to_owned()), display_name: Some(user.to_owned()) }
}

/// Passes calls on to the files that answer them.
macro_rules! calls {
    ($($call:ident($input:ty) -> $output:ty;)*) => {
        #[async_trait::async_trait]
        impl<M> S3 for Store<M>
        where
            M: Machine<Protocol = ObjectStore> + Send + Sync + 'static,
        {
            $(async fn $call(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.$call(request).await
            })*
        }
    };
}

calls! {
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;

    put_object(PutObjectInput) -> PutObjectOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;

    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;

    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    list_parts(ListPartsInput) -> ListPartsOutput;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
}
