//! `shorten` and `expand`: one link.

use hyper::Method;
use shortener_api::with_scheme;
use shortener_api::{Shown, Wanted};

use super::LinkArguments;
use super::client::Server;
use crate::exit::{Outcome, harmless, print};

pub(super) fn shorten(url: String, link: LinkArguments, server: &Server) -> Outcome {
    let LinkArguments { alias, domain, title, tags, expires_at, status, forward_query, json } =
        link;
    let added = with_scheme(&url);
    if let Some(whole) = &added {
        let said = format!("{url} is taken as {}", whole.trim());
        anstream::eprintln!("infralab: {}", harmless(&said));
    }
    let url = added.unwrap_or(url);
    let wanted = Wanted {
        url,
        alias,
        domain,
        title,
        tags,
        expires_at,
        status,
        forward_query,
        ..Wanted::default()
    };
    let answer = server.client()?.ask(Method::POST, "/api/links", Some(&wanted))?;
    let shown: Shown = answer.wanted()?;
    print(&format!("{}\n", if json { answer.text() } else { shown.short_url }))
}

pub(super) fn expand(code: &str, domain: Option<&str>, json: bool, server: &Server) -> Outcome {
    let answer = server.client()?.ask(Method::GET, &path(code, domain), None::<&()>)?;
    let shown: Shown = answer.wanted()?;
    print(&format!("{}\n", if json { answer.text() } else { shown.url }))
}

/// Where a link is asked for. What is no code is the server's to refuse.
pub(super) fn path(code: &str, domain: Option<&str>) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let domain = domain.map(|domain| format!("?domain={}", escaped(domain)));
    format!("/api/links/{}{}", escaped(code), domain.unwrap_or_default())
}
