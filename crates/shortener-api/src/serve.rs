//! Serves requests below `/api/`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use host::http;
use tokio::sync::Semaphore;
use url_shortener::server::{Front, HttpReply, now, unavailable};
use url_shortener::{Answer, Ask, Edit, Key, LinkId, NewLink};

use crate::reply::{outcome, reply};
use crate::request::{self, ApiCall, ApiRequest, Paging};
use crate::{
    BlockList, BulkResult, BulkResults, CreateRequest, EditRequest, InvalidRequest, LinkJson,
    ListPage, StatsJson, Targets,
};

/// How many questions of one request are under way at once.
const AT_ONCE: usize = 128;
const BULK: &str = "/api/links/bulk";

/// Enough for a link with the longest target, title and tags, all escaped.
const MAX_BODY_BYTES: usize = 64 << 10;
/// Enough for a thousand links.
const MAX_BULK_BYTES: usize = 4 << 20;
/// How many bulk requests are read at once.
const MAX_BULK_REQUESTS: usize = 8;

/// Answers requests below `/api/`, by asking the instance.
pub struct Api {
    front: Arc<Front>,
    targets: Targets,
    bulks: Semaphore,
}

impl Api {
    /// The interface of this service. No link may lead to what is blocked.
    pub fn new(front: Arc<Front>, blocked: BlockList) -> Api {
        let targets = Targets::new(front.site().clone(), blocked);
        Api { front, targets, bulks: Semaphore::new(MAX_BULK_REQUESTS) }
    }

    /// The front end, which asks the instance.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Checks a request for a new link.
    ///
    /// # Errors
    /// If it is invalid, with the reason.
    pub fn check(&self, wanted: CreateRequest) -> Result<NewLink, InvalidRequest> {
        wanted.check(self.front.site(), &self.targets, now())
    }

    /// Checks a request to change a link.
    ///
    /// # Errors
    /// If it is invalid, with the reason.
    pub fn check_changes(&self, changes: EditRequest) -> Result<Edit, InvalidRequest> {
        changes.check(&self.targets)
    }

    /// Answers a request.
    pub async fn respond(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        carry_out(self, &parts, body).await.unwrap_or_else(|refused| refused).into_response()
    }
}

/// All of the body of a request.
///
/// # Errors
/// If it is too long or incomplete.
pub async fn read_body(parts: &Parts, body: Body, is_bulk: bool) -> Result<Bytes, HttpReply> {
    let most = if is_bulk { MAX_BULK_BYTES } else { MAX_BODY_BYTES };
    http::body(parts, body, most).await.map_err(http::BadBody::reply)
}

/// Carries out a request.
///
/// # Errors
/// With the reply, if it is invalid or not allowed.
async fn carry_out(api: &Api, parts: &Parts, body: Body) -> Result<HttpReply, HttpReply> {
    let front = &*api.front;
    front.reject_foreign_hosts(parts)?;
    front.require_key(parts)?;
    let path = parts.uri.path();
    let is_bulk = path == BULK;
    // A large body waits for its turn before any of it is read.
    let _place = match is_bulk {
        true => api.bulks.acquire().await.ok(),
        false => None,
    };
    let asked = ApiRequest {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        body: read_body(parts, body, is_bulk).await?,
    };
    let address = front.address(parts);
    Ok(match request::read(&asked, front.site(), &api.targets, now())? {
        ApiCall::Stats(key) => stats(front, address, key).await,
        ApiCall::Ask(ask) => {
            let created = matches!(ask, Ask::Create(_));
            let answer = front.ask(address, ask).await;
            reply(answer, created, front.site())
        }
        ApiCall::List(paging) => list(front, address, paging).await,
        ApiCall::Bulk(links) => many(front, address, links).await,
        ApiCall::Shards => HttpReply::json(200, &front.shards().await),
        ApiCall::AddShard => match front.add_shard().await {
            Ok(shards) => HttpReply::json(202, &shards),
            Err(why) => HttpReply::error(409, why),
        },
    })
}

/// The statistics of a link, if it exists.
async fn stats(front: &Front, address: IpAddr, key: Key) -> HttpReply {
    let (key, link) = match front.ask(address, Ask::Look(key)).await {
        Answer::Link(key, link) => (key, link),
        answer => return reply(answer, false, front.site()),
    };
    match front.ask(address, Ask::Stats(LinkId::of(key, &link))).await {
        Answer::Stats { link: LinkId { key, .. }, stats, log, acknowledged } => {
            let position = (log, acknowledged);
            HttpReply::json(
                200,
                &StatsJson::of(&key, &link, stats.as_deref(), position, front.site()),
            )
        }
        answer => reply(answer, false, front.site()),
    }
}

/// A page of links, and perhaps their clicks.
async fn list(front: &Front, address: IpAddr, Paging { list, clicks }: Paging) -> HttpReply {
    let (links, next) = match front.ask(address, list).await {
        Answer::Page { links, next } => (links, next),
        answer => return reply(answer, false, front.site()),
    };
    let mut shown: Vec<LinkJson> =
        links.iter().map(|(key, link)| LinkJson::of(key, link, front.site())).collect();
    if clicks {
        let counts = together(links, |(key, link)| async move {
            let stats = front.link_stats(LinkId::of(key, &link)).await?;
            Some(link.earlier_clicks.saturating_add(stats.map_or(0, |stats| stats.of_people())))
        });
        for (shown, clicks) in shown.iter_mut().zip(counts.await) {
            // An unknown count must not look like zero.
            if clicks.is_none() {
                return unavailable("the tally did not answer in time");
            }
            shown.clicks = clicks;
        }
    }
    HttpReply::json(200, &ListPage::of(shown, next.as_ref()))
}

/// Makes links, each independently of the others.
async fn many(front: &Front, address: IpAddr, links: Vec<Result<NewLink, String>>) -> HttpReply {
    let results = together(links, |link| async move {
        let new = match link {
            Ok(new) => new,
            Err(error) => return BulkResult { status: 400, link: None, error: Some(error) },
        };
        let answer = front.ask(address, Ask::Create(new)).await;
        outcome(answer, front.site())
    });
    HttpReply::json(200, &BulkResults { results: results.await })
}

/// Runs this for all items, some at a time. The results are in the order of the items.
async fn together<I, O, F: Future<Output = O>>(items: Vec<I>, each: impl Fn(I) -> F) -> Vec<O> {
    stream::iter(items).map(each).buffered(AT_ONCE).collect().await
}
