//! Why a broker did not do what it was asked: Kafka's own error codes, those that are given here.

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// An error of Kafka's protocol. Its number is the code on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode { $($(#[$doc])* $name = $code),+ }

        impl ErrorCode {
            /// All that are given here.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name),+];
        }
    };
}

errors! {
    /// The machine has met something that it has no word for.
    UnknownServerError = -1,
    /// The offset lies before the log's start or behind its end.
    OffsetOutOfRange = 1,
    /// The checksum of a batch is wrong.
    CorruptMessage = 2,
    /// There is no such topic or partition, or not here yet.
    UnknownTopicOrPartition = 3,
    /// The partition has no leader at the moment.
    LeaderNotAvailable = 5,
    /// This broker does not lead the partition, or not any more. What waited for acknowledgement may have happened.
    NotLeaderOrFollower = 6,
    /// It was appended, and not acknowledged in time. It may have happened.
    RequestTimedOut = 7,
    /// A batch has more bytes than the topic allows.
    MessageTooLarge = 10,
    /// The text that comes with an offset is too long.
    OffsetMetadataTooLarge = 12,
    /// The group's state is being loaded by its new coordinator.
    CoordinatorLoadInProgress = 14,
    /// The group's partition has no leader at the moment.
    CoordinatorNotAvailable = 15,
    /// Another broker coordinates this group.
    NotCoordinator = 16,
    /// A topic cannot be called so, or means one of this system's own.
    InvalidTopic = 17,
    /// Fewer replicas are in sync than the topic asks for. Nothing was appended.
    NotEnoughReplicas = 19,
    /// It was appended, and then fewer replicas were in sync than the topic asks for. It may have happened.
    NotEnoughReplicasAfterAppend = 20,
    /// `acks` is none of 0, 1 and -1.
    InvalidRequiredAcks = 21,
    /// The member speaks of a generation of the group that is over.
    IllegalGeneration = 22,
    /// The member supports no protocol that all others do.
    InconsistentGroupProtocol = 23,
    /// The group has no name.
    InvalidGroupId = 24,
    /// The coordinator does not know this member.
    UnknownMemberId = 25,
    /// A member asks for a session that is shorter or longer than groups may have.
    InvalidSessionTimeout = 26,
    /// The group is between two generations: join again.
    RebalanceInProgress = 27,
    /// This version of this request is not supported.
    UnsupportedVersion = 35,
    /// A topic of this name is there already.
    TopicAlreadyExists = 36,
    /// A topic needs between 1 and 10,000 partitions, and no fewer than it has.
    InvalidPartitions = 37,
    /// There are fewer brokers than replicas were asked for, or none were.
    InvalidReplicationFactor = 38,
    /// The replicas that were named are none that can be.
    InvalidReplicaAssignment = 39,
    /// A setting of a topic has a value that it cannot have.
    InvalidConfig = 40,
    /// This controller does not lead, or none does.
    NotController = 41,
    /// The request makes no sense.
    InvalidRequest = 42,
    /// The batch is of a format from before 2017, which is not taken.
    UnsupportedForMessageFormat = 43,
    /// A batch of an idempotent producer came before those that precede it. Nothing was appended.
    OutOfOrderSequenceNumber = 45,
    /// A producer of this id and a newer epoch is there.
    InvalidProducerEpoch = 47,
    /// Nobody may use a transactional id: there are no transactions.
    TransactionalIdAuthorizationFailed = 53,
    /// The disk of this broker does not give what it should.
    KafkaStorageError = 56,
    /// The partition is being moved already.
    ReassignmentInProgress = 60,
    /// The group is not empty.
    NonEmptyGroup = 68,
    /// There is no such group.
    GroupIdNotFound = 69,
    /// The client knows an older leader epoch: it should ask for metadata.
    FencedLeaderEpoch = 74,
    /// The client knows a newer leader epoch than this broker: it should wait.
    UnknownLeaderEpoch = 75,
    /// The broker's registration is not of this epoch, or not there.
    StaleBrokerEpoch = 77,
    /// The leader is new, and does not know yet how far the watermark was.
    OffsetNotAvailable = 78,
    /// A member must join again with the id that comes with this (KIP-394).
    MemberIdRequired = 79,
    /// The group has as many members as it may.
    GroupMaxSizeReached = 81,
    /// Another member has joined as this static member.
    FencedInstanceId = 82,
    /// A batch is not what it says it is.
    InvalidRecord = 87,
    /// There is no topic of this id.
    UnknownTopicId = 100,
}

impl ErrorCode {
    /// The code on the wire.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// The error of this code, if it is one of these.
    pub fn of(code: i16) -> Option<ErrorCode> {
        ErrorCode::ALL.iter().copied().find(|error| error.code() == code)
    }

    /// May what was asked for have happened all the same, or happen later?
    pub fn may_have_happened(self) -> bool {
        matches!(
            self,
            ErrorCode::RequestTimedOut
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::NotEnoughReplicasAfterAppend
                | ErrorCode::UnknownServerError
                | ErrorCode::KafkaStorageError
        )
    }
}
