//! The front end: each request is handed to the replica, each answer to the request that waits for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response as HttpResponse};
use host::{FRONT_END, Node, PendingRequests, http};
use machine::{Input, NodeId};
use raft::Session;
use tokio::time::timeout;

use super::status::Status;
use crate::message::{Answer, Ask, Message, Request};
use crate::replica::Replica;
use crate::wire::{self, Form, LONGEST_BODY, Parsed, RawRequest, Reply, outside};

/// For an answer: longer than an election takes, as a rule.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the front ends of the replicas are.
pub(super) type ClientAddresses = Arc<BTreeMap<NodeId, SocketAddr>>;

/// Turns requests into inputs.
pub(super) struct FrontEnd {
    pub(super) me: NodeId,
    pub(super) node: Arc<Node<Replica>>,
    pub(super) desk: Arc<PendingRequests<Answer>>,
    pub(super) addresses: ClientAddresses,
}

impl FrontEnd {
    /// Takes every path: which there are is for [`wire::read`] to say.
    pub(super) fn routes(self) -> Router {
        Router::new().fallback(handle).with_state(Arc::new(self))
    }

    async fn reply(&self, parts: &Parts, body: Body) -> Reply {
        let body = match http::body(body, LONGEST_BODY).await {
            Ok(body) => body,
            Err(bad) => return Reply::error(bad.status().as_u16(), bad),
        };
        let asked = RawRequest {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            idempotency_key: parts.headers.get("idempotency-key").map(HeaderValue::as_bytes),
            body,
        };
        match wire::read(&asked) {
            Err(reply) => reply,
            Ok(Parsed::Status) => {
                let status =
                    self.node.look(|replica| Status::of(self.me, replica, &self.addresses));
                status.map_or_else(stopping, |status| Reply::json(200, &status))
            }
            Ok(Parsed::Ask(ask, session)) => self.ask(parts, ask, session).await,
        }
    }

    async fn ask(&self, parts: &Parts, ask: Ask, session: Option<Session>) -> Reply {
        self.node.room().await;
        let (is_write, is_read) = (ask.change().is_some(), ask.is_read());
        let place = self.desk.wait();
        let request = Request { token: place.token, session, ask };
        if !self.node.input(Input::Message { from: FRONT_END, message: Message::Request(request) })
        {
            return stopping();
        }
        match timeout(PATIENCE, place.answer()).await {
            Ok(Some(Answer::NotLeader { leader: Some(leader) })) if leader != self.me => {
                self.elsewhere("another node leads", leader, parts)
            }
            Ok(Some(Answer::Outside { removed, member: Some(member) })) => {
                self.elsewhere(outside(removed), member, parts)
            }
            Ok(Some(answer)) => Reply::of(answer, is_write),
            Ok(None) | Err(_) if is_read => Reply::unavailable("there was no answer in time"),
            Ok(None) | Err(_) => Reply::unknown("there was no answer in time"),
        }
    }

    /// The same request, at another node.
    fn elsewhere(&self, why: &str, other: NodeId, parts: &Parts) -> Reply {
        let Some(address) = self.addresses.get(&other) else {
            let unknown =
                format_args!("{why}, and the address of node {} is not known here", other.0);
            return Reply::unavailable(unknown);
        };
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        Reply::elsewhere(why, format!("http://{address}{target}"))
    }
}

async fn handle(State(front): State<Arc<FrontEnd>>, request: HttpRequest) -> HttpResponse {
    let (parts, body) = request.into_parts();
    respond(front.reply(&parts, body).await)
}

fn stopping() -> Reply {
    Reply::unavailable("the server is stopping")
}

fn respond(Reply { status, form, body, header }: Reply) -> HttpResponse {
    let kind = match form {
        Form::Json => "application/json",
        Form::Bytes => "application/octet-stream",
    };
    let fixed = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, fixed, body).into_response();
    // A target that came as a header can leave as one.
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::try_from(value)
    {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
