//! The front end: each request is a question to the worker, in the session of its connection.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Uri};
use axum::routing::get;
use host::http::HttpReply;
use host::{NoAnswer, Node, Session, Visitor};

use super::minted::MintCounts;
use crate::wire::{self, Format, unavailable};
use crate::{Layout, Message, Worker};

/// More than the worker lets a request wait, so that it is nearly always the worker who answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns requests into inputs.
pub(super) struct FrontEnd {
    pub(super) node: Arc<Node<Worker>>,
    pub(super) counts: MintCounts,
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

    /// If the client hangs up the ids are lost, which is no harm.
    async fn mint(&self, visitor: &Visitor, count: u32) -> Result<Message, HttpReply> {
        self.node.room().await;
        let mint = |token| Message::Mint { token, count };
        match Session::of(visitor, &self.node).ask_once(PATIENCE, mint).await {
            Ok(answer) => {
                self.counts.answered(&answer);
                Ok(answer)
            }
            Err(NoAnswer::Stopped) => Err(unavailable("the server is stopping")),
            Err(NoAnswer::Late) => Err(unavailable(
                "there was no answer in time; ids minted for this request are lost; ask again",
            )),
        }
    }
}

type Front = State<Arc<FrontEnd>>;
type Who = Extension<Visitor>;

async fn id(
    front: Front,
    visitor: Who,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> HttpReply {
    if let Err(why) = wire::no_parameters(&query.unwrap_or_default()) {
        return HttpReply::error(400, why);
    }
    let answer = front.mint(&visitor, 1).await;
    answer.map_or_else(|refused| refused, |answer| wire::one_id(format(&headers), &answer))
}

async fn ids(
    front: Front,
    visitor: Who,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> HttpReply {
    let count = match wire::count(&query.unwrap_or_default()) {
        Ok(count) => count,
        Err(why) => return HttpReply::error(400, why),
    };
    let answer = front.mint(&visitor, count).await;
    answer.map_or_else(|refused| refused, |answer| wire::many_ids(format(&headers), &answer))
}

async fn decode(
    front: Front,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> HttpReply {
    let decoded = match &id {
        Ok(Path(id)) => wire::decode(id, &query.unwrap_or_default(), &front.layout),
        Err(_) => Err("an id is a decimal number, and this is not even text".to_owned()),
    };
    match decoded {
        Ok(decoded) => wire::decoded(format(&headers), &decoded),
        Err(why) => HttpReply::error(400, why),
    }
}

async fn no_such_path(uri: Uri) -> HttpReply {
    let path: String = uri.path().chars().take(40).collect();
    HttpReply::error(404, format_args!("there is no {path:?} here; {}", wire::PATHS))
}

async fn no_such_method() -> HttpReply {
    HttpReply::error(405, "only GET and HEAD are understood here")
}

fn format(headers: &HeaderMap) -> Format {
    Format::accepted(headers.get(ACCEPT).and_then(|value| value.to_str().ok()))
}
