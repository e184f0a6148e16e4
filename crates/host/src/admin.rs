//! The admin address: what a server counts, for Prometheus, and how it is, for people.

use std::net::IpAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use machine::Inspection;

use crate::http;
use crate::metrics::Metrics;

/// `/metrics` in Prometheus' text form, and `/health`: the machine's role and state, with status 503
/// once it has stopped. For a listener of its own, at `bound`.
pub fn admin(
    metrics: Metrics,
    inspect: impl Fn() -> Option<Inspection> + Clone + Send + Sync + 'static,
    bound: IpAddr,
) -> Router {
    let numbers = move || async move {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.text())
    };
    let health = move || async move {
        match inspect() {
            Some(Inspection { role, state }) => (StatusCode::OK, format!("{role}: {state}\n")),
            None => (StatusCode::SERVICE_UNAVAILABLE, "the machine has stopped\n".to_owned()),
        }
    };
    let nothing = || async {
        http::error(StatusCode::NOT_FOUND, "there are /metrics and /health").into_response()
    };
    let routes = Router::new().route("/metrics", get(numbers)).route("/health", get(health));
    http::only_ours(routes.fallback(nothing), bound)
}
