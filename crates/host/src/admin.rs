//! The admin address: what a server counts, for Prometheus, and how it is, for people.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use doors::http;
use machine::Inspection;

use crate::metrics::Metrics;

/// What a system has at its admin address besides what every server has there.
#[derive(Clone, Default)]
pub struct AdminExtension {
    /// Paths of its own.
    pub routes: Router,
    /// Numbers that are looked up when somebody asks for them, in Prometheus' text form.
    pub numbers: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

/// `/metrics` in Prometheus' text form, and `/health`: a line for each machine, its role and state,
/// with status 503 while one is not well, and once one has stopped; and what the system has besides. For a listener of
/// its own, at `bound`.
pub fn admin(
    metrics: Metrics,
    inspect: impl Fn() -> Option<Vec<Inspection>> + Clone + Send + Sync + 'static,
    is_well: impl Fn(&Inspection) -> bool + Clone + Send + Sync + 'static,
    bound: IpAddr,
    AdminExtension { routes, numbers }: AdminExtension,
) -> Router {
    let numbers = move || async move {
        let more = numbers.map_or_else(String::new, |numbers| numbers());
        let text = metrics.text() + &more;
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
    };
    let health = move || async move {
        let line = |Inspection { role, state }| format!("{role}: {state}\n");
        match inspect() {
            Some(shown) => {
                let well = shown.iter().all(is_well);
                let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                (status, shown.into_iter().map(line).collect())
            }
            None => (StatusCode::SERVICE_UNAVAILABLE, "a machine has stopped\n".to_owned()),
        }
    };
    let nothing = || async {
        http::error(StatusCode::NOT_FOUND, "there are /metrics and /health").into_response()
    };
    let routes = routes.route("/metrics", get(numbers)).route("/health", get(health));
    http::reject_foreign_hosts(routes.fallback(nothing), bound)
}
