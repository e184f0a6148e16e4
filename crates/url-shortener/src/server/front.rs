//! The front end: routes requests, and checks who may ask.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use host::http::{self, HttpReply};
use host::{Node, Visitor};

use super::Member;
use super::keys::Keys;
use super::metrics::ServerMetrics;
use super::nodes::Nodes;
use super::redirect::{self, hosts, unknown_host};
use super::salt::Salt;
use super::site::Site;

/// The state that all requests share.
pub struct Front {
    pub(super) nodes: Nodes,
    pub(super) instance: Arc<Node<Member>>,
    pub(super) site: Arc<Site>,
    pub(super) keys: Keys,
    pub(super) salt: Salt,
    /// Is the last address of `X-Forwarded-For` trusted, if the request comes from this computer?
    pub(super) behind_proxy: bool,
    /// Is a visitor's query appended to the target, if the link does not say?
    pub(super) forward_query: bool,
    pub(super) counts: ServerMetrics,
}

/// What is served besides redirects. Its crates depend on this one, so the caller of `serve` passes it
/// in.
pub struct OtherRoutes {
    /// Fixed paths, such as those of pages. None of them can be a link's.
    pub routes: Router,
    /// Answers all other requests that are not for a link.
    pub other: Handler,
    /// Replaces an error response by a page, when a person followed a link that leads nowhere.
    pub leads_nowhere: fn(&HeaderMap, Response) -> Response,
}

/// Who asks: whoever is at the other end of a connection, and the address of the client.
#[derive(Clone, Debug)]
pub struct Asker {
    pub(super) visitor: Visitor,
    pub(super) address: IpAddr,
}

/// Answers requests.
pub type Handler = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// Where a request goes.
struct Routes {
    front: Arc<Front>,
    other: Handler,
    leads_nowhere: fn(&HeaderMap, Response) -> Response,
}

/// The router of redirects and everything else.
pub(super) fn routes(front: Arc<Front>, other_routes: OtherRoutes) -> Router {
    let OtherRoutes { routes, other, leads_nowhere } = other_routes;
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
    // A person gets a page, a program the plain error.
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
    /// The names of the service.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// The keys of the service.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The client of this request, as limits know it.
    pub fn client(&self, parts: &Parts) -> u64 {
        self.salt.client(self.asker(parts).address)
    }

    /// Who sent this request.
    pub fn asker(&self, parts: &Parts) -> Asker {
        let visitor = Visitor::of(&parts.extensions);
        let peer = visitor.address.ip();
        if !(self.behind_proxy && peer.is_loopback()) {
            return Asker { visitor, address: peer };
        }
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|header| header.to_str().ok()?.rsplit(',').next());
        let address = last.and_then(|last| last.trim().parse().ok()).unwrap_or(peer);
        Asker { visitor, address }
    }

    /// Admits requests for the service's own names, from no foreign page. Custom domains serve redirects
    /// only.
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
                _ => unknown_host(),
            });
        }
        let public = Some(self.site.origin());
        match http::is_cross_origin(&parts.method, &parts.headers, &parts.uri, public) {
            false => Ok(()),
            true => Err(HttpReply::error(403, "only pages of this service may ask")),
        }
    }

    /// Admits requests with a key, if the service has keys.
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
