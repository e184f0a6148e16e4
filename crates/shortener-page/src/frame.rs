//! The frame of every page: head, navigation and footer.

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Visitor;

/// Where in the navigation a page is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    Create,
    Links,
    Elsewhere,
}

/// A whole page.
pub(crate) fn page(visitor: &Visitor, title: &str, here: Here, content: Markup) -> Markup {
    let current = |place| (here == place).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · infralab url-shortener" }
                link rel="icon" href="/static/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/static/page.css";
                script src="/static/page.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    div."band top" {
                        a.brand href="/" {
                            (PreEscaped(include_str!("static/icon.svg")))
                            span { "infralab url-shortener" }
                        }
                        nav aria-label="Pages" {
                            a href="/" aria-current=[current(Here::Create)] { "New link" }
                            a href="/links" aria-current=[current(Here::Links)] { "Links" }
                            @if visitor.inside {
                                form method="post" action="/logout" {
                                    (visitor.token.field())
                                    button.plain type="submit" { "Leave" }
                                }
                            }
                        }
                    }
                }
                main.band id="main" tabindex="-1" { (content) }
                p.band.faint.small id="live" role="status" aria-live="polite" {}
                footer {
                    div.band {
                        span { "A system of infralab: small, real and breakable." }
                        a href="/api/openapi.json" { "OpenAPI document" }
                    }
                }
            }
        }
    }
}

/// A page that says why there is no other.
pub(crate) fn refusal(visitor: &Visitor, status: StatusCode, why: &str) -> Markup {
    let heading = match status {
        StatusCode::NOT_FOUND => "There is no such link",
        StatusCode::GONE => "Its time is over",
        StatusCode::TOO_MANY_REQUESTS => "A little slower, please",
        StatusCode::SERVICE_UNAVAILABLE => "Not at the moment",
        _ => "That did not work",
    };
    let content = html! {
        h1 { (heading) }
        p.lead { (why) }
        p { a.button href="/" { "Make a new link" } }
    };
    page(visitor, heading, Here::Elsewhere, content)
}
