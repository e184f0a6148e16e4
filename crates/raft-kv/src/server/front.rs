//! The front end: each request is a question to the replica, in the session of its connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use host::http::{self, BadBody, HttpReply};
use host::{Exposure, Node, Visitor};
use machine::NodeId;
use raft::Session;

use crate::message::{Answer, Ask, Message, Request};
use crate::replica::Replica;
use crate::status::{ClientAddresses, Status, client_address};
use crate::wire::{
    self, LONGEST_BODY, Parsed, RawRequest, elsewhere, reply_of, unavailable, unknown,
    why_not_member,
};

/// For an answer: longer than an election takes, as a rule.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns requests into inputs.
pub(super) struct FrontEnd {
    pub(super) me: NodeId,
    pub(super) node: Arc<Node<Replica>>,
    pub(super) addresses: ClientAddresses,
    /// Whom this node may be told to speak with.
    pub(super) exposure: Exposure,
}

impl FrontEnd {
    /// Takes every path: which there are is for [`wire::read`] to say.
    pub(super) fn routes(self) -> Router {
        let front = Arc::new(self);
        Router::new().fallback(move |request| front.clone().answer(request))
    }

    async fn answer(self: Arc<Self>, request: HttpRequest) -> Result<HttpReply, HttpReply> {
        let (parts, body) = request.into_parts();
        let body = http::body(&parts, body, LONGEST_BODY).await.map_err(BadBody::reply)?;
        let asked = RawRequest {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            idempotency_key: parts.headers.get("idempotency-key").map(HeaderValue::as_bytes),
            body,
        };
        let (ask, session) = match wire::read(&asked)? {
            Parsed::Ask(ask, session) => (ask, session),
            Parsed::Status => {
                let status =
                    self.node.look(|replica| Status::of(self.me, replica, &self.addresses));
                let stopping = || unavailable("the server is stopping");
                return status.map(|status| HttpReply::json(200, &status)).ok_or_else(stopping);
            }
        };
        if let Some(address) = self.out_of_reach(&ask) {
            let why = format_args!(
                "{address} is not on this computer, and this server speaks with no other unless it was \
                 started with --open-to-anyone; nothing was begun"
            );
            return Err(HttpReply::error(400, why));
        }
        Ok(self.ask(&parts, ask, session).await)
    }

    /// Whoever may ask this server is not to make it dial whom they like.
    fn out_of_reach(&self, ask: &Ask) -> Option<SocketAddr> {
        let Ask::Change { addresses, .. } = ask else { return None };
        let mut all = addresses.values().flat_map(|address| [address.nodes, address.clients]);
        all.find(|address| !self.exposure.allows(*address))
    }

    async fn ask(&self, parts: &Parts, ask: Ask, session: Option<Session>) -> HttpReply {
        let (is_write, is_read) = (ask.change().is_some(), ask.is_read());
        let request = |token| Message::Request(Request { token, session, ask });
        let answer = self.node.answer(&Visitor::of(&parts.extensions), PATIENCE, request).await;
        let answer = match answer {
            Ok(Message::Response(response)) => Some(response.answer),
            _ => None,
        };
        match answer {
            Some(Answer::NotLeader { leader: Some(leader) }) if leader != self.me => {
                self.elsewhere("another node leads", leader, parts)
            }
            Some(Answer::NotMember { removed, member: Some(member) }) => {
                self.elsewhere(why_not_member(removed), member, parts)
            }
            Some(answer) => reply_of(answer, is_write),
            None if is_read => unavailable("there was no answer in time"),
            None => unknown("there was no answer in time"),
        }
    }

    /// The same request, at another node.
    fn elsewhere(&self, why: &str, other: NodeId, parts: &Parts) -> HttpReply {
        let address = self.node.look(|replica| {
            replica.group().and_then(|group| client_address(other, group, &self.addresses))
        });
        let Some(address) = address.flatten() else {
            let unknown =
                format_args!("{why}, and the address of node {} is not known here", other.0);
            return unavailable(unknown);
        };
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        elsewhere(why, format!("http://{address}{target}"))
    }
}
