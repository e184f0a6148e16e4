//! The page of a link: where it leads, and how often it was followed.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use machine::Wall;
use maud::{Markup, html};

use crate::frame::{self, Here};
use crate::{Pages, Visitor, chart, list, look};
use shortener_api::Timestamp;
use url_shortener::server::now;
use url_shortener::{Answer, Ask, Key, Link, LinkId, LinkStats};

pub(crate) async fn show(
    page: State<Arc<Pages>>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (visitor, key, link) = match page.look(&code, &parts).await {
        Ok(found) => found,
        Err(refused) => return *refused,
    };
    let stats = match page.ask(&parts, Ask::Stats(LinkId::of(key.clone(), &link))).await {
        Answer::Stats { stats, .. } => stats.unwrap_or_default(),
        answer => return look::refused(&visitor, answer),
    };
    let short_url = page.api.front().site().short_url(&key);
    let said = |word| look::parameter(&parts.uri, word).is_some();
    let done = if said("made") {
        Some("Your short link is made, and kept.")
    } else {
        said("changed").then_some("The link is changed, and the change is kept.")
    };
    let https = said("https")
        .then_some(" It began with neither http:// nor https://, so https:// was put before it.");
    let now = now();
    let name = link.title.as_deref().unwrap_or_else(|| list::short(&short_url));
    let content = html! {
        @if let Some(done) = done { div.notice.good role="status" { p { (done) (https.unwrap_or_default()) } } }
        h1 { (name) }
        section.card aria-label="The link" {
            div.short {
                a href=(short_url) rel="noreferrer" { (list::short(&short_url)) }
                @if !link.is_live(now) { (list::ended()) }
                button.quiet type="button" hidden data-copy=(short_url) { "Copy" }
                a.button.quiet href=(look::edit_address(&key)) { "Change" }
            }
            (facts(&link, now))
        }
        (counted(&link, &stats, now))
        (delete_form(&visitor, &key))
    };
    visitor.page(StatusCode::OK, frame::page(&visitor, name, Here::Links, content))
}

fn facts(link: &Link, now: Wall) -> Markup {
    let status: &str = link.status.into();
    html! {
        dl.facts {
            dt { "Leads to" }
            dd { a href=(link.url) rel="noreferrer noopener" { (link.url) } }
            dt { "Made" }
            dd { (moment(link.created_at)) }
            @if let Some(expires_at) = link.expires_at {
                @if link.is_live(now) {
                    dt { "Ends" }
                    dd { (moment(expires_at)) }
                } @else {
                    dt { "Ended" }
                    dd { (moment(expires_at)) }
                }
            }
            dt { "Redirect" }
            dd { (status) }
            @if let Some(forwards) = link.forward_query {
                dt { "A visitor’s query" }
                dd { @if forwards { "goes on to the long address" } @else { "stays here" } }
            }
            @if !link.tags.is_empty() {
                dt { "Tags" }
                dd { (list::tags(link)) }
            }
        }
    }
}

/// To the minute.
fn moment(at: Wall) -> Markup {
    let text = Timestamp::from(at).to_string();
    let shown = text.get(..16).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) { (shown) " UTC" } }
}

/// What JavaScript puts afresh in its place.
fn counted(link: &Link, stats: &LinkStats, now: Wall) -> Markup {
    let all = stats.of_people().saturating_add(link.earlier_clicks);
    let version = stats.clicks.saturating_add(link.earlier_clicks);
    let clicks = if all == 1 { "1 click".to_owned() } else { format!("{all} clicks") };
    html! {
        div id="stats" data-version=(version) data-says=(clicks) {
            dl.figures {
                div { dt { "Clicks" } dd id="clicks" { (all) } }
                div {
                    dt { "Visitor-days, about" }
                    dd id="visitor-days" { (stats.visitor_days()) }
                }
                @if link.earlier_clicks > 0 {
                    div { dt { "Before the import" } dd { (link.earlier_clicks) } }
                }
            }
            div.charts {
                (chart::hours(&stats.by_hour, now))
                (chart::days(&stats.by_day, now))
                (chart::referrers(stats))
                (chart::devices(stats))
                (chart::programs(stats))
            }
        }
    }
}

fn delete_form(visitor: &Visitor, key: &Key) -> Markup {
    html! {
        details {
            summary { "Take this link away" }
            form.card method="post" action={ "/links/" (key.code) "/delete" } {
                (visitor.token.field())
                input type="hidden" name="domain" value=(key.domain);
                p { "Whoever follows it afterwards finds nothing. This cannot be undone." }
                button.danger type="submit" { "Take it away for good" }
            }
        }
    }
}
