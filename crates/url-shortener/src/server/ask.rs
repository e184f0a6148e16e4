//! Questions to the machines, in the sessions of whoever asks.

use std::sync::Arc;
use std::time::Duration;

use host::{NoAnswer, Session};

use super::front::{Asker, Front};
use crate::{Answer, Ask, LinkId, LinkStats, Message};

/// How long a request waits: longer than an instance waits for a shard.
const PATIENCE: Duration = Duration::from_secs(10);
impl Front {
    /// Asks the instance.
    pub async fn ask(&self, asker: &Asker, ask: Ask) -> Answer {
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
        let client = self.salt.client(asker.address);
        let session = Session::of(&asker.visitor, &self.nodes.instance);
        let answer = session.ask_once(PATIENCE, |token| Message::Ask { token, client, ask }).await;
        let answer = match answer {
            Ok(Message::Answer { answer, .. }) => answer,
            Err(NoAnswer::Late) => Answer::Unavailable("there was no answer in time"),
            Ok(_) | Err(NoAnswer::Stopped) => Answer::Unavailable("the server is stopping"),
        };
        if creates && matches!(answer, Answer::Link(..)) {
            self.counts.created();
        }
        answer
    }

    /// Asks the tally for the statistics of a link; none if it does not reply in time.
    pub async fn link_stats(&self, link: LinkId) -> Option<Option<Arc<LinkStats>>> {
        self.nodes.tally.room().await;
        let session = Session::new(&self.nodes.tally);
        match session.ask_once(PATIENCE, |call| Message::GetStats { call, link }).await {
            Ok(Message::Stats { stats, .. }) => Some(stats),
            _ => None,
        }
    }
}
