//! A client for people: what `infralab replicated-log topics` and `groups` ask, and how the answers read.
//!
//! The law: whatever a server answers, and however slowly, the client ends, with an answer or a sentence. Lengths in
//! an answer are compared with what is there before it is decoded, as those of requests are (`wire/bounds.rs`).
//!
//! It speaks one version of each request, to any broker that knows it. A broker that is not there yet (a leader that
//! is being elected, a coordinator that reads its groups) is asked again for a while.

mod admin;
mod connection;
mod error;
mod groups;
mod reset;
mod topics;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, FindCoordinatorRequest, ListGroupsRequest, ListOffsetsRequest,
    MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetFetchRequest, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use connection::Connection;
use replicated_log::error::ErrorCode;

pub use admin::reassign;
pub use error::ClientError;
pub use groups::{GroupDescription, GroupList};
pub use reset::{Reset, To};
pub use topics::{NewTopic, TopicChange, TopicDescriptions, TopicList};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// For something that comes by itself: a leader, a coordinator.
const SOON: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// A request that this client asks: in one version, and what its answer looks like (`wire/bounds.rs`).
trait Asked: Request {
    const VERSION: i16;
    const ANSWER: &'static str;
}

macro_rules! asked {
    ($($request:ident $version:literal $answer:literal)+) => {
        $(impl Asked for $request {
            const VERSION: i16 = $version;
            const ANSWER: &'static str = $answer;
        })+
    };
}

asked! {
    MetadataRequest 8 "4 (4 s 4 s) s 4 (2 s 1 (2 4 4 4 [4] [4] [4]) 4) 4"
    CreateTopicsRequest 5 "4 (s 2 s 4 2 (s s 1 1 1))"
    DeleteTopicsRequest 5 "4 (s 2 s)"
    DescribeConfigsRequest 1 "4 (2 s 1 s (s s 1 1 1 (s s 1)))"
    FindCoordinatorRequest 2 "4 2 s 4 s 4"
    ListGroupsRequest 4 "4 2 (s s s)"
    DescribeGroupsRequest 4 "4 (2 s s s s (s s s s b b) 4)"
    OffsetFetchRequest 5 "4 (s (4 8 4 s 2)) 2"
    OffsetCommitRequest 7 "4 (s (4 2))"
    ListOffsetsRequest 5 "4 (s (4 2 8 8 4))"
}

/// A client of a cluster.
pub struct Client {
    runtime: Runtime,
    server: String,
    /// By address.
    connections: BTreeMap<String, Connection>,
}

impl Client {
    /// Of the cluster of which this broker is one. It will be connected to when it is asked first.
    ///
    /// # Errors
    /// If the operating system does not let it begin.
    pub fn new(server: SocketAddr) -> Result<Client, ClientError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| ClientError::failed("this client", why))?;
        Ok(Client { runtime, server: server.to_string(), connections: BTreeMap::new() })
    }

    /// Asks the broker that was named first.
    fn ask<R: Asked>(&mut self, request: &R) -> Result<R::Response, ClientError> {
        let server = self.server.clone();
        self.ask_at(&server, request)
    }

    /// Asks the broker at this address.
    fn ask_at<R: Asked>(&mut self, at: &str, request: &R) -> Result<R::Response, ClientError> {
        let known = self.connections.remove(at);
        let (answer, connection) = self.runtime.block_on(async {
            let mut connection = match known {
                Some(known) => known,
                None => Connection::open(at).await?,
            };
            let answer = connection.ask(request).await?;
            Ok::<_, ClientError>((answer, connection))
        })?;
        self.connections.insert(at.to_owned(), connection);
        Ok(answer)
    }

    /// Asks again as long as an answer says that it is too early.
    fn soon<T>(
        &mut self,
        mut ask: impl FnMut(&mut Client) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let until = Instant::now() + SOON;
        loop {
            match ask(self) {
                Err(ClientError::Early(_)) if Instant::now() < until => {
                    self.runtime.block_on(async { sleep(PAUSE).await });
                }
                other => return other,
            }
        }
    }

    /// What the cluster says of these topics, or of all. None is made by asking.
    fn metadata(&mut self, topics: Option<&[String]>) -> Result<MetadataResponse, ClientError> {
        let name = |name: &String| MetadataRequestTopic::default().with_name(Some(topic(name)));
        let topics = topics.map(|topics| topics.iter().map(name).collect());
        let request =
            MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false);
        self.ask(&request)
    }

    /// The same of one topic, which is there.
    fn topic(
        &mut self,
        name: &str,
    ) -> Result<(MetadataResponse, MetadataResponseTopic), ClientError> {
        let mut all = self.metadata(Some(&[name.to_owned()]))?;
        let found = all.topics.pop();
        let found = found.ok_or_else(|| ClientError::senseless("it says nothing of the topic"))?;
        match ErrorCode::of(found.error_code) {
            _ if found.error_code == 0 => Ok((all, found)),
            Some(ErrorCode::UnknownTopicOrPartition) => Err(ClientError::no_topic(name)),
            _ => Err(ClientError::of(found.error_code, None, &format!("topic {name}"))),
        }
    }
}

/// Where a broker is, as the cluster says.
fn address_of(metadata: &MetadataResponse, broker: i32) -> Option<String> {
    let known = metadata.brokers.iter().find(|known| known.node_id.0 == broker)?;
    Some(address(&known.host, known.port))
}

fn address(host: &StrBytes, port: i32) -> String {
    match host.contains(':') {
        true => format!("[{}]:{port}", &**host),
        false => format!("{}:{port}", &**host),
    }
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Its name on the wire.
fn key<R: Asked>() -> ApiKey {
    ApiKey::try_from(R::KEY).unwrap_or_else(|()| unreachable!("the codec made it"))
}
