//! Visits. Everything that a redirect out of the cache costs is in this file: one lock of the
//! instance, no place among requests that wait, no switch of tasks.

use std::net::IpAddr;

use axum::http::header::{CONTENT_TYPE, REFERER, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};
use axum::response::{IntoResponse, Response};

use host::http::{self, HttpReply};

use super::front::Front;
use super::{reply, visitor};
use crate::{Ask, Click, Device, Key, is_code};

/// The code that this path asks for, if it is the path of a link. People write a slash behind it.
pub fn code_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    Some(rest.strip_suffix('/').unwrap_or(rest)).filter(|code| is_code(code))
}

/// Leads a visitor to where the link of this code points. A `HEAD` is a visit too: whoever asks
/// wants to know where it leads; it is counted apart from those of people.
pub(super) async fn visit(front: &Front, parts: &Parts, code: &str) -> HttpReply {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return HttpReply::error(405, "a link is followed with GET or HEAD")
            .with("allow", "GET, HEAD");
    }
    let mut domains = hosts(parts).map(|host| front.site.domain_of(host));
    // A request may name whom it asks more than once; it is then to mean the same.
    let Some(Some(domain)) = domains.next() else { return strange_host() };
    if !domains.all(|other| other.as_ref() == Some(&domain)) {
        return strange_host();
    }
    let key = Key { domain, code: code.into() };
    let address = front.address(parts);
    let ask = Ask::Visit(click(front, parts, key, address));
    let answer = front.ask(address, ask).await;
    front.counts.visited(&answer);
    let query = parts.uri.query().filter(|query| !query.is_empty());
    reply::visit(answer, query, front.forward_query)
}

/// What crawlers may follow: links, and nothing that is their owners'.
pub(super) fn robots(front: &Front, parts: &Parts) -> Response {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return HttpReply::error(405, "this is read with GET or HEAD")
            .with("allow", "GET, HEAD")
            .into_response();
    }
    if !hosts(parts).any(|host| front.site.domain_of(host).is_some()) {
        return strange_host().into_response();
    }
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], ROBOTS).into_response()
}

const ROBOTS: &str = "# Short links may be followed. What their owners see is theirs.\n\
                      User-agent: *\nDisallow: /api/\nDisallow: /links$\nDisallow: /links/\n\
                      Disallow: /links?\nDisallow: /login\n";

/// All names that a request gives whom it asks.
pub(super) fn hosts(parts: &Parts) -> impl Iterator<Item = &str> {
    http::hosts(&parts.headers, &parts.uri)
}

/// Nobody is asked whom this request names.
pub(super) fn strange_host() -> HttpReply {
    let why = "the Host of this request is no name of this service; serve it with --public-url or \
               --domain";
    HttpReply::error(421, why)
}

fn click(front: &Front, parts: &Parts, key: Key, address: IpAddr) -> Click {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let browser = text(USER_AGENT).unwrap_or_default();
    Click {
        key,
        // The instance sets it.
        at_ms: 0,
        visitor: front.salt.visitor(address, browser.as_bytes()),
        referrer: text(REFERER).and_then(visitor::referrer),
        device: if parts.method == Method::HEAD {
            Device::Head
        } else if visitor::is_ahead(|name| {
            parts.headers.get(name).and_then(|value| value.to_str().ok())
        }) {
            Device::Prefetch
        } else {
            visitor::device(browser)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_links_are_codes() {
        assert_eq!(code_of("/aZ9-_"), Some("aZ9-_"));
        assert_eq!(code_of("/aZ9-_/"), Some("aZ9-_"));
        for other in ["/", "//", "", "x", "/a//", "//a", "/a/b", "/a.txt", "/%61", "/ü"] {
            assert_eq!(code_of(other), None, "{other}");
        }
        assert_eq!(code_of(&format!("/{}", "x".repeat(crate::LONGEST_CODE + 1))), None);
    }
}
