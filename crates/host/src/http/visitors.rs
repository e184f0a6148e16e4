//! Who may ask: programs and pages of this computer.
//!
//! A web page from elsewhere can have a browser send requests to this computer, or have its own name
//! resolve to 127.0.0.1 (DNS rebinding). The browser still sends that page's name, as `Host` or
//! `Origin`, and by these such requests are known and turned away.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::error;

/// These routes, for those who name this computer as the one they ask. `bound` is the address at
/// which the server listens.
pub fn only_ours(routes: Router, bound: IpAddr) -> Router {
    routes.layer(middleware::from_fn_with_state(bound, guard))
}

/// Does the `Origin` of a request name a page of this computer? Pages from elsewhere have no
/// business here.
pub fn origin_is_ours(origin: &str, bound: IpAddr) -> bool {
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(|host| host_is_ours(host, bound))
}

async fn guard(State(bound): State<IpAddr>, request: Request, next: Next) -> Response {
    match strange(request.headers(), request.uri(), bound) {
        Some((status, why)) => error(status, why),
        None => next.run(request).await,
    }
}

fn strange(headers: &HeaderMap, uri: &Uri, bound: IpAddr) -> Option<(StatusCode, &'static str)> {
    let texts = |name| {
        let values = headers.get_all(name).into_iter();
        values.map(|value: &HeaderValue| value.to_str().unwrap_or("not a text"))
    };
    let named = uri.authority().map(|authority| authority.as_str());
    let mut hosts = texts(HOST).chain(named);
    if !headers.contains_key(HOST) || !hosts.all(|host| host_is_ours(host, bound)) {
        let why = "the Host of this request is not this computer; ask for localhost or 127.0.0.1";
        return Some((StatusCode::MISDIRECTED_REQUEST, why));
    }
    let elsewhere = texts(ORIGIN).any(|origin| !origin_is_ours(origin, bound));
    elsewhere.then_some((StatusCode::FORBIDDEN, "only pages of this computer may ask"))
}

/// Does the `Host` of a request name this computer? A server that listens at every address is asked
/// for by any of them; a page from elsewhere comes with a name.
pub fn host_is_ours(host: &str, bound: IpAddr) -> bool {
    let parts = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']'),
        None => Some(host.split_at(host.find(':').unwrap_or(host.len()))),
    };
    let Some((name, port)) = parts else { return false };
    if !port.is_empty() && port.strip_prefix(':').is_none_or(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    let ours = |ip: IpAddr| ip.is_loopback() || ip == bound || bound.is_unspecified();
    name.parse().is_ok_and(ours) || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn only_names_of_this_computer_are_ours() {
        for ours in ["localhost", "LOCALHOST:80", "127.0.0.1:7411", "127.8.8.8", "[::1]:1"] {
            assert!(host_is_ours(ours, HOME), "{ours}");
            assert!(origin_is_ours(&format!("http://{ours}"), HOME), "{ours}");
        }
        let foreign = ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80"];
        for foreign in foreign.into_iter().chain(["[::2]", "10.0.0.1", "localhost@evil", "["]) {
            assert!(!host_is_ours(foreign, HOME), "{foreign}");
        }
        assert!(!origin_is_ours("null", HOME));
        assert!(!origin_is_ours("file://localhost", HOME));
    }

    #[test]
    fn who_listens_everywhere_is_asked_for_by_any_number_but_by_no_name() {
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        assert!(
            host_is_ours("192.0.2.7:80", everywhere) && host_is_ours("[2001:db8::1]", everywhere)
        );
        assert!(!host_is_ours("evil.example:80", everywhere));
    }

    proptest! {
        #[test]
        fn no_host_makes_the_check_stumble(host in "\\PC{0,20}") {
            let _ = (host_is_ours(&host, HOME), origin_is_ours(&host, HOME));
        }
    }
}
