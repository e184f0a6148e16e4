//! The front end: each request is a question to the worker, in the session of its connection.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::ACCEPT;
use host::http::HttpReply;
use host::{Node, Visitor};

use super::counts::Counts;
use crate::wire::{self, Asked, Format, unavailable};
use crate::{Layout, Message, Worker};

/// More than the worker lets a request wait, so that it is nearly always the worker who answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns requests into inputs.
pub(super) struct FrontEnd {
    pub(super) node: Arc<Node<Worker>>,
    pub(super) counts: Arc<Counts>,
    /// For `/decode` where the request names none.
    pub(super) layout: Layout,
}

impl FrontEnd {
    /// Takes every path: which there are is for [`wire::read`] to say. No body is ever read.
    pub(super) fn routes(self) -> Router {
        let front = Arc::new(self);
        Router::new().fallback(move |request| front.clone().answer(request))
    }

    async fn answer(self: Arc<Self>, request: Request) -> Result<HttpReply, HttpReply> {
        let (uri, visitor) = (request.uri(), Visitor::of(request.extensions()));
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        let format = Format::accepted(accept);
        let query = uri.query().unwrap_or_default();
        Ok(match wire::read(request.method().as_str(), uri.path(), query, &self.layout)? {
            Asked::Id => wire::one_id(format, &self.mint(&visitor, 1).await?),
            Asked::Ids(count) => wire::many_ids(format, &self.mint(&visitor, count).await?),
            Asked::Decoded(decoded) => wire::decoded(format, &decoded),
        })
    }

    /// If the client hangs up the ids are lost, which is no harm.
    async fn mint(&self, visitor: &Visitor, count: u32) -> Result<Message, HttpReply> {
        let mint = |token| Message::Mint { token, count };
        let answer = self.node.answer(visitor, PATIENCE, mint).await;
        let lost = "ids minted for this request are lost; ask again";
        let answer = answer.map_err(|why| unavailable(format_args!("{why}; {lost}")))?;
        self.counts.answered(&answer, &self.layout);
        Ok(answer)
    }
}
