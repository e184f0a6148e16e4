//! The pages: the service for people, in a browser.
//!
//! The law: the pages decide nothing and ask the instance. They work without JavaScript, and load nothing
//! from elsewhere. Everything that others wrote is shown as text. No other site can submit a form through
//! a visitor's browser, because a form needs the token that this browser got with it.

mod chart;
mod create;
mod delete;
mod edit;
mod fields;
mod frame;
mod link;
mod list;
mod look;
mod sessions;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::Markup;

use sessions::Sessions;
use shortener_api::{Api, OPENAPI, read_body};
use token::Token;
use url_shortener::server::code_of;
use url_shortener::{Answer, Ask, Key, LinkId};

/// Nothing but what this server sends is loaded or run, and nothing is sent elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The paths of the pages, and the OpenAPI document.
pub fn routes(api: Arc<Api>) -> Router {
    let page = Arc::new(Pages { api, sessions: Sessions::default() });
    Router::new()
        .route("/", get(create::show).post(create::make))
        .route("/links", get(list::show))
        .route("/links/", get(list::show))
        .route("/links/{code}", get(link::show))
        .route("/links/{code}/edit", get(edit::show).post(edit::change))
        .route("/links/{code}/delete", post(delete::delete))
        .route("/login", get(sessions::show).post(sessions::enter))
        .route("/login/", get(sessions::show))
        .route("/logout", post(sessions::leave))
        .route("/static/page.css", fixed("text/css", include_str!("static/page.css")))
        .route("/static/page.js", fixed("text/javascript", include_str!("static/page.js")))
        .route("/static/icon.svg", fixed("image/svg+xml", include_str!("static/icon.svg")))
        .route("/api/openapi.json", fixed("application/json", OPENAPI))
        .method_not_allowed_fallback(no_such_method)
        .route_layer(middleware::from_fn_with_state(page.clone(), greet))
        .with_state(page)
}

/// The page for a person whose link leads nowhere, instead of this response. It sets no cookie, since
/// visitors fill in no forms.
pub fn leads_nowhere(headers: &HeaderMap, instead_of: Response) -> Response {
    let visitor = Visitor { token: Token::of(headers), inside: false, secure: false };
    let status = instead_of.status();
    let mut response = *visitor.refuse(status, look::why_nowhere(status));
    response.headers_mut().remove(SET_COOKIE);
    if let Some(seconds) = instead_of.headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, seconds.clone());
    }
    response
}

async fn greet(page: State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match page.api.front().reject_foreign_hosts(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(reply) => reply.into_response(),
    }
}

async fn no_such_method() -> Response {
    let why = "a page is looked at with GET or HEAD, and a form is sent with POST";
    host::http::error(StatusCode::METHOD_NOT_ALLOWED, why)
}

/// What the pages share.
struct Pages {
    api: Arc<Api>,
    sessions: Sessions,
}

/// Who looks at a page, and the token of the forms in it.
struct Visitor {
    token: Token,
    /// Shown in the frame: somebody came in with a key.
    inside: bool,
    /// Whether the browser may send its cookies only by TLS.
    secure: bool,
}

impl Pages {
    /// Asks the instance, in the name of whoever sent this request.
    async fn ask(&self, parts: &Parts, ask: Ask) -> Answer {
        let front = self.api.front();
        front.ask(front.address(parts), ask).await
    }

    /// How often people followed this link.
    async fn clicks(&self, link: LinkId) -> u64 {
        let stats = self.api.front().link_stats(link).await.flatten();
        stats.map_or(0, |stats| stats.of_people())
    }

    /// The visitor, if logged in, or a redirect to the login.
    fn admit(&self, headers: &HeaderMap) -> Result<Visitor, Box<Response>> {
        let visitor = self.visitor(headers);
        match visitor.inside || self.api.front().keys().is_empty() {
            true => Ok(visitor),
            false => Err(Box::new(see_other("/login"))),
        }
    }

    fn visitor(&self, headers: &HeaderMap) -> Visitor {
        Visitor {
            token: Token::of(headers),
            inside: self.sessions.is_inside(headers),
            secure: self.api.front().site().short_url(&Key::new("", "")).starts_with("https:"),
        }
    }

    /// The name of a link, if there can be one.
    fn key(&self, code: &str, domain: &str) -> Option<Key> {
        let path = format!("/{code}");
        let code = code_of(&path)?.into();
        Some(Key { domain: self.api.front().site().domain(Some(domain))?, code })
    }

    /// Reads a form, if it is one of ours.
    async fn form(
        &self,
        visitor: &Visitor,
        parts: &Parts,
        body: Body,
    ) -> Result<Form, Box<Response>> {
        let body = match read_body(parts, body, false).await {
            Ok(body) => body,
            Err(reply) => {
                let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_REQUEST);
                let why = "This form did not come as a whole, or it is too long. Nothing was done.";
                return Err(visitor.refuse(status, why));
            }
        };
        let form = Form(form_urlencoded::parse(&body).into_owned().collect());
        if !visitor.token.is_in(&form) {
            return Err(visitor.refuse(
                StatusCode::FORBIDDEN,
                "This form was not given to your browser by this page, or a long time ago, so \
                 nothing was done. Please go back, load the page again and send the form once more. \
                 Your browser has to accept cookies for it.",
            ));
        }
        Ok(form)
    }
}

/// What somebody filled in.
struct Form(Vec<(String, String)>);

impl Form {
    /// What is in this field, without the blanks around it; nothing where it is empty.
    fn field(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

impl Visitor {
    /// A page for them.
    fn page(&self, status: StatusCode, markup: Markup) -> Response {
        let fixed = [
            (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            // A stricter one would take the origin from our own forms.
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let mut response = (status, fixed, markup.into_string()).into_response();
        if let Some(cookie) = self.token.cookie(self.secure) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// A page that says why there is no other.
    fn refuse(&self, status: StatusCode, why: &str) -> Box<Response> {
        Box::new(self.page(status, frame::refusal(self, status, why)))
    }
}

fn see_other(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

fn fixed<S: Clone + Send + Sync + 'static>(
    kind: &'static str,
    text: &'static str,
) -> axum::routing::MethodRouter<S> {
    get(move || async move {
        // Never cached: it is small, and always fits the version of the page.
        let fixed = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")];
        (fixed, [(X_CONTENT_TYPE_OPTIONS, "nosniff")], text)
    })
}
