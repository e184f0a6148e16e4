//! The front end: each request is handed to the instance, each answer to the request that waits for it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use host::http::{self, ClientAddress};
use host::{Asked, FRONT_END};
use machine::Input;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::counts::Counts;
use super::keys::Keys;
use super::salt::Salt;
use super::staff::Staff;
use super::{api, page, redirect};
use crate::site::Site;
use crate::target::Targets;
use crate::wire::{self, Form, Reply};
use crate::{Answer, Ask, LinkId, LinkStats, Message};

/// For an answer: longer than an instance waits for a shard.
const PATIENCE: Duration = Duration::from_secs(10);
/// In bytes: a link with a target, a title and tags of the greatest lengths, all of it escaped.
const LONGEST_BODY: usize = 64 << 10;
/// In bytes: a thousand links.
const LONGEST_BULK: usize = 4 << 20;
/// So many requests may have a body of that size.
const MOST_BULKS: usize = 8;

/// What all requests share.
pub(super) struct Front {
    pub(super) staff: Staff,
    pub(super) site: Arc<Site>,
    pub(super) targets: Targets,
    pub(super) keys: Keys,
    pub(super) salt: Salt,
    /// Is the last address of `X-Forwarded-For` believed, when a proxy of this computer says it?
    pub(super) behind_proxy: bool,
    /// Is a visitor's query appended, where a link does not say?
    pub(super) forward_query: bool,
    pub(super) counts: Counts,
    pub(super) bulks: Semaphore,
}

impl Front {
    pub(super) fn bulks() -> Semaphore {
        Semaphore::new(MOST_BULKS)
    }

    /// The page, redirects, and everything below `/api/`.
    pub(super) fn routes(self: Arc<Self>) -> Router {
        page::routes(self.clone()).merge(Router::new().fallback(handle).with_state(self))
    }

    /// Who asks.
    pub(super) fn address(&self, parts: &Parts) -> IpAddr {
        let visitor = parts.extensions.get::<ClientAddress>();
        // `host::http` names one with every request.
        let peer = visitor.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |visitor| visitor.0.ip());
        if !(self.behind_proxy && peer.is_loopback()) {
            return peer;
        }
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|header| header.to_str().ok()?.rsplit(',').next());
        last.and_then(|last| last.trim().parse().ok()).unwrap_or(peer)
    }

    /// Programs and pages that name this service as the one they ask; the `Host` of a custom domain
    /// leads to redirects and nothing else.
    pub(super) fn is_ours(&self, parts: &Parts) -> Result<(), Reply> {
        let mut hosts = hosts(parts).peekable();
        if hosts.peek().is_none() || !hosts.all(|host| self.site.is_own(host)) {
            return Err(match parts.headers.get(HOST).and_then(|host| host.to_str().ok()) {
                Some(host) if self.site.domain_of(host).is_some() => {
                    Reply::error(421, "this domain has links and nothing else")
                }
                _ => strange_host(),
            });
        }
        let public = Some(self.site.origin());
        match http::is_cross_origin(&parts.method, &parts.headers, &parts.uri, public) {
            false => Ok(()),
            true => Err(Reply::error(403, "only pages of this service may ask")),
        }
    }

    /// And who has a key, where there are keys.
    pub(super) fn admit(&self, parts: &Parts) -> Result<(), Reply> {
        let key = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        match self.keys.admit(key) {
            true => Ok(()),
            false => Err(Reply::error(401, "a key is needed, as in: Authorization: Bearer KEY")
                .with(WWW_AUTHENTICATE.as_str(), "Bearer")),
        }
    }

    /// Asks the instance for whoever is behind this address.
    pub(super) async fn ask(&self, address: IpAddr, ask: Ask) -> Answer {
        // Whoever is not there would be waited for.
        let goes_on = match &ask {
            Ask::List { after: Some(cursor), .. } => self.staff.can_go_on(cursor),
            Ask::Newest { below, .. } => self.staff.has_shards(below.len()),
            _ => true,
        };
        if !goes_on {
            return Answer::Refused("no list of this service goes on there");
        }
        self.staff.instance.room().await;
        let client = self.salt.client(address);
        let asked = self.staff.desks().answers.ask(
            &self.staff.instance,
            |token| Message::Ask { token, client, ask },
            |asked, message| match message {
                Message::Answer { token, answer } if token == asked => ControlFlow::Break(answer),
                message => ControlFlow::Continue(message),
            },
        );
        match asked {
            // No shard had to be asked.
            Asked::Answered(answer) => answer,
            // Boxed, as what is below: every redirect would pay for the room that waiting takes.
            Asked::Waits(place) => match Box::pin(timeout(PATIENCE, place.answer())).await {
                Ok(answer) => answer.unwrap_or(STOPPING),
                Err(_) => Answer::Unavailable("there was no answer in time"),
            },
            Asked::Stopped => STOPPING,
        }
    }

    /// Asks the tally what it has counted; none where it does not say in time.
    pub(super) async fn counted(&self, link: LinkId) -> Option<Option<Arc<LinkStats>>> {
        self.staff.tally.room().await;
        let place = self.staff.desks().told.wait();
        let message = Message::Tell { call: place.token, link };
        if !self.staff.tally.input(Input::Message { from: FRONT_END, message }) {
            return None;
        }
        timeout(PATIENCE, place.answer()).await.ok().flatten()
    }
}

const STOPPING: Answer = Answer::Unavailable("the server is stopping");

/// All names that a request gives whom it asks.
pub(super) fn hosts(parts: &Parts) -> impl Iterator<Item = &str> {
    http::hosts(&parts.headers, &parts.uri)
}

/// Nobody is asked whom this request names.
pub(super) fn strange_host() -> Reply {
    let why = "the Host of this request is no name of this service; serve it with --public-url or \
               --domain";
    Reply::error(421, why)
}

async fn handle(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/robots.txt" {
        return redirect::robots(&front, &parts);
    }
    if let Some(code) = wire::code_of(parts.uri.path()) {
        let reply = redirect::visit(&front, &parts, code).await;
        // A person who is led nowhere is told so by a page.
        let leads_nowhere = reply.status >= 400 && wants_page(&parts.headers);
        return match leads_nowhere && front.is_ours(&parts).is_ok() {
            true => page::leads_nowhere(&parts.headers, respond(reply)),
            false => respond(reply),
        };
    }
    let carried_out = Box::pin(api::carry_out(&front, &parts, body));
    respond(carried_out.await.unwrap_or_else(|reply| reply))
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"text/html"))
}

/// All of a body.
pub(super) async fn read_body(body: Body, is_bulk: bool) -> Result<Bytes, Reply> {
    let most = if is_bulk { LONGEST_BULK } else { LONGEST_BODY };
    http::body(body, most).await.map_err(|bad| Reply::error(bad.status().as_u16(), bad))
}

/// The response that this reply is.
pub(super) fn respond(reply: Reply) -> Response {
    let Reply { status, form, body, cache_control, header } = reply;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // What stands in a header of ours was checked when it was read.
    let value = |text| match text {
        Cow::Borrowed(fixed) => Some(HeaderValue::from_static(fixed)),
        Cow::Owned(made) => HeaderValue::try_from(made).ok(),
    };
    if let Some(cache_control) = value(cache_control) {
        headers.insert(CACHE_CONTROL, cache_control);
    }
    if form == Form::Json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some((name, text)) = header
        && let Some(value) = value(text)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
    response
}
