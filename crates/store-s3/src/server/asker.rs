//! Questions to the gateway, in the session of a connection, and what its refusals are in S3.

use std::sync::Arc;
use std::time::Duration;

use host::{Answers, Node, Session, Visitor};
use hyper::{HeaderMap, StatusCode};
use machine::Machine;
use object_store::answer::Answer;
use object_store::ask::Ask;
use object_store::error::Refusal;
use object_store::message::{Message, ObjectStore};
use object_store::words::Name;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tokio::time::timeout;

/// For an answer: more than a gateway takes for one, so that it is nearly always the gateway that answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks, and where.
pub(super) struct Asker<M: Machine> {
    session: Session<M>,
    /// Whose key signed the request.
    pub(super) user: Name,
}

impl<M: Machine> Clone for Asker<M> {
    fn clone(&self) -> Self {
        Asker { session: self.session.clone(), user: self.user.clone() }
    }
}

impl<M: Machine<Protocol = ObjectStore>> Asker<M> {
    /// This user, in the session that this connection has with the gateway.
    pub(super) fn new(gateway: &Arc<Node<M>>, visitor: &Visitor, user: Name) -> Asker<M> {
        Asker { session: Session::of(visitor, gateway), user }
    }

    /// Asks, and waits for an answer that is no refusal.
    pub(super) async fn ask(&self, ask: Ask) -> S3Result<Answer> {
        self.send(ask).answer().await
    }

    /// Asks at once. Whoever drops this does not wait for the answer, and the session is over.
    pub(super) fn send(&self, ask: Ask) -> Asked<M> {
        let (user, ask) = (self.user.clone(), Box::new(ask));
        Asked(self.session.ask(|token| Message::Ask { token, user, ask }))
    }
}

/// A question that is under way.
pub(super) struct Asked<M: Machine>(Answers<M>);

impl<M: Machine<Protocol = ObjectStore>> Asked<M> {
    /// The answer, if it is no refusal.
    pub(super) async fn answer(mut self) -> S3Result<Answer> {
        match timeout(PATIENCE, self.0.next()).await {
            Ok(Some(Message::Answer { answer, .. })) => match *answer {
                Answer::Refused(refusal) => Err(refused(refusal)),
                answer => Ok(answer),
            },
            Ok(Some(_)) => Err(s3_error!(InternalError, "the gateway did not answer")),
            Err(_) => Err(refused(Refusal::MayHaveHappened)),
            Ok(None) => Err(s3_error!(
                ServiceUnavailable,
                "the server is stopping; it may have been done; look before you ask again"
            )),
        }
    }
}

/// An answer that is none to what was asked: a mistake in this server.
pub(super) fn unexpected(_: Answer) -> S3Error {
    s3_error!(InternalError, "the gateway answered something else than was asked")
}

/// An error that s3s has no name for.
pub(super) fn custom(code: &'static str, status: StatusCode, why: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), why);
    error.set_status_code(status);
    error
}

/// A refusal as S3 says it.
pub(super) fn refused(refusal: Refusal) -> S3Error {
    let code = match refusal {
        Refusal::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        Refusal::NoSuchKey { .. } => S3ErrorCode::NoSuchKey,
        Refusal::NoSuchVersion => S3ErrorCode::NoSuchVersion,
        Refusal::MethodNotAllowed => S3ErrorCode::MethodNotAllowed,
        Refusal::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        Refusal::InvalidPart(_) => S3ErrorCode::InvalidPart,
        Refusal::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
        Refusal::EntityTooSmall(_) => S3ErrorCode::EntityTooSmall,
        Refusal::EntityTooLarge => S3ErrorCode::EntityTooLarge,
        Refusal::BadDigest => S3ErrorCode::BadDigest,
        Refusal::AccessDenied => S3ErrorCode::AccessDenied,
        Refusal::BucketAlreadyExists => S3ErrorCode::BucketAlreadyExists,
        Refusal::BucketAlreadyOwnedByYou => S3ErrorCode::BucketAlreadyOwnedByYou,
        Refusal::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
        Refusal::PreconditionFailed => S3ErrorCode::PreconditionFailed,
        Refusal::NotModified => S3ErrorCode::NotModified,
        Refusal::RequestTimeout => S3ErrorCode::RequestTimeout,
        Refusal::SlowDown => S3ErrorCode::SlowDown,
        Refusal::Unavailable | Refusal::MayHaveHappened | Refusal::Unreadable => {
            S3ErrorCode::ServiceUnavailable
        }
    };
    let mut error = S3Error::with_message(code, refusal.to_string());
    if matches!(refusal, Refusal::NoSuchKey { is_marker: true } | Refusal::MethodNotAllowed) {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-delete-marker", "true".parse().unwrap_or_else(|_| unreachable!()));
        error.set_headers(headers);
    }
    error
}
