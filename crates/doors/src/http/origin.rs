//! Who may ask: programs, and pages of this very server.
//!
//! A web page from elsewhere can have a browser send requests to this computer, or have its own name
//! resolve to 127.0.0.1 (DNS rebinding); and elsewhere is another port of this computer too, where
//! anything may be served. The browser still says which name it asks for (`Host`), and which page had
//! it ask (`Origin`, `Sec-Fetch-Site`), and by these such requests are known and turned away. Programs
//! say neither of the latter, and are let in.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::error;

/// These routes, for those who name this computer as the one they ask. `bound` is the address at
/// which the server listens.
pub fn reject_foreign_hosts(routes: Router, bound: IpAddr) -> Router {
    routes.layer(middleware::from_fn_with_state(bound, guard))
}

/// All names that a request gives whom it asks: none where it has no `Host`.
pub fn hosts<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> impl Iterator<Item = &'a str> {
    let named = uri.authority().map(|authority| authority.as_str());
    // Without a `Host` no other name counts.
    texts(headers, HOST.as_str()).chain(named.filter(|_| headers.contains_key(HOST)))
}

/// Did a page that is not of this server have a browser send this? A page of ours has the origin that
/// the request asks for, or, where a proxy shows the server under another one, `public` (such as
/// `https://sho.rt`). Following a link from elsewhere is allowed, since it changes nothing.
pub fn is_cross_origin(
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
    public: Option<&str>,
) -> bool {
    let ours = |origin: &str| {
        let asked_for = || hosts(headers, uri).all(|host| is_origin_of(origin, host));
        public.is_some_and(|public| origin.eq_ignore_ascii_case(public)) || asked_for()
    };
    if !texts(headers, ORIGIN.as_str()).all(ours) {
        return true;
    }
    let said = |name, words: &[&str]| texts(headers, name).all(|said| words.contains(&said));
    let only_looks = || {
        let mode = "sec-fetch-mode";
        method.is_safe() && headers.contains_key(mode) && said(mode, &["navigate"])
    };
    !said("sec-fetch-site", &["same-origin", "none"]) && !only_looks()
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).into_iter();
    values.map(|value: &HeaderValue| str::from_utf8(value.as_bytes()).unwrap_or("not a text"))
}

/// Is this the `Origin` of pages that come from this `Host`? What speaks HTTPS at our own port is a
/// proxy in front of us.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let (rest, port) = match origin.split_once("://") {
        Some(("http", rest)) => (rest, 80),
        Some(("https", rest)) => (rest, 443),
        _ => return false,
    };
    let same = |((name, port), (other, at)): ((&str, u16), (&str, u16))| {
        name.eq_ignore_ascii_case(other) && port == at
    };
    named(rest, port).zip(named(host, 80)).is_some_and(same)
}

/// The name and the port of a `Host`; where it says no port, this one.
fn named(host: &str, default: u16) -> Option<(&str, u16)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    match port.strip_prefix(':') {
        Some(port) => Some((name, port.parse().ok()?)),
        None => port.is_empty().then_some((name, default)),
    }
}

async fn guard(State(bound): State<IpAddr>, request: Request, next: Next) -> Response {
    match rejection(&request, bound) {
        Some((status, why)) => error(status, why),
        None => next.run(request).await,
    }
}

fn rejection(request: &Request, bound: IpAddr) -> Option<(StatusCode, &'static str)> {
    let (headers, uri) = (request.headers(), request.uri());
    let mut hosts = hosts(headers, uri).peekable();
    if hosts.peek().is_none() || !hosts.all(|host| is_own_host(host, bound)) {
        let why = "the Host of this request is not this computer; ask for localhost or 127.0.0.1";
        return Some((StatusCode::MISDIRECTED_REQUEST, why));
    }
    is_cross_origin(request.method(), headers, uri, None)
        .then_some((StatusCode::FORBIDDEN, "only pages of this server may ask"))
}

/// Does the `Host` of a request name this computer? A server that listens at every address is asked
/// for by any of them; a page from elsewhere comes with a name.
pub fn is_own_host(host: &str, bound: IpAddr) -> bool {
    let Some((name, _)) = named(host, 80) else { return false };
    let ours = |ip: IpAddr| ip.is_loopback() || ip == bound || bound.is_unspecified();
    name.parse().is_ok_and(ours) || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn from_elsewhere(method: &str, lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let (method, uri) = (method.parse().unwrap(), Uri::from_static("/x"));
        is_cross_origin(&method, &headers, &uri, Some("https://sho.rt"))
    }

    #[test]
    fn only_names_of_this_computer_are_ours() {
        for ours in ["localhost", "LOCALHOST:80", "127.0.0.1:7411", "127.8.8.8", "[::1]:1"] {
            assert!(is_own_host(ours, HOME), "{ours}");
        }
        let foreign = ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80"];
        for foreign in foreign.into_iter().chain(["[::2]", "10.0.0.1", "localhost@evil", "["]) {
            assert!(!is_own_host(foreign, HOME), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_another_port_is_from_elsewhere() {
        let host = ("host", "127.0.0.1:7441");
        for own in ["http://127.0.0.1:7441", "https://127.0.0.1:7441", "https://sho.rt"] {
            assert!(!from_elsewhere("POST", &[host, ("origin", own)]), "{own}");
        }
        for other in [
            "http://127.0.0.1:3000",
            "http://127.0.0.1",
            "http://localhost:7441",
            "http://sho.rt",
            "https://sho.rt.evil.example",
            "http://127.0.0.1:7441.evil.example",
            "null",
            "file://127.0.0.1:7441",
            "127.0.0.1:7441",
            "",
        ] {
            for method in ["POST", "GET"] {
                assert!(from_elsewhere(method, &[host, ("origin", other)]), "{method} {other}");
            }
        }
        let own = ("origin", "http://127.0.0.1:7441");
        assert!(from_elsewhere("POST", &[host, own, ("origin", "null")]), "all of them count");
        let asked = |host, origin| from_elsewhere("POST", &[("host", host), ("origin", origin)]);
        assert!(
            !asked("localhost", "http://LOCALHOST:80") && asked("localhost", "https://localhost")
        );
        assert!(!asked("[::1]:1", "http://[::1]:1"));
    }

    #[test]
    fn what_a_browser_says_of_the_page_counts_as_well() {
        let host = ("host", "127.0.0.1:7441");
        let said = |method, site, mode| {
            from_elsewhere(method, &[host, ("sec-fetch-site", site), ("sec-fetch-mode", mode)])
        };
        for site in ["same-origin", "none"] {
            assert!(!said("POST", site, "cors") && !said("GET", site, "navigate"), "{site}");
        }
        for site in ["cross-site", "same-site", "whatever"] {
            assert!(said("POST", site, "navigate"), "{site}: a form");
            assert!(said("GET", site, "no-cors"), "{site}: a picture");
            assert!(!said("GET", site, "navigate"), "{site}: a link that is followed");
            assert!(from_elsewhere("GET", &[host, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(!from_elsewhere("POST", &[host]), "a program says nothing of it");
    }

    #[test]
    fn who_listens_everywhere_is_asked_for_by_any_number_but_by_no_name() {
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        assert!(
            is_own_host("192.0.2.7:80", everywhere) && is_own_host("[2001:db8::1]", everywhere)
        );
        assert!(!is_own_host("evil.example:80", everywhere));
    }

    proptest! {
        #[test]
        fn no_host_makes_the_check_stumble(host in "\\PC{0,20}") {
            let _ = (is_own_host(&host, HOME), is_origin_of(&host, &host));
        }
    }
}
