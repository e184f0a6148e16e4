//! Questions to the machines: a question is handed to a node, and its answer to the request that waits
//! for it.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use host::{Asked, FRONT_END};
use machine::Input;
use tokio::time::timeout;

use super::front::Front;
use crate::{Answer, Ask, LinkId, LinkStats, Message};

/// How long a request waits: longer than an instance waits for a shard.
const PATIENCE: Duration = Duration::from_secs(10);
impl Front {
    /// Asks the instance on behalf of the client at this address.
    pub async fn ask(&self, address: IpAddr, ask: Ask) -> Answer {
        // A shard that does not exist would be waited for in vain.
        let goes_on = match &ask {
            Ask::List { after: Some(cursor), .. } => self.nodes.can_go_on(cursor),
            Ask::Newest { below, .. } => self.nodes.has_shards(below.len()),
            _ => true,
        };
        let creates = matches!(ask, Ask::Create(_));
        if !goes_on {
            return Answer::Refused("no list of this service goes on there");
        }
        self.nodes.instance.room().await;
        let client = self.salt.client(address);
        let asked = self.nodes.pending().answers.ask(
            &self.nodes.instance,
            |token| Message::Ask { token, client, ask },
            |asked, message| match message {
                Message::Answer { token, answer } if token == asked => ControlFlow::Break(answer),
                message => ControlFlow::Continue(message),
            },
        );
        let answer = match asked {
            // The cache had the answer.
            Asked::Answered(answer) => answer,
            // Boxed, so that a redirect from the cache does not pay for the memory that waiting needs.
            Asked::Waits(place) => match Box::pin(timeout(PATIENCE, place.answer())).await {
                Ok(answer) => answer.unwrap_or(STOPPING),
                Err(_) => Answer::Unavailable("there was no answer in time"),
            },
            Asked::Stopped => STOPPING,
        };
        if creates && matches!(answer, Answer::Link(..)) {
            self.counts.created();
        }
        answer
    }

    /// Asks the tally for the statistics of a link; none if it does not reply in time.
    pub async fn link_stats(&self, link: LinkId) -> Option<Option<Arc<LinkStats>>> {
        self.nodes.tally.room().await;
        let place = self.nodes.pending().stats.wait();
        let message = Message::GetStats { call: place.token, link };
        if !self.nodes.tally.input(Input::Message { from: FRONT_END, message }) {
            return None;
        }
        timeout(PATIENCE, place.answer()).await.ok().flatten()
    }
}

const STOPPING: Answer = Answer::Unavailable("the server is stopping");
