//! Kafka's protocol: frames become questions to a broker, and its answers frames.
//!
//! The law: nothing is reserved for what a frame claims before it was compared with what is there (`bounds.rs`);
//! what is not announced (`versions.rs`) ends the connection, as it does with Kafka; whatever was asked for is in
//! the answer, each partition by itself.
//!
//! Records are never looked into: a batch is a slice of the frame that it came in, and it leaves as one.

#[cfg(test)]
mod answer_tests;
mod bounds;
mod data;
mod groups;
#[cfg(test)]
mod question_tests;
mod topics;
mod versions;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::framed::{Framed, Refusal};
use kafka_protocol::messages::{ApiKey, BrokerId, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use machine::{NodeId, Parts};
use uuid::Uuid;

use replicated_log::ask::{Answer, Ask};
use replicated_log::error::ErrorCode;
use replicated_log::words::{LeaderEpoch, Name, TopicId, TopicRef};
use versions::Api;

/// The protocol, for `host::framed`.
#[derive(Clone, Copy, Debug)]
pub struct Kafka;

/// What a client wants.
#[derive(Debug)]
pub enum Request {
    /// Something of the broker.
    Ask(Head, Box<Ask>),
    /// What is answered without it, by these bytes.
    Known(Bytes),
}

/// What a client gets.
#[derive(Debug)]
pub enum Reply {
    /// What the broker said.
    Answer(Head, Box<Answer>),
    /// What was known.
    Known(Bytes),
}

/// What an answer has of its request.
#[derive(Debug)]
pub struct Head {
    api: ApiKey,
    version: i16,
    correlation: i32,
    client: Name,
    beside: Beside,
    /// It has a share of the server's budget until it is answered: a question may be larger than its bytes.
    _frame: Bytes,
}

/// What else it takes to answer.
#[derive(Debug, Default)]
enum Beside {
    #[default]
    Nothing,
    /// No answer is wanted.
    Silence,
    /// What the client may do as well.
    Operations,
    /// Groups in these states.
    States(Vec<Name>),
    /// The settings of these.
    Resources(Vec<topics::Resource>),
    /// Offsets of these, where an error is told of each.
    Partitions(Vec<(TopicRef, Vec<u32>)>),
}

impl Beside {
    /// The operations that a client may carry out, as the bits that Kafka has for them: all of these, since nobody is
    /// kept from any. Where it did not ask, nothing is said of them.
    fn operations(&self, codes: &[u8]) -> i32 {
        let all = codes.iter().fold(0, |all, code| all | 1 << code);
        if matches!(self, Beside::Operations) { all } else { i32::MIN }
    }

    fn asks_for_operations(&mut self, asks: bool) {
        if asks {
            *self = Beside::Operations;
        }
    }
}

impl Head {
    /// Is an answer wanted? It is not to who produces with acks=0.
    pub fn wants_answer(&self) -> bool {
        !matches!(self.beside, Beside::Silence)
    }
}

impl Request {
    /// Says where it came from, which members of groups are described with.
    pub fn comes_from(&mut self, address: IpAddr) {
        if let Request::Ask(_, ask) = self
            && let Ask::JoinGroup(join) = &mut **ask
        {
            join.host = address.to_string().into();
        }
    }
}

impl Framed for Kafka {
    type Ask = Request;
    type Answer = Reply;
    const LONGEST: usize = 64 << 20;

    fn length(&self, begins: &[u8]) -> Result<Option<usize>, Refusal> {
        let Some(length) = begins.first_chunk() else { return Ok(None) };
        let length =
            usize::try_from(i32::from_be_bytes(*length)).map_err(|_| Refusal::default())?;
        Ok(Some(length + 4))
    }

    fn decode(&self, frame: Bytes) -> Result<Request, Refusal> {
        request(frame).ok_or_else(Refusal::default)
    }

    fn encode(&self, reply: Reply, out: &mut Parts) {
        match reply {
            Reply::Known(bytes) => out.push(bytes),
            Reply::Answer(head, answer) => match *answer {
                Answer::Fetched(parts) => data::put_fetched(&head, &parts, out),
                answer => out.push(encoded(&head, answer)),
            },
        }
    }
}

fn request(frame: Bytes) -> Option<Request> {
    let (key, rest) = frame.get(4..)?.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (correlation, _) = rest.split_first_chunk()?;
    let (version, correlation) = (i16::from_be_bytes(*version), i32::from_be_bytes(*correlation));
    let api = Api::of(i16::from_be_bytes(*key))?;
    if !api.takes(version) {
        let is_too_new = api.key == ApiKey::ApiVersions && version > api.to;
        return is_too_new.then(|| Request::Known(framed(correlation, 0, &versions::too_new())));
    }
    let header = bounds::behind_header(api, version, &frame[4..])?;
    let mut body = frame.slice(4 + header..);
    body.truncate(bounds::length(api, version, &body)?);
    let client = client(&frame)?;
    let beside = Beside::Nothing;
    question(Head { api: api.key, version, correlation, client, beside, _frame: frame }, &mut body)
}

/// Who asks, by the header of this frame.
fn client(frame: &[u8]) -> Option<Name> {
    let (length, rest) = frame.get(12..)?.split_first_chunk()?;
    let length = usize::try_from(i16::from_be_bytes(*length)).unwrap_or(0);
    Some(std::str::from_utf8(rest.get(..length)?).ok()?.into())
}

/// What is asked. The length of this body was checked.
fn question(mut head: Head, body: &mut Bytes) -> Option<Request> {
    let (version, frame) = (head.version, head._frame.len());
    let beside = &mut head.beside;
    let ask = match head.api {
        ApiKey::Produce => data::produce(read(body, version)?, frame, beside),
        ApiKey::Fetch => match data::fetch(read(body, version)?, version) {
            Ok(ask) => ask,
            Err(refused) => return Some(Request::Known(head.framed(&refused))),
        },
        ApiKey::ListOffsets => data::list_offsets(read(body, version)?),
        ApiKey::OffsetForLeaderEpoch => data::epoch_ends(read(body, version)?),
        ApiKey::InitProducerId => match data::init_producer(read(body, version)?) {
            Ok(ask) => ask,
            Err(refused) => return Some(Request::Known(head.framed(&refused))),
        },
        ApiKey::Metadata => topics::metadata(read(body, version)?, version, beside),
        ApiKey::DescribeCluster => topics::describe_cluster(read(body, version)?, beside),
        ApiKey::CreateTopics => topics::create(read(body, version)?),
        ApiKey::DeleteTopics => topics::delete(read(body, version)?),
        ApiKey::CreatePartitions => match topics::create_partitions(read(body, version)?) {
            Ok(ask) => ask,
            Err(refused) => return Some(Request::Known(head.framed(&refused))),
        },
        ApiKey::DescribeConfigs => topics::describe_configs(read(body, version)?, beside),
        ApiKey::FindCoordinator => match groups::find_coordinator(read(body, version)?) {
            Ok(ask) => ask,
            Err(refused) => return Some(Request::Known(head.framed(&*refused))),
        },
        ApiKey::JoinGroup => groups::join(read(body, version)?, version, head.client.clone()),
        ApiKey::SyncGroup => groups::sync(read(body, version)?),
        ApiKey::Heartbeat => groups::heartbeat(read(body, version)?),
        ApiKey::LeaveGroup => groups::leave(read(body, version)?, version),
        ApiKey::OffsetCommit => groups::commit(read(body, version)?),
        ApiKey::OffsetFetch => groups::committed(read(body, version)?, version, beside),
        ApiKey::DescribeGroups => groups::describe(read(body, version)?, beside),
        ApiKey::ListGroups => groups::list(read(body, version)?, beside),
        ApiKey::ApiVersions => {
            read::<kafka_protocol::messages::ApiVersionsRequest>(body, version)?;
            return Some(Request::Known(head.framed(&versions::announced())));
        }
        _ => return None,
    };
    Some(Request::Ask(head, Box::new(ask)))
}

/// The frame of any answer but a fetch's.
fn encoded(head: &Head, answer: Answer) -> Bytes {
    match (answer, head.api) {
        (Answer::Produced(parts), _) => head.framed(&data::produced(parts)),
        (Answer::Offsets(parts), _) => head.framed(&data::offsets(parts, head.version)),
        (Answer::EpochEnds(parts), _) => head.framed(&data::ends(parts)),
        (Answer::ProducerId(id), _) => head.framed(&data::producer_id(id)),
        (Answer::Metadata(it), ApiKey::DescribeCluster) => {
            head.framed(&topics::cluster(it, &head.beside))
        }
        (Answer::Metadata(it), _) => head.framed(&topics::known(it, head)),
        (Answer::Topics(done), ApiKey::DeleteTopics) => head.framed(&topics::deleted(done)),
        (Answer::Topics(done), ApiKey::CreatePartitions) => head.framed(&topics::grown(done)),
        (Answer::Topics(done), _) => head.framed(&topics::created(done)),
        (Answer::Configs(found), _) => head.framed(&topics::configs(&found, &head.beside)),
        (Answer::Coordinators(found), _) => head.framed(&groups::coordinator(found)),
        (Answer::Joined(joined), _) => head.framed(&groups::joined(joined, head.version)),
        (Answer::Synced(assignment), _) => head.framed(&groups::synced(assignment)),
        (Answer::Beat(beat), _) => head.framed(&groups::beat(beat)),
        (Answer::Left(left), _) => head.framed(&groups::left(left, head.version)),
        (Answer::Committed(topics), _) => head.framed(&groups::taken(topics)),
        (Answer::Offset(found), _) => head.framed(&groups::offsets(found, head)),
        (Answer::Groups(found), _) => head.framed(&groups::described(found, &head.beside)),
        (Answer::GroupList(list), _) => head.framed(&groups::listed(list, &head.beside)),
        (Answer::Fetched(_), _) => unreachable!("it is written by hand"),
    }
}

impl Head {
    fn framed(&self, answer: &(impl Encodable + HeaderVersion)) -> Bytes {
        framed(self.correlation, self.version, answer)
    }
}

/// An answer with its length and header.
fn framed<M: Encodable + HeaderVersion>(correlation: i32, version: i16, answer: &M) -> Bytes {
    let mut out = BytesMut::zeroed(4);
    out.extend_from_slice(&correlation.to_be_bytes());
    if M::header_version(version) > 0 {
        out.extend_from_slice(&[0]);
    }
    // Names are no longer than a request can say them, and lists are counted in memory.
    let encoded = answer.encode(&mut out, version);
    encoded.unwrap_or_else(|why| unreachable!("an answer of version {version}: {why}"));
    let length = (out.len() - 4) as i32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}

/// How long an answer of this layout is (`bounds.rs`); none where it is shorter than it claims.
pub(crate) fn answer_length(
    layout: &str,
    version: i16,
    is_flexible: bool,
    body: &[u8],
) -> Option<usize> {
    bounds::walked(layout, version, is_flexible, bounds::MOST_OF_ANSWER, body)
}

/// To who wants transactions. Of all of Kafka's errors it is the one at which every client gives up at once: librdkafka
/// asks for a coordinator again and again after any other, and says in the end that time ran out.
const NO_TRANSACTIONS: ErrorCode = ErrorCode::TransactionalIdAuthorizationFailed;

fn read<M: Decodable>(body: &mut Bytes, version: i16) -> Option<M> {
    M::decode(body, version).ok()
}

// What both sides call differently.

fn name(text: &StrBytes) -> Name {
    Name::from(text.as_str())
}

fn text(name: &str) -> StrBytes {
    StrBytes::from_string(name.to_owned())
}

fn by_name(name: &TopicName) -> TopicRef {
    TopicRef::Name(Name::from(name.as_str()))
}

/// The name by which it was asked for; by its id it was asked for without one.
fn topic_name(topic: &TopicRef) -> TopicName {
    match topic {
        TopicRef::Name(name) => TopicName(text(name)),
        TopicRef::Id(_) => TopicName::default(),
    }
}

fn topic_id(id: TopicId) -> Uuid {
    Uuid::from_u128(id.0)
}

fn broker(node: Option<NodeId>) -> BrokerId {
    BrokerId(node.map_or(-1, |node| node.0.cast_signed()))
}

/// Host and port.
fn endpoint(address: Option<SocketAddr>) -> (StrBytes, i32) {
    let known = |address: SocketAddr| (text(&address.ip().to_string()), i32::from(address.port()));
    address.map_or((StrBytes::new(), -1), known)
}

fn millis(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// -1 is none.
fn epoch(epoch: i32) -> Option<LeaderEpoch> {
    u32::try_from(epoch).ok()
}

fn epoch_code(epoch: Option<LeaderEpoch>) -> i32 {
    epoch.map_or(-1, u32::cast_signed)
}

fn code<T>(outcome: &Result<T, ErrorCode>) -> i16 {
    outcome.as_ref().err().map_or(0, |error| error.code())
}

/// Each once, in this order: what is asked for again and again is answered once.
fn unique<T: Ord + Clone>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|one| seen.insert(one.clone())).collect()
}
