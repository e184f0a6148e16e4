//! The front end: each request is handed to the worker, each answer to the request that waits for it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use machine::{Input, NodeId};
use tokio::sync::{oneshot, watch};

use super::node::{Node, Outside};
use crate::wire::{self, Answer, Form};
use crate::{Layout, Message, Snowflake, Worker};

/// All requests come from here, as far as the worker knows; it answers by token.
const FRONT_END: NodeId = NodeId(1);
/// More than the worker lets a request wait, so that it is nearly always the worker who answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns requests into inputs.
pub(crate) struct FrontEnd {
    pub(crate) node: Arc<Node<Worker>>,
    pub(crate) desk: Arc<Desk>,
    /// For `/decode` where the request names none.
    pub(crate) layout: Layout,
    /// Where the server listens.
    pub(crate) bound: IpAddr,
}

impl FrontEnd {
    /// The paths that there are. No body is ever read.
    pub(crate) fn routes(self) -> Router {
        let front = Arc::new(self);
        Router::new()
            .route("/id", get(id))
            .route("/ids", get(ids))
            .route("/decode/{id}", get(decode))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_method)
            .layer(middleware::from_fn_with_state(front.clone(), guard))
            .with_state(front)
    }

    async fn mint(&self, count: u32) -> Result<Message, Answer> {
        let (token, answer) = self.desk.ask();
        let _ticket = Ticket { desk: &self.desk, token };
        let input = Input::Message { from: FRONT_END, message: Message::Mint { token, count } };
        if !self.node.input(input) {
            return Err(Answer::unavailable("the server is stopping"));
        }
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(_)) => Err(Answer::unavailable("the server is stopping")),
            Err(_) => Err(Answer::unavailable(
                "there was no answer in time; ids minted for this request are lost; ask again",
            )),
        }
    }
}

/// Where answers are waited for, by token.
pub(crate) struct Desk {
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Message>>>,
    halted: watch::Sender<Option<String>>,
}

impl Default for Desk {
    fn default() -> Self {
        let (next, waiting) = (AtomicU64::new(0), Mutex::default());
        Desk { next, waiting, halted: watch::Sender::new(None) }
    }
}

impl Desk {
    /// Ends when the worker has stopped by itself, with its sentence.
    pub(crate) async fn halt(&self) -> String {
        let mut halted = self.halted.subscribe();
        // The sender is in `self`, so it outlives the wait.
        let why = halted.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_default()
    }

    fn ask(&self) -> (u64, oneshot::Receiver<Message>) {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(token, sender);
        (token, receiver)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Message>>> {
        // A map is whole between any two calls on it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outside<Snowflake> for Desk {
    fn deliver(&self, _to: NodeId, message: Message) {
        if let Message::Minted { token, .. } | Message::Refused { token, .. } = &message
            && let Some(sender) = self.waiting().remove(token)
        {
            // Whoever asked may have gone: then the ids are lost, which is no harm.
            let _ = sender.send(message);
        }
    }

    fn halted(&self, why: &str) {
        // Who waits is told at once: the answers will never come.
        self.waiting().clear();
        self.halted.send_if_modified(|halted| {
            let first = halted.is_none();
            halted.get_or_insert_with(|| why.to_owned());
            first
        });
    }
}

/// A place at the desk, given back also when the client hangs up.
struct Ticket<'a> {
    desk: &'a Desk,
    token: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.desk.waiting().remove(&self.token);
    }
}

type Front = State<Arc<FrontEnd>>;

async fn id(front: Front, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if let Err(why) = wire::no_parameters(&query.unwrap_or_default()) {
        return respond(Answer::error(400, why));
    }
    let said = front.mint(1).await;
    respond(said.map_or_else(|answer| answer, |said| Answer::one(form(&headers), &said)))
}

async fn ids(front: Front, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let count = match wire::count(&query.unwrap_or_default()) {
        Ok(count) => count,
        Err(why) => return respond(Answer::error(400, why)),
    };
    let said = front.mint(count).await;
    respond(said.map_or_else(|answer| answer, |said| Answer::many(form(&headers), &said)))
}

async fn decode(
    front: Front,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let decoded = match &id {
        Ok(Path(id)) => wire::decode(id, &query.unwrap_or_default(), &front.layout),
        Err(_) => Err("an id is a decimal number, and this is not even text".to_owned()),
    };
    respond(match decoded {
        Ok(decoded) => Answer::decoded(form(&headers), &decoded),
        Err(why) => Answer::error(400, why),
    })
}

async fn no_such_path(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(40).collect();
    respond(Answer::error(404, format_args!("there is no {path:?} here; {}", wire::PATHS)))
}

async fn no_such_method() -> Response {
    respond(Answer::error(405, "only GET is understood here"))
}

async fn guard(front: Front, request: Request, next: Next) -> Response {
    match strange(request.headers(), request.uri(), front.bound) {
        Some(answer) => respond(answer),
        None => next.run(request).await,
    }
}

/// Turns away requests that some web page from elsewhere had a browser make.
fn strange(headers: &HeaderMap, uri: &Uri, bound: IpAddr) -> Option<Answer> {
    let texts = |name| {
        let values = headers.get_all(name).into_iter();
        values.map(|value: &HeaderValue| value.to_str().unwrap_or("not a text"))
    };
    let named = uri.authority().map(|authority| authority.as_str());
    let mut hosts = texts(HOST).chain(named);
    if !headers.contains_key(HOST) || !hosts.all(|host| wire::is_our_host(host, bound)) {
        let why = "the Host of this request is not this computer; ask for localhost or 127.0.0.1";
        return Some(Answer::error(421, why));
    }
    let elsewhere = texts(ORIGIN).any(|origin| !wire::is_our_origin(origin, bound));
    elsewhere.then(|| Answer::error(403, "only pages of this computer may ask"))
}

fn form(headers: &HeaderMap) -> Form {
    Form::accepted(headers.get(ACCEPT).and_then(|value| value.to_str().ok()))
}

fn respond(Answer { status, form, body }: Answer) -> Response {
    let fixed = [
        (CONTENT_TYPE, HeaderValue::from_static(form.content_type())),
        // An id that a cache hands out twice is not unique.
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, fixed, body).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
