//! Where requests wait for the worker's answers, which are counted as they pass.

use host::{Count, Metrics, Place};

use crate::Message;

pub(super) struct Desk {
    places: host::Desk<Message>,
    minted: Count,
    refused: Count,
}

impl Desk {
    pub(super) fn new(metrics: &Metrics) -> Desk {
        let refused = "Requests that the worker refused: nothing was minted for them.";
        Desk {
            places: host::Desk::default(),
            minted: metrics.counter("snowflake_minted_total", "Ids that the worker minted."),
            refused: metrics.counter("snowflake_refused_total", refused),
        }
    }

    /// A place to wait at. If whoever waits goes the ids are lost, which is no harm.
    pub(super) fn wait(&self) -> Place<'_, Message> {
        self.places.wait()
    }

    /// Hands an answer to whoever waits for it.
    pub(super) fn answer(&self, message: Message) {
        let token = match &message {
            Message::Minted { token, ids } => {
                self.minted.add(ids.len() as u64);
                *token
            }
            Message::Refused { token, .. } => {
                self.refused.one();
                *token
            }
            _ => return,
        };
        self.places.answer(token, message);
    }

    /// There will be no more answers: who waits is told at once.
    pub(super) fn close(&self) {
        self.places.close();
    }
}
