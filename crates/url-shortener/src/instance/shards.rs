//! What an operator asks of shards, through any instance: how they stand, and that one joins.
//!
//! The law: such a question costs nothing and decides nothing. Whether a shard may join is for whoever asks to know,
//! who has asked all of them before.

use machine::{Now, Outputs};

use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::message::{Answer, Call, Message, Reply, Shortener};

impl Instance {
    /// 1. The shard at this place is asked, whether or not it is on the ring.
    pub(super) fn ask_shard(
        &mut self,
        asker: Asker,
        place: u32,
        wanted: Call,
        now: &Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(shard) = self.shards.among(place as usize, usize::MAX) else {
            return answer(asker, Answer::Refused("there is no such shard"), out);
        };
        self.waiting += 1;
        let call = self.calls.begin(shard, Purpose::Shard(asker), now.time, out);
        out.send(shard, Message::Call { call, wanted });
    }

    /// 2. It has replied.
    pub(super) fn shard_replied(
        &mut self,
        asker: Asker,
        reply: Option<Reply>,
        out: &mut Outputs<Shortener>,
    ) {
        let with = match reply {
            Some(Reply::Status { entries, phase }) => {
                Answer::Shard { entries, phase, shards: self.shards.count() as u32 }
            }
            Some(Reply::Agreed) => Answer::Agreed,
            other => unavailable(other),
        };
        self.answer_waiting(asker, with, out);
    }
}
