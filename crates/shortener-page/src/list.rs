//! All links, or those that a search finds, page by page and the newest first.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use crate::frame::{self, Here};
use crate::{Pages, look};
use shortener_api::{parse_positions, positions};
use url_shortener::server::now;
use url_shortener::{Answer, Ask, Key, Link, LinkId, MAX_SEARCH_BYTES};

/// Links on a page.
const LIMIT: u32 = 25;

/// A link, and how often it was followed.
type Row = (Key, Link, u64);

pub(crate) async fn show(page: State<Arc<Pages>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visitor = match page.admit(&parts.headers) {
        Ok(visitor) => visitor,
        Err(login) => return *login,
    };
    let uri = &parts.uri;
    let search = look::parameter(uri, "search").unwrap_or_default();
    let search = search.trim();
    let after = look::parameter(uri, "after");
    let below = after.as_deref().map(parse_positions);
    if search.len() > MAX_SEARCH_BYTES || below == Some(None) {
        let why = "The search is too long, or the address of this page is not one that it gave.";
        return *visitor.refuse(StatusCode::BAD_REQUEST, why);
    }
    let ask = Ask::Newest {
        below: below.flatten().unwrap_or_default(),
        limit: LIMIT,
        search: (!search.is_empty()).then(|| search.into()),
    };
    let (links, next) = match page.ask(&parts, ask).await {
        Answer::Newest { links, below } => (links, below),
        answer => return look::refused(&visitor, answer),
    };
    let mut rows = Vec::with_capacity(links.len());
    for (key, link) in links {
        let counted = page.clicks(LinkId::of(key.clone(), &link)).await;
        let clicks = counted.saturating_add(link.earlier_clicks);
        rows.push((key, link, clicks));
    }
    let next = next
        .map(|next| format!("/links?search={}&after={}", look::escape(search), positions(&next)));
    let content = html! {
        h1 { "Links" }
        (search_form(search))
        (found(&page.0, &rows, search, after.is_some(), next.is_some()))
        (pages(search, after.is_some(), next.as_deref()))
    };
    visitor.page(StatusCode::OK, frame::page(&visitor, "Links", Here::Links, content))
}

fn search_form(search: &str) -> Markup {
    html! {
        form.card role="search" method="get" action="/links" {
            div.together {
                div.grow {
                    label for="search" { "Search in codes, addresses, titles and tags" }
                    input id="search" name="search" type="search" value=(search) autocomplete="off";
                }
                button type="submit" { "Search" }
            }
        }
    }
}

fn found(page: &Pages, rows: &[Row], search: &str, is_later: bool, is_more: bool) -> Markup {
    let (site, now) = (page.api.front().site(), now());
    html! {
        div.card {
            @if rows.is_empty() {
                p role="status" {
                    @if search.is_empty() { "No links " } @else { "Nothing found for “" (search) "” " }
                    @if is_more { "here; the search goes on." }
                    @else if is_later { "any more." }
                    @else { "yet." }
                }
                @if search.is_empty() && !is_later {
                    p { a.button href="/" { "Make the first one" } }
                }
            } @else {
                p.faint role="status" id="found" {
                    (rows.len()) @if rows.len() == 1 { " link" } @else { " links" }
                    @if !search.is_empty() { " found for “" (search) "”" }
                    @if is_more { ", and more on the next page" }
                }
                // On a narrow screen its parts are no longer laid out as a table, and still are one.
                table.folds role="table" aria-labelledby="found" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th role="columnheader" scope="col" { "Short link" }
                            th role="columnheader" scope="col" { "Leads to" }
                            th.number role="columnheader" scope="col" { "Clicks" }
                        }
                    }
                    tbody role="rowgroup" {
                        @for (key, link, clicks) in rows {
                            tr role="row" {
                                th role="rowheader" scope="row" {
                                    a.code href=(look::address(key)) { (short(&site.short_url(key))) }
                                    @if !link.is_live(now) { " " (ended()) }
                                }
                                td role="cell" {
                                    @if let Some(title) = &link.title { strong.wrap { (title) } }
                                    span.clip.faint title=(link.url) { (link.url) }
                                    (tags(link))
                                }
                                td.number role="cell" { (clicks) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn pages(search: &str, is_later: bool, next: Option<&str>) -> Markup {
    html! {
        nav.pages aria-label="Pages of links" {
            span {
                @if is_later {
                    a href={ "/links?search=" (look::escape(search)) } { "Back to the first page" }
                }
            }
            @if let Some(next) = next { a.button.quiet href=(next) rel="next" { "Next page" } }
        }
    }
}

/// The tags of a link.
pub(crate) fn tags(link: &Link) -> Markup {
    html! {
        @if !link.tags.is_empty() {
            ul.tags aria-label="Tags" { @for tag in &link.tags { li { (tag) } } }
        }
    }
}

/// That a link leads nowhere any more.
pub(crate) fn ended() -> Markup {
    html! { span.ended { "Ended" } }
}

/// Without what every link begins with.
pub(crate) fn short(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}
