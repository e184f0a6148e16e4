//! Every click counts once: counted <= logged <= served at every moment, and counted = logged in the end.
//!
//! It looks at what instances and the tally note: which click has which number, up to where a log is
//! durable, up to where it is counted, and how many clicks the tally knows of each link. That last one is
//! what people see, and is compared click by click with what the logs hold.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, Time};
use sim::{Entry, Promise, Verdict, World};

use crate::Key;
use crate::message::{Note, Shortener};

/// After the heal: longer than any time-out and the wait after it.
const RECOVERS: Duration = Duration::from_millis(2_400);
/// What is acknowledged while all is calm is counted after so long.
const COUNTS: Duration = Duration::from_millis(500);

/// One log of one instance.
#[derive(Default)]
struct Log {
    /// The link of each click, by its number.
    served: Vec<Key>,
    /// Durable below this number: acknowledged.
    logged: u64,
    /// Counted below this number.
    counted: u64,
}

#[derive(Default)]
pub(super) struct ClicksOnce {
    logs: BTreeMap<u64, Log>,
    /// Acknowledged clicks of each link.
    logged: BTreeMap<Key, u64>,
    /// When the last click was acknowledged.
    logged_at: Time,
    /// What the tally said last.
    totals: BTreeMap<Key, u64>,
}

impl ClicksOnce {
    fn clicked(&mut self, log: u64, number: u64, key: &Key) -> Result<(), String> {
        let served = &mut self.logs.entry(log).or_default().served;
        if number != served.len() as u64 {
            return Err(format!("click {number} is the {}th of its log", served.len()));
        }
        served.push(key.clone());
        Ok(())
    }

    fn logged(&mut self, log: u64, below: u64) -> Result<(), String> {
        let Log { served, logged, .. } = self.logs.entry(log).or_default();
        let Some(new) = served.get(*logged as usize..(below.max(*logged)) as usize) else {
            return Err(format!("{below} clicks were logged and {} served", served.len()));
        };
        for key in new {
            *self.logged.entry(key.clone()).or_default() += 1;
        }
        *logged = below.max(*logged);
        Ok(())
    }

    fn counted(&mut self, id: u64, below: u64) -> Result<(), String> {
        let log = self.logs.entry(id).or_default();
        if below > log.logged {
            return Err(format!("{below} clicks of a log were counted, and {} logged", log.logged));
        }
        log.counted = below.max(log.counted);
        Ok(())
    }

    fn total(&mut self, key: &Key, clicks: u64) -> Result<(), String> {
        let logged = self.logged.get(key).copied().unwrap_or_default();
        if clicks > logged {
            return Err(format!(
                "{key:?} has {clicks} clicks by the tally, and {logged} were logged"
            ));
        }
        self.totals.insert(key.clone(), clicks);
        Ok(())
    }
}

impl<M: Machine<Protocol = Shortener>> Promise<M> for ClicksOnce {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        match &entry.note {
            Note::Clicked { log, number, key } => self.clicked(*log, *number, key),
            Note::Logged { log, below } => {
                self.logged_at = entry.at;
                self.logged(*log, *below)
            }
            Note::Counted { log, below } => self.counted(*log, *below),
            Note::Total { key, clicks } => self.total(key, *clicks),
            _ => Ok(()),
        }
    }

    /// Where everything was healed and calm for longer than any time-out, what is acknowledged is counted.
    fn end(&mut self, world: &World<M>) -> Verdict {
        let calm = world.healed_at().is_some_and(|healed| healed + RECOVERS <= world.now());
        if !calm || self.logged_at + COUNTS > world.now() {
            return Verdict::Held;
        }
        for Log { logged, counted, .. } in self.logs.values() {
            if counted < logged {
                let missing = logged - counted;
                return Verdict::Broken(format!(
                    "{missing} of {logged} acknowledged clicks of a log were never counted"
                ));
            }
        }
        for (key, logged) in &self.logged {
            let total = self.totals.get(key).copied().unwrap_or_default();
            if total != *logged {
                return Verdict::Broken(format!(
                    "{key:?} has {total} clicks by the tally, and {logged} were logged"
                ));
            }
        }
        Verdict::Held
    }
}
