//! The front end: each request is handed to the worker, each answer to the request that waits for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use host::{FRONT_END, Node};
use machine::Input;

use super::answers::Answers;
use crate::wire::{self, Answer, Form};
use crate::{Layout, Message, Worker};

/// More than the worker lets a request wait, so that it is nearly always the worker who answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns requests into inputs.
pub(super) struct FrontEnd {
    pub(super) node: Arc<Node<Worker>>,
    pub(super) answers: Arc<Answers>,
    /// For `/decode` where the request names none.
    pub(super) layout: Layout,
}

impl FrontEnd {
    /// The paths that there are. No body is ever read.
    pub(super) fn routes(self) -> Router {
        Router::new()
            .route("/id", get(id))
            .route("/ids", get(ids))
            .route("/decode/{id}", get(decode))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_method)
            .with_state(Arc::new(self))
    }

    async fn mint(&self, count: u32) -> Result<Message, Answer> {
        self.node.room().await;
        let place = self.answers.wait();
        let message = Message::Mint { token: place.token, count };
        if !self.node.input(Input::Message { from: FRONT_END, message }) {
            return Err(Answer::unavailable("the server is stopping"));
        }
        match tokio::time::timeout(PATIENCE, place.answer()).await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(Answer::unavailable("the server is stopping")),
            Err(_) => Err(Answer::unavailable(
                "there was no answer in time; ids minted for this request are lost; ask again",
            )),
        }
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
    respond(Answer::error(405, "only GET and HEAD are understood here"))
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
