//! The promise `available-after-heal`.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId};
use sim::{Breach, Promise, Verdict, World};

use crate::Id;
use crate::message::{Note, Snowflake};
use crate::shape::Shape;

/// How long an answer may take in a healed world.
const ANSWER: Duration = Duration::from_secs(1);

/// A healed world answers, and nobody in it hides behind the others.
pub(crate) struct Available {
    shape: Shape,
}

/// What a worker made of the requests that were first made to it.
#[derive(Default)]
struct Asked {
    requests: u64,
    minted: u64,
}

impl<M: Machine<Protocol = Snowflake>> Promise<M> for Available {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let Some(healed) = world.healed_at() else { return Verdict::Held };
        let (from, until) = (healed + self.shape.recovers_within(), world.now() - ANSWER);
        if until < from {
            // Who was cut off has not had its time yet, and may stand there without a lease.
            return Verdict::Held;
        }
        let (mut open, mut asked) = (BTreeMap::new(), BTreeMap::<NodeId, Asked>::new());
        for entry in world.history().iter() {
            match &entry.note {
                Note::Invoked { token, worker } if from <= entry.at && entry.at <= until => {
                    open.insert(*token, (entry.at, *worker));
                    asked.entry(*worker).or_default().requests += 1;
                }
                Note::Received { token, ids } => {
                    let Some(&(invoked, worker)) = open.get(token) else { continue };
                    if entry.at <= invoked + ANSWER {
                        open.remove(token);
                        asked.entry(worker).or_default().minted += self.is_of(worker, ids);
                    }
                }
                _ => {}
            }
        }
        if let Some((token, (at, _))) = open.first_key_value() {
            let why = format!("ids asked for at {at:?} did not come");
            return Verdict::Broken(Breach::from(why).on_operation(*token));
        }
        match self.shape.authorities {
            0 => every_worker_mints(&asked),
            _ => self.every_number_is_held(world),
        }
    }
}

impl Available {
    pub(crate) fn of(shape: Shape) -> Self {
        Available { shape }
    }

    /// 1 if the worker that was asked first minted these, and no other in its place.
    fn is_of(&self, worker: NodeId, ids: &[Id]) -> u64 {
        let number = ids.first().map(|&id| self.shape.layout().worker(id) as usize);
        let minter = number.and_then(|number| self.shape.worker_ids().get(number).copied());
        u64::from(minter == Some(worker))
    }

    /// A lease that nobody holds, while there are more workers than numbers, is one that got stuck.
    fn every_number_is_held<M: Machine<Protocol = Snowflake>>(&self, world: &World<M>) -> Verdict {
        let role = |node: &NodeId| world.inspect(*node).is_some_and(|shown| shown.role == "holder");
        let (holders, pool) =
            (self.shape.worker_ids().iter().filter(|&node| role(node)).count(), self.shape.pool);
        match holders as u64 >= pool {
            true => Verdict::Held,
            false => Verdict::broken(format!("{holders} workers hold {pool} numbers in the end")),
        }
    }
}

/// Others answer in the place of a worker that does not; it must not stay silent for good.
fn every_worker_mints(asked: &BTreeMap<NodeId, Asked>) -> Verdict {
    match asked.iter().find(|(_, asked)| asked.minted == 0) {
        None => Verdict::Held,
        Some((worker, asked)) => Verdict::broken(format!(
            "{worker:?} minted for none of the {} requests made to it in a healed world",
            asked.requests
        )),
    }
}

#[cfg(test)]
mod tests {
    use machine::Time;
    use sim::Script;

    use super::*;
    use crate::message::{Get, Message};

    /// Two workers and a client that asks both; `stuck` is dead when the world is judged.
    fn judged(pool: u64, stuck: Option<u32>) -> Verdict {
        let authorities = pool.min(1);
        let shape =
            Shape { pool, authorities, workers: 2, clients: 1, skew_ms: 0, sequence_bits: 12 };
        let mut world = shape.world(1);
        if let Some(stuck) = stuck {
            world.crash(stuck);
        }
        let well = (0..world.len() as u32).filter(|&node| Some(node) != stuck);
        world.heal(&well.map(NodeId).collect::<Vec<_>>());
        let (workers, client) = (shape.worker_ids(), shape.client_ids()[0]);
        for turn in 0..40 {
            let get = Get { worker: workers[turn % 2], count: 1 };
            let at = Time(0) + Duration::from_millis(turn as u64 * 100);
            world.tell_at(at, client, Message::Get(get));
        }
        world.run_until(Time(0) + Duration::from_secs(5));
        Available::of(shape).end(&world)
    }

    #[test]
    fn a_worker_that_stays_silent_is_not_hidden_by_those_that_answer_for_it() {
        assert_eq!(judged(0, None), Verdict::Held);
        let Verdict::Broken(why) = judged(0, Some(1)) else { panic!("one worker is dead") };
        assert!(why.contains("n1 minted for none of the "), "{why}");
    }

    #[test]
    fn a_number_that_nobody_holds_is_noticed() {
        assert_eq!(judged(2, None), Verdict::Held);
        let Verdict::Broken(why) = judged(2, Some(2)) else { panic!("one holder is dead") };
        assert_eq!(why, "1 workers hold 2 numbers in the end");
    }
}
