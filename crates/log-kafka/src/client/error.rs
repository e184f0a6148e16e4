//! Why something was not done, in one sentence with the way out.

use std::fmt;

use replicated_log::error::ErrorCode;

/// Why a server that was asked did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// What was asked for cannot be, as the sentence says. Nothing was changed, unless it says so.
    Refused(String),
    /// It cannot be yet, and comes by itself. Nothing was changed.
    Early(String),
    /// The server cannot be reached, does not answer, or speaks otherwise. A change may have been made.
    Failed {
        /// Where it failed.
        what: String,
        /// Why.
        why: String,
    },
}

impl ClientError {
    pub(super) fn failed(what: impl fmt::Display, why: impl fmt::Display) -> ClientError {
        ClientError::Failed { what: what.to_string(), why: why.to_string() }
    }

    /// An answer that no broker would give.
    pub(super) fn senseless(why: &str) -> ClientError {
        ClientError::failed("the server's answer makes no sense", why)
    }

    pub(super) fn no_topic(name: &str) -> ClientError {
        ClientError::Refused(format!(
            "there is no topic {name}; infralab replicated-log topics list shows those that there are"
        ))
    }

    /// Of a code, with what the server says about it, if it says something.
    pub(super) fn of(code: i16, said: Option<&str>, of: &str) -> ClientError {
        let error = ErrorCode::of(code);
        let why = match (said.filter(|said| !said.is_empty()), error) {
            (Some(said), _) => said.to_owned(),
            (None, Some(error)) => sentence(error),
            (None, None) => format!("error {code} of Kafka's protocol"),
        };
        match error {
            Some(
                ErrorCode::LeaderNotAvailable
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::OffsetNotAvailable
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator
                | ErrorCode::NotController,
            ) => ClientError::Early(format!("{of}: {why}; try again")),
            Some(ErrorCode::RequestTimedOut) => ClientError::failed(of, why),
            _ => ClientError::Refused(format!("{of}: {why}")),
        }
    }
}

/// What an error means where the server says nothing else.
fn sentence(error: ErrorCode) -> String {
    match error {
        ErrorCode::UnknownTopicOrPartition => "there is no such topic or partition",
        ErrorCode::LeaderNotAvailable | ErrorCode::NotLeaderOrFollower => {
            "nobody leads the partition at the moment"
        }
        ErrorCode::OffsetNotAvailable => "its new leader does not know its end yet",
        ErrorCode::CoordinatorLoadInProgress => "its coordinator reads its groups yet",
        ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
            "nobody coordinates it at the moment"
        }
        ErrorCode::NotController => "no controller leads at the moment",
        ErrorCode::RequestTimedOut => "not done in time, and it may be done yet",
        ErrorCode::InvalidTopic => {
            "a name has 1 to 249 of a-z, A-Z, 0-9, '.', '_', '-', and is none of the system's own"
        }
        ErrorCode::InvalidGroupId => "a group has a name",
        _ => return format!("{error:?}, error {} of Kafka's protocol", error.code()),
    }
    .to_owned()
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Refused(why) | ClientError::Early(why) => f.write_str(why),
            ClientError::Failed { what, why } => write!(f, "{what}: {why}"),
        }
    }
}

impl std::error::Error for ClientError {}
