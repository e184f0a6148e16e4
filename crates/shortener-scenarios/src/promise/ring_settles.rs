//! A change of the ring that began comes to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Evidence, Promise, Verdict, World};

use url_shortener::RingPhase;
use url_shortener::{Note, Shortener};

/// After the heal: for two shards that join, one after the other.
const SETTLES: Duration = Duration::from_secs(2);

/// How far each shard has come, durably, and when.
#[derive(Default)]
pub(super) struct RingSettles(BTreeMap<NodeId, (u32, RingPhase, Time)>);

impl<M: Machine<Protocol = Shortener>> Promise<M> for RingSettles {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        if let Note::Ring { shards, phase } = entry.note {
            self.0.insert(entry.node, (shards, phase, entry.at));
        }
        Ok(())
    }

    fn end(&mut self, world: &World<M>) -> Verdict {
        let is_time = world.healed_at().is_some_and(|healed| healed + SETTLES <= world.now());
        let stuck = self.0.iter().find(|(_, (_, phase, _))| *phase != RingPhase::Settled);
        match stuck {
            Some((node, (shards, phase, at))) if is_time => {
                let why = format!("{node:?} is still {phase:?} on a ring of {shards} shards");
                let breach = Breach::from(why).on_moment(*at, *node);
                Verdict::Broken(breach.on(Evidence::Value(format!("{node:?}"))))
            }
            _ => Verdict::Held,
        }
    }
}
