//! The front end: which request is whose, and who may ask.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use host::http::{self, ClientAddress, HttpReply};

use super::counts::ServerCounts;
use super::keys::Keys;
use super::nodes::Nodes;
use super::redirect::{self, hosts, strange_host};
use super::salt::Salt;
use super::shards::Shards;
use super::site::Site;

/// What all requests share.
pub struct Front {
    pub(super) nodes: Nodes,
    pub(super) site: Arc<Site>,
    pub(super) keys: Keys,
    pub(super) salt: Salt,
    /// Is the last address of `X-Forwarded-For` believed, when a proxy of this computer says it?
    pub(super) behind_proxy: bool,
    /// Is a visitor's query appended, where a link does not say?
    pub(super) forward_query: bool,
    pub(super) counts: ServerCounts,
}

/// What is served beside redirects. It stands on this crate, so whoever starts the server hands it in.
pub struct Beside {
    /// Paths of their own, such as those of pages. None of them is a link's.
    pub routes: Router,
    /// Answers what is neither such a path nor a link's.
    pub other: Handler,
    /// A page for a person whom a link leads nowhere, in the place of this response.
    pub leads_nowhere: fn(&HeaderMap, Response) -> Response,
}

/// Answers requests.
pub type Handler = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// Redirects, and where to go with everything else.
struct Routes {
    front: Arc<Front>,
    other: Handler,
    leads_nowhere: fn(&HeaderMap, Response) -> Response,
}

/// Redirects, and what is served beside them.
pub(super) fn routes(front: Arc<Front>, beside: Beside) -> Router {
    let Beside { routes, other, leads_nowhere } = beside;
    let redirects = Arc::new(Routes { front, other, leads_nowhere });
    routes.merge(Router::new().fallback(handle).with_state(redirects))
}

async fn handle(State(routes): State<Arc<Routes>>, request: Request) -> Response {
    let path = request.uri().path();
    if path != "/robots.txt" && redirect::code_of(path).is_none() {
        return (routes.other)(request).await;
    }
    let (front, (parts, _)) = (&routes.front, request.into_parts());
    let Some(code) = redirect::code_of(parts.uri.path()) else {
        return redirect::robots(front, &parts);
    };
    let reply = redirect::visit(front, &parts, code).await;
    // A person who is led nowhere is told so by a page.
    let leads_nowhere = reply.status >= 400 && wants_page(&parts.headers);
    match leads_nowhere && front.reject_foreign_hosts(&parts).is_ok() {
        true => (routes.leads_nowhere)(&parts.headers, reply.into_response()),
        false => reply.into_response(),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"text/html"))
}

impl Front {
    /// What the service is called.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Who may use the service.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Who sent this request, as far as limits go.
    pub fn client(&self, parts: &Parts) -> u64 {
        self.salt.client(self.address(parts))
    }

    /// How the shards stand.
    pub async fn shards(&self) -> Shards {
        self.nodes.shards().await
    }

    /// One more shard joins; how they stand when it was told.
    ///
    /// # Errors
    /// With a sentence, if none can join now.
    pub async fn add_shard(&self) -> Result<Shards, String> {
        self.nodes.add_shard().await
    }

    /// Who asks.
    pub fn address(&self, parts: &Parts) -> IpAddr {
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
    ///
    /// # Errors
    /// With the reply to everybody else.
    pub fn reject_foreign_hosts(&self, parts: &Parts) -> Result<(), HttpReply> {
        let mut hosts = hosts(parts).peekable();
        if hosts.peek().is_none() || !hosts.all(|host| self.site.is_own(host)) {
            return Err(match parts.headers.get(HOST).and_then(|host| host.to_str().ok()) {
                Some(host) if self.site.domain_of(host).is_some() => {
                    HttpReply::error(421, "this domain has links and nothing else")
                }
                _ => strange_host(),
            });
        }
        let public = Some(self.site.origin());
        match http::is_cross_origin(&parts.method, &parts.headers, &parts.uri, public) {
            false => Ok(()),
            true => Err(HttpReply::error(403, "only pages of this service may ask")),
        }
    }

    /// And who has a key, where there are keys.
    ///
    /// # Errors
    /// With the reply to everybody else.
    pub fn require_key(&self, parts: &Parts) -> Result<(), HttpReply> {
        let key = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        match self.keys.admit(key) {
            true => Ok(()),
            false => {
                Err(HttpReply::error(401, "a key is needed, as in: Authorization: Bearer KEY")
                    .with(WWW_AUTHENTICATE.as_str(), "Bearer"))
            }
        }
    }
}
