//! Sessions, if the service has keys: a person logs in with a key, and is recognised by a cookie.

#![expect(clippy::disallowed_methods, reason = "sessions of real people end by a real clock")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use machine::{Time, nanos};
use maud::html;
use resilience::{Generations, TokenBucket};

use crate::frame::{self, Here};
use crate::token::{cookie, secret, set};
use crate::{Pages, Visitor, see_other};

const COOKIE: &str = "shortener-session";
/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// The most sessions at once. The oldest is ended first.
const MAX_SESSIONS: usize = 1000;
/// Wrong keys that one client may show at once, and how long it takes until it may show one more.
const TRIES: u32 = 5;
const TIME_PER_TRY: Duration = Duration::from_secs(12);
/// Clients whose wrong keys are surely remembered.
const GUESSING_CLIENTS: usize = 10_000;

/// Sessions, and failed logins. A restart forgets both.
pub(crate) struct Sessions {
    sessions: Mutex<BTreeMap<String, Instant>>,
    guesses: Mutex<Generations<u64, TokenBucket>>,
    began: Instant,
}

impl Default for Sessions {
    fn default() -> Sessions {
        let guesses = Mutex::new(Generations::new(GUESSING_CLIENTS));
        Sessions { sessions: Mutex::default(), guesses, began: Instant::now() }
    }
}

impl Sessions {
    /// May this client try a key now? If not, the error says in how long; the key is not checked.
    fn may_try(&self, client: u64, now: Time) -> Result<(), Duration> {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = guesses.get(&client) {
            return bucket.take(now);
        }
        let mut bucket = TokenBucket::every(TIME_PER_TRY, TRIES);
        let taken = bucket.take(now);
        guesses.insert(client, bucket);
        taken
    }

    /// The key was right: failed logins before it are forgotten.
    fn knew_one(&self, client: u64) {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner).remove(&client);
    }

    fn now(&self) -> Time {
        Time(nanos(self.began.elapsed()))
    }

    pub(crate) fn is_inside(&self, headers: &HeaderMap) -> bool {
        let began = cookie(headers, COOKIE).and_then(|name| self.sessions().get(name).copied());
        began.is_some_and(|began| began.elapsed() < SESSION)
    }

    fn enter(&self) -> String {
        let mut sessions = self.sessions();
        sessions.retain(|_, began| began.elapsed() < SESSION);
        let oldest = sessions.iter().min_by_key(|(_, began)| **began).map(|(name, _)| name.clone());
        if let Some(oldest) = oldest.filter(|_| sessions.len() >= MAX_SESSIONS) {
            sessions.remove(&oldest);
        }
        let name = secret();
        sessions.insert(name.clone(), Instant::now());
        name
    }

    fn leave(&self, headers: &HeaderMap) {
        if let Some(name) = cookie(headers, COOKIE) {
            self.sessions().remove(name);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        // No call on the map leaves it half changed, so a poisoned lock is harmless.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn show(page: State<Arc<Pages>>, headers: HeaderMap) -> Response {
    let visitor = page.visitor(&headers);
    if visitor.inside || page.api.front().keys().is_empty() {
        return see_other("/");
    }
    form(&visitor, StatusCode::OK, None)
}

pub(crate) async fn enter(page: State<Arc<Pages>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = page.visitor(&parts.headers);
    let shown = match page.form(&visitor, &parts, body).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    if page.api.front().keys().is_empty() {
        return see_other("/");
    }
    let client = page.api.front().client(&parts);
    if let Err(wait) = page.sessions.may_try(client, page.sessions.now()) {
        let seconds = wait.as_secs() + 1;
        let why = format!("These were too many tries. Please try again in {seconds} s.");
        let mut response = form(&visitor, StatusCode::TOO_MANY_REQUESTS, Some(&why));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    if !shown.field("key").is_some_and(|key| page.api.front().keys().has(key.as_bytes())) {
        return form(&visitor, StatusCode::FORBIDDEN, Some("This is not a key of the service."));
    }
    page.sessions.knew_one(client);
    let mut response = see_other("/");
    let session = set(COOKIE, &page.sessions.enter(), visitor.secure);
    response.headers_mut().append(SET_COOKIE, session);
    response
}

pub(crate) async fn leave(page: State<Arc<Pages>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = page.visitor(&parts.headers);
    if let Err(refused) = page.form(&visitor, &parts, body).await {
        return *refused;
    }
    page.sessions.leave(&parts.headers);
    let mut response = see_other("/login");
    let gone = HeaderValue::from_static("shortener-session=; Path=/; HttpOnly; Max-Age=0");
    response.headers_mut().append(SET_COOKIE, gone);
    response
}

fn form(visitor: &Visitor, status: StatusCode, wrong: Option<&str>) -> Response {
    let markup = html! {
        h1 { "Come in" }
        p.lead { "This service asks for a key before it shows or makes links." }
        form.card method="post" action="/login" {
            (visitor.token.field())
            @if let Some(why) = wrong {
                div.notice.bad role="alert" { p id="wrong" { (why) } }
            }
            div.together {
                div.grow {
                    label for="key" { "Key" }
                    input id="key" name="key" type="password" required autofocus
                        autocomplete="current-password" aria-invalid=[wrong.map(|_| "true")]
                        aria-describedby=[wrong.map(|_| "wrong")];
                }
                button type="submit" { "Come in" }
            }
        }
    };
    visitor.page(status, frame::page(visitor, "Come in", Here::Elsewhere, markup))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str) -> HeaderMap {
        let cookie = format!("{COOKIE}={name}").parse().unwrap();
        HeaderMap::from_iter([(axum::http::header::COOKIE, cookie)])
    }

    #[test]
    fn only_who_came_in_is_inside_until_they_leave() {
        let sessions = Sessions::default();
        let name = sessions.enter();
        assert!(sessions.is_inside(&headers(&name)));
        assert!(!sessions.is_inside(&headers(&secret())) && !sessions.is_inside(&HeaderMap::new()));
        sessions.leave(&headers(&name));
        assert!(!sessions.is_inside(&headers(&name)));
    }

    #[test]
    fn a_key_may_be_guessed_a_few_times_a_minute() {
        let sessions = Sessions::default();
        let tries = |client, seconds: u64| {
            let now = Time(0) + Duration::from_secs(seconds);
            (0..100).take_while(|_| sessions.may_try(client, now).is_ok()).count()
        };
        assert_eq!([tries(1, 0), tries(2, 0), tries(1, 11)], [5, 5, 0]);
        assert_eq!(sessions.may_try(1, Time(0)), Err(TIME_PER_TRY));
        assert_eq!([tries(1, 12), tries(1, 60)], [1, 4]);
        sessions.knew_one(1);
        assert_eq!(tries(1, 60), 5, "who has a key may mistype it again");
    }

    #[test]
    fn the_oldest_session_gives_way() {
        let sessions = Sessions::default();
        let names: Vec<_> = (0..=MAX_SESSIONS).map(|_| sessions.enter()).collect();
        assert!(!sessions.is_inside(&headers(&names[0])));
        assert!(names[1..].iter().all(|name| sessions.is_inside(&headers(name))));
    }
}
