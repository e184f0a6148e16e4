//! Taking a link away.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::{Clerk, Page, look, see_other};
use crate::{Answer, Ask};

pub(super) async fn delete<C: Clerk>(
    page: State<Arc<Page<C>>>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = match page.admit(&parts.headers) {
        Ok(visitor) => visitor,
        Err(door) => return *door,
    };
    let form = match page.form(&visitor, body).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let Some(key) = page.key(&code, form.field("domain").unwrap_or_default()) else {
        return look::refused(&visitor, Answer::Missing);
    };
    match page.clerk.ask(&parts, Ask::Delete(key)).await {
        Answer::Deleted => see_other("/links"),
        answer => look::refused(&visitor, answer),
    }
}
