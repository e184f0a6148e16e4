//! The programming interface: what comes below `/api/`.

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
    Blocked, Changes, Counted, ListPage, Outcome, Outcomes, Shown, Targets, Wanted, Wrong,
};

/// So many questions of one request are under way at the same time.
const AT_ONCE: usize = 128;
const BULK: &str = "/api/links/bulk";

/// In bytes: a link with a target, a title and tags of the greatest lengths, all of it escaped.
const LONGEST_BODY: usize = 64 << 10;
/// In bytes: a thousand links.
const LONGEST_BULK: usize = 4 << 20;
/// So many requests may have a body of that size.
const MOST_BULKS: usize = 8;

/// What answers requests below `/api/`, in front of an instance.
pub struct Api {
    front: Arc<Front>,
    targets: Targets,
    bulks: Semaphore,
}

impl Api {
    /// The interface of this service, whose links lead to nothing that is blocked.
    pub fn new(front: Arc<Front>, blocked: Blocked) -> Api {
        let targets = Targets::new(front.site().clone(), blocked);
        Api { front, targets, bulks: Semaphore::new(MOST_BULKS) }
    }

    /// The front end, which asks the instance.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// What to ask for, for whoever wants such a link.
    ///
    /// # Errors
    /// If there can be no such link, with the reason.
    pub fn check(&self, wanted: Wanted) -> Result<NewLink, Wrong> {
        wanted.check(self.front.site(), &self.targets, now())
    }

    /// What to ask for, for whoever wants to change a link so.
    ///
    /// # Errors
    /// If no link can be so, with the reason.
    pub fn check_changes(&self, changes: Changes) -> Result<Edit, Wrong> {
        changes.check(&self.targets)
    }

    /// Answers a request.
    pub async fn respond(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        carry_out(self, &parts, body).await.unwrap_or_else(|refused| refused).into_response()
    }
}

/// All of a body.
///
/// # Errors
/// If it is too long, or does not come as a whole.
pub async fn read_body(body: Body, is_bulk: bool) -> Result<Bytes, HttpReply> {
    let most = if is_bulk { LONGEST_BULK } else { LONGEST_BODY };
    http::body(body, most).await.map_err(|bad| HttpReply::error(bad.status().as_u16(), bad))
}

/// What comes of this request.
///
/// # Errors
/// With the reply, if it makes no sense or may not be asked.
async fn carry_out(api: &Api, parts: &Parts, body: Body) -> Result<HttpReply, HttpReply> {
    let front = &*api.front;
    front.reject_foreign_hosts(parts)?;
    front.require_key(parts)?;
    let path = parts.uri.path();
    let is_bulk = path == BULK;
    // A large body has a place before any of it is read.
    let _place = match is_bulk {
        true => api.bulks.acquire().await.ok(),
        false => None,
    };
    let asked = ApiRequest {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        body: read_body(body, is_bulk).await?,
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

/// What was counted of a link that there is.
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
                &Counted::of(&key, &link, stats.as_deref(), position, front.site()),
            )
        }
        answer => reply(answer, false, front.site()),
    }
}

/// Some links, and perhaps how often each was followed.
async fn list(front: &Front, address: IpAddr, Paging { list, clicks }: Paging) -> HttpReply {
    let (links, next) = match front.ask(address, list).await {
        Answer::Page { links, next } => (links, next),
        answer => return reply(answer, false, front.site()),
    };
    let mut shown: Vec<Shown> =
        links.iter().map(|(key, link)| Shown::of(key, link, front.site())).collect();
    if clicks {
        let counts = together(links, |(key, link)| async move {
            let stats = front.counted(LinkId::of(key, &link)).await?;
            Some(link.earlier_clicks.saturating_add(stats.map_or(0, |stats| stats.of_people())))
        });
        for (shown, clicks) in shown.iter_mut().zip(counts.await) {
            // A number that is not known is not nought.
            if clicks.is_none() {
                return unavailable("the tally did not answer in time");
            }
            shown.clicks = clicks;
        }
    }
    HttpReply::json(200, &ListPage::of(shown, next.as_ref()))
}

/// Makes many links, each by itself.
async fn many(front: &Front, address: IpAddr, links: Vec<Result<NewLink, String>>) -> HttpReply {
    let results = together(links, |link| async move {
        let new = match link {
            Ok(new) => new,
            Err(error) => return Outcome { status: 400, link: None, error: Some(error) },
        };
        let answer = front.ask(address, Ask::Create(new)).await;
        outcome(answer, front.site())
    });
    HttpReply::json(200, &Outcomes { results: results.await })
}

/// Does this to all of them, some at the same time; what came of each, in their order.
async fn together<I, O, F: Future<Output = O>>(items: Vec<I>, each: impl Fn(I) -> F) -> Vec<O> {
    stream::iter(items).map(each).buffered(AT_ONCE).collect().await
}
