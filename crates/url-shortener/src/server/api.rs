//! The programming interface: what comes below `/api/`.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::request::Parts;
use futures_util::{StreamExt, stream};

use super::front::{Front, read_body};
use super::now;
use crate::wire::{self, Asked, Counted, Meant, Outcome, Outcomes, Page, Paging, Reply, Shown};
use crate::{Answer, Ask, Key, LinkId, NewLink};

/// So many questions of one request are under way at the same time.
const AT_ONCE: usize = 128;
const BULK: &str = "/api/links/bulk";

/// What comes of this request.
///
/// # Errors
/// With the reply, if it makes no sense or may not be asked.
pub(super) async fn carry_out(front: &Front, parts: &Parts, body: Body) -> Result<Reply, Reply> {
    front.is_ours(parts)?;
    front.admit(parts)?;
    let path = parts.uri.path();
    let is_bulk = path == BULK;
    // A large body has a place before any of it is read.
    let _place = match is_bulk {
        true => front.bulks.acquire().await.ok(),
        false => None,
    };
    let asked = Asked {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        body: read_body(body, is_bulk).await?,
    };
    let address = front.address(parts);
    Ok(match wire::read(&asked, &front.site, &front.targets, now())? {
        Meant::Stats(key) => stats(front, address, key).await,
        Meant::Ask(ask) => {
            let created = matches!(ask, Ask::Create(_));
            let answer = front.ask(address, ask).await;
            if created && matches!(answer, Answer::Link(..)) {
                front.counts.created();
            }
            Reply::of(answer, created, &front.site)
        }
        Meant::List(paging) => list(front, address, paging).await,
        Meant::Bulk(links) => many(front, address, links).await,
        Meant::Shards => Reply::json(200, &front.staff.shards().await),
        Meant::AddShard => match front.staff.add_shard().await {
            Ok(shards) => Reply::json(202, &shards),
            Err(why) => Reply::error(409, why),
        },
    })
}

/// What was counted of a link that there is.
async fn stats(front: &Front, address: IpAddr, key: Key) -> Reply {
    let (key, link) = match front.ask(address, Ask::Look(key)).await {
        Answer::Link(key, link) => (key, link),
        answer => return Reply::of(answer, false, &front.site),
    };
    match front.ask(address, Ask::Stats(LinkId::of(key, &link))).await {
        Answer::Stats { link: LinkId { key, .. }, stats, log, acknowledged } => {
            let position = (log, acknowledged);
            Reply::json(200, &Counted::of(&key, &link, stats.as_deref(), position, &front.site))
        }
        answer => Reply::of(answer, false, &front.site),
    }
}

/// Some links, and perhaps how often each was followed.
async fn list(front: &Front, address: IpAddr, Paging { list, clicks }: Paging) -> Reply {
    let (links, next) = match front.ask(address, list).await {
        Answer::Page { links, next } => (links, next),
        answer => return Reply::of(answer, false, &front.site),
    };
    let mut shown: Vec<Shown> =
        links.iter().map(|(key, link)| Shown::of(key, link, &front.site)).collect();
    if clicks {
        let counts = together(links, |(key, link)| async move {
            let stats = front.counted(LinkId::of(key, &link)).await?;
            Some(link.earlier_clicks.saturating_add(stats.map_or(0, |stats| stats.of_people())))
        });
        for (shown, clicks) in shown.iter_mut().zip(counts.await) {
            // A number that is not known is not nought.
            if clicks.is_none() {
                return Reply::unavailable("the tally did not answer in time");
            }
            shown.clicks = clicks;
        }
    }
    Reply::json(200, &Page::of(shown, next.as_ref()))
}

/// Makes many links, each by itself.
async fn many(front: &Front, address: IpAddr, links: Vec<Result<NewLink, String>>) -> Reply {
    let results = together(links, |link| async move {
        let new = match link {
            Ok(new) => new,
            Err(error) => return Outcome { status: 400, link: None, error: Some(error) },
        };
        let answer = front.ask(address, Ask::Create(new)).await;
        if matches!(answer, Answer::Link(..)) {
            front.counts.created();
        }
        Reply::outcome(answer, &front.site)
    });
    Reply::json(200, &Outcomes { results: results.await })
}

/// Does this to all of them, some at the same time; what came of each, in their order.
async fn together<I, O, F: Future<Output = O>>(items: Vec<I>, each: impl Fn(I) -> F) -> Vec<O> {
    stream::iter(items).map(each).buffered(AT_ONCE).collect().await
}
