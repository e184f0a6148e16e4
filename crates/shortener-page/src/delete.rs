//! Taking a link away.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;

use crate::look::{self, SentForm};
use crate::{Pages, see_other};
use url_shortener::{Answer, Ask};

pub(crate) async fn delete(
    page: State<Arc<Pages>>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let SentForm { parts, visitor, about, .. } = match page.sent_about(&code, request).await {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    match page.ask(&parts, Ask::Delete(about)).await {
        Answer::Deleted => see_other("/links"),
        answer => look::refused(&visitor, answer),
    }
}
