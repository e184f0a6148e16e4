//! What is announced: which requests, in which versions, and how each of them is laid out.
//!
//! The law: what stands here can be asked, and nothing else. Ranges have no holes; they begin where the codec
//! begins, since old clients are still there, and end where a newer version would ask for what is not here
//! (transactions, sessions of fetches, groups by KIP-848).

use kafka_protocol::messages::ApiKey::{self, *};
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::api_versions_response::ApiVersion;

use replicated_log::error::ErrorCode;

/// A request that can be asked.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) key: ApiKey,
    pub(super) from: i16,
    pub(super) to: i16,
    /// From this version on it has compact lengths, and tagged fields at the end of each struct.
    flexible: i16,
    /// Its fields, as `bounds.rs` reads them.
    pub(super) layout: &'static str,
}

/// All of them.
///
/// Produce is announced from 0 on, of which 0 to 2 are refused: librdkafka up to 2.10 sends its batches
/// uncompressed, and says nothing, to a broker that does not know those (KAFKA-18659).
#[rustfmt::skip]
pub(super) const APIS: &[Api] = &[
    api(Produce, 0, 10, 9, "s 2 4 (s (4 b))"),
    api(Fetch, 4, 16, 12, "-14:4 4 4 4 1 7+:4 7+:4 (-12:s 13+:16 (4 9+:4 8 12+:4 5+:8 4)) 7+:(-12:s 13+:16 [4]) 11+:s"),
    api(ListOffsets, 1, 7, 6, "4 2+:1 (s (4 4+:4 8))"),
    api(Metadata, 0, 12, 9, "(10+:16 s) 4+:1 8-10:1 8+:1"),
    api(OffsetCommit, 2, 9, 8, "s 4 s 7+:s -4:8 (s (4 8 6+:4 s))"),
    api(OffsetFetch, 1, 9, 6, "-7:s -7:(s [4]) 8+:(s 9+:s 9+:4 (s [4])) 7+:1"),
    api(FindCoordinator, 0, 3, 3, "s 1+:1"),
    api(JoinGroup, 0, 8, 6, "s 4 1+:4 s 5+:s s (s b) 8+:s"),
    api(Heartbeat, 0, 4, 4, "s 4 s 3+:s"),
    api(LeaveGroup, 0, 5, 4, "s -2:s 3+:(s s 5+:s)"),
    api(SyncGroup, 0, 5, 4, "s 4 s 3+:s 5+:s 5+:s (s b)"),
    api(DescribeGroups, 0, 5, 5, "[s] 3+:1"),
    api(ListGroups, 0, 4, 3, "4+:[s]"),
    api(ApiVersions, 0, 4, 3, "3+:s 3+:s"),
    api(CreateTopics, 2, 7, 5, "(s 4 2 (4 [4]) (s s)) 4 1"),
    api(DeleteTopics, 1, 6, 4, "6+:(s 16) -5:[s] 4"),
    api(InitProducerId, 0, 4, 2, "s 4 3+:8 3+:2"),
    api(OffsetForLeaderEpoch, 2, 4, 4, "3+:4 (s (4 4 4))"),
    api(DescribeConfigs, 1, 4, 4, "(1 s [s]) 1 3+:1"),
    api(CreatePartitions, 0, 3, 2, "(s 4 ([4])) 4 1"),
    api(DescribeCluster, 0, 1, 0, "1 1+:1"),
];

const fn api(key: ApiKey, from: i16, to: i16, flexible: i16, layout: &'static str) -> Api {
    Api { key, from, to, flexible, layout }
}

impl Api {
    /// The one with this key.
    pub(super) fn of(key: i16) -> Option<&'static Api> {
        APIS.iter().find(|api| api.key as i16 == key)
    }

    /// Is it answered in this version?
    pub(super) fn takes(&self, version: i16) -> bool {
        let from = if self.key == Produce { 3 } else { self.from };
        (from..=self.to).contains(&version)
    }

    /// Has it compact lengths and tagged fields in this version?
    pub(super) fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }
}

/// What clients ask first.
pub(super) fn announced() -> ApiVersionsResponse {
    ApiVersionsResponse::default().with_api_keys(APIS.iter().map(announcement).collect())
}

/// To who asks it in a version that is too new, and so knows what else it can try.
pub(super) fn too_new() -> ApiVersionsResponse {
    let known = APIS.iter().filter(|api| api.key == ApiVersions);
    ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UnsupportedVersion.code())
        .with_api_keys(known.map(announcement).collect())
}

fn announcement(api: &Api) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(api.key as i16)
        .with_min_version(api.from)
        .with_max_version(api.to)
}
