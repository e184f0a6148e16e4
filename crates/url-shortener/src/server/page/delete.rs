//! Taking a link away.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::look::{self, Sent};
use super::{Clerk, Page, see_other};
use crate::{Answer, Ask};

pub(super) async fn delete<C: Clerk>(
    page: State<Arc<Page<C>>>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let Sent { parts, visitor, about, .. } = match page.sent_about(&code, request).await {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    match page.clerk.ask(&parts, Ask::Delete(about)).await {
        Answer::Deleted => see_other("/links"),
        answer => look::refused(&visitor, answer),
    }
}
