//! Questions to the machines, in the sessions of whoever asks.

use std::sync::Arc;
use std::time::Duration;

use host::{NoAnswer, Session};

use super::Member;
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
        let client = self.salt.client(asker.address);
        let session = Session::of(&asker.visitor, &self.instance);
        let answer = self.ask_in(&session, client, ask).await;
        if creates && matches!(answer, Answer::Link(..)) {
            self.counts.created();
        }
        answer
    }

    /// Asks for the statistics of a link on a page; none if the tally does not reply in time.
    pub async fn link_stats(&self, link: LinkId) -> Option<Option<Arc<LinkStats>>> {
        match self.ask_as_operator(Ask::Clicks(link)).await {
            Answer::Stats { stats, .. } => Some(stats),
            _ => None,
        }
    }

    /// Asks the instance for what no client pays for.
    pub(super) async fn ask_as_operator(&self, ask: Ask) -> Answer {
        self.ask_in(&Session::new(&self.instance), 0, ask).await
    }

    async fn ask_in(&self, session: &Session<Member>, client: u64, ask: Ask) -> Answer {
        self.instance.room().await;
        match session.ask_once(PATIENCE, |token| Message::Ask { token, client, ask }).await {
            Ok(Message::Answer { answer, .. }) => answer,
            Ok(_) => Answer::Unavailable(NoAnswer::Stopped.to_string().into()),
            Err(why) => Answer::Unavailable(why.to_string().into()),
        }
    }
}
