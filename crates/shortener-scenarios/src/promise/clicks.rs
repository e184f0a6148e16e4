//! Every click counts once: counted <= logged <= served at every moment, and counted = logged in the end.
//!
//! It looks at what instances and the tally note: which click has which number, up to where a log is
//! durable, up to where it is counted, and how many clicks the tally knows of each link. That last one is
//! what people see, and is compared click by click with what the logs hold.
//!
//! A round may be durable and its note gone with the power. So in the end the tally is asked what it knows
//! of every link, in a copy of the world that goes on for a moment: what is on its disk counts, whatever was
//! noted of it.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Promise, Verdict, World};

use url_shortener::LinkId;
use url_shortener::{Message, Note, Shortener};

/// After the heal: longer than any time-out and the wait after it.
const RECOVERS: Duration = Duration::from_millis(2_400);
/// Once all is calm, an acknowledged click must be counted within this time.
const COUNTS: Duration = Duration::from_millis(500);
/// How many counts the tally is asked for at once, and how long it may take to reply when all is calm.
const ASKED_AT_ONCE: usize = 500;
const TELLS: Duration = Duration::from_millis(500);

/// One log of one instance.
#[derive(Default)]
struct Log {
    /// The link of each click, by its number.
    served: Vec<LinkId>,
    /// Durable below this number: acknowledged.
    logged: u64,
    /// Counted below this number.
    counted: u64,
}

pub(super) struct ClicksOnce {
    tally: NodeId,
    logs: BTreeMap<u64, Log>,
    /// Acknowledged clicks of each link.
    logged: BTreeMap<LinkId, u64>,
    /// The last click of each link.
    last: BTreeMap<LinkId, (Time, NodeId)>,
    /// When the last click was acknowledged.
    logged_at: Time,
    /// What the tally said last.
    totals: BTreeMap<LinkId, u64>,
}

impl ClicksOnce {
    pub(super) fn new(tally: NodeId) -> Self {
        ClicksOnce {
            tally,
            logs: BTreeMap::new(),
            logged: BTreeMap::new(),
            last: BTreeMap::new(),
            logged_at: Time(0),
            totals: BTreeMap::new(),
        }
    }

    fn clicked(&mut self, log: u64, number: u64, link: &LinkId) -> Result<(), Breach> {
        let served = &mut self.logs.entry(log).or_default().served;
        if number != served.len() as u64 {
            return Err(Breach::from(format!(
                "click {number} is the {}th of its log",
                served.len()
            )));
        }
        served.push(link.clone());
        Ok(())
    }

    fn logged(&mut self, log: u64, below: u64) -> Result<(), Breach> {
        let Log { served, logged, .. } = self.logs.entry(log).or_default();
        let Some(new) = served.get(*logged as usize..(below.max(*logged)) as usize) else {
            return Err(Breach::from(format!(
                "{below} clicks were logged and {} served",
                served.len()
            )));
        };
        for link in new {
            *self.logged.entry(link.clone()).or_default() += 1;
        }
        *logged = below.max(*logged);
        Ok(())
    }

    fn counted(&mut self, id: u64, below: u64) -> Result<(), Breach> {
        let log = self.logs.entry(id).or_default();
        if below > log.logged {
            return Err(Breach::from(format!(
                "{below} clicks of a log were counted, and {} logged",
                log.logged
            )));
        }
        log.counted = below.max(log.counted);
        Ok(())
    }

    fn total(&mut self, link: &LinkId, clicks: u64) -> Result<(), Breach> {
        let logged = self.logged.get(link).copied().unwrap_or_default();
        if clicks > logged {
            return Err(Breach::from(format!(
                "{link:?} has {clicks} clicks by the tally, and {logged} were logged"
            )));
        }
        self.totals.insert(link.clone(), clicks);
        Ok(())
    }

    /// With the last click of this link.
    fn about(&self, why: String, link: &LinkId) -> Breach {
        let click = self.last.get(link).into_iter();
        click.fold(Breach::from(why), |breach, (at, node)| breach.on_moment(*at, *node))
    }
}

impl ClicksOnce {
    fn see(&mut self, entry: &Entry<Note>) -> Result<(), Breach> {
        match &entry.note {
            Note::Clicked { log, number, link } => {
                self.last.insert(link.clone(), (entry.at, entry.node));
                self.clicked(*log, *number, link)
            }
            Note::Logged { log, below } => {
                self.logged_at = entry.at;
                self.logged(*log, *below)
            }
            Note::Counted { log, below } => self.counted(*log, *below),
            Note::Total { link, clicks } => self.total(link, *clicks),
            _ => Ok(()),
        }
    }

    /// All that is acknowledged is counted, by what the tally says when it is asked.
    fn all_are_counted<M>(&mut self, mut world: World<M>) -> Result<(), Breach>
    where
        M: Machine<Protocol = Shortener>,
    {
        for Log { served, logged, counted } in self.logs.values() {
            if counted < logged {
                let missing = logged - counted;
                let why = format!(
                    "{missing} of {logged} acknowledged clicks of a log were never counted"
                );
                return Err(self.about(why, &served[*counted as usize]));
            }
        }
        let due = self.logged.clone();
        self.totals.clear();
        for links in due.keys().collect::<Vec<_>>().chunks(ASKED_AT_ONCE) {
            let noted = world.history().len();
            for (call, &link) in (0..).zip(links) {
                world.tell(self.tally, Message::GetStats { call, link: link.clone() });
            }
            world.run_for(TELLS);
            world.history().since(noted).try_for_each(|entry| self.see(entry))?;
        }
        for (link, logged) in due {
            let total = self.totals.get(&link).copied().unwrap_or_default();
            // Others may have come meanwhile.
            if total < logged {
                let why =
                    format!("{link:?} has {total} clicks by the tally, and {logged} were logged");
                return Err(self.about(why, &link));
            }
        }
        Ok(())
    }
}

/// Was the same counted before?
fn is_about_the_same(earlier: &Note, now: &Note) -> bool {
    match (earlier, now) {
        (Note::Total { link: one, .. }, Note::Total { link: other, .. }) => one == other,
        (Note::Counted { log: one, .. }, Note::Counted { log: other, .. }) => one == other,
        _ => false,
    }
}

impl<M: Machine<Protocol = Shortener>> Promise<M> for ClicksOnce {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.see(entry).map_err(|breach| {
            let before = world.history().iter().rev().skip_while(|earlier| earlier.at == entry.at);
            let same =
                before.into_iter().find(|earlier| is_about_the_same(&earlier.note, &entry.note));
            same.into_iter()
                .fold(breach, |breach, earlier| breach.on_moment(earlier.at, earlier.node))
        })
    }

    /// Where everything was healed and calm for longer than any time-out, what is acknowledged is counted.
    fn end(&mut self, world: &World<M>) -> Verdict {
        let calm = world.healed_at().is_some_and(|healed| healed + RECOVERS <= world.now());
        if !calm || self.logged_at + COUNTS > world.now() {
            return Verdict::Held;
        }
        match self.all_are_counted(world.clone()) {
            Ok(()) => Verdict::Held,
            Err(why) => Verdict::Broken(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::Script;

    use super::*;
    use crate::shape::{Node, Shape};
    use url_shortener::{Action, Which, Wish};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A calm world in which three clicks of a link were counted. The tally may have lost its disk since.
    fn counted(is_lost: bool) -> (World<Node>, NodeId) {
        let shape = Shape { instances: 1, shards: 1, users: 1, ..Shape::default() };
        let (mut world, instance) = (shape.world(1), shape.instance_ids()[0]);
        let alias = || "a".into();
        let create = Wish::Create { alias: Some(alias()), expires_in_ms: None };
        let visits = (0..3).map(|_| Wish::Visit(Which::Alias(alias())));
        for (wish, ms) in std::iter::once(create).chain(visits).zip([5, 50, 60, 70]) {
            let action = Message::Do(Action { instance, wish });
            world.tell_at(Time(0) + MS(ms), shape.user_ids()[0], action);
        }
        world.run_for(MS(300));
        if is_lost {
            let replaced = world.disk_replaced(shape.tally());
            world.end(replaced);
        }
        world.heal(&(0..world.len() as u32).map(NodeId).collect::<Vec<_>>());
        world.run_for(RECOVERS);
        (world, shape.tally())
    }

    /// The verdict of a checker that is shown only these notes.
    fn judged(world: &World<Node>, tally: NodeId, shows: impl Fn(&Note) -> bool) -> Verdict {
        let mut promise = ClicksOnce::new(tally);
        for entry in world.history().iter().filter(|entry| shows(&entry.note)) {
            promise.see(entry).unwrap();
        }
        promise.end(world)
    }

    #[test]
    fn a_count_that_is_on_the_disk_needs_no_note() {
        let (world, tally) = counted(false);
        assert_eq!(judged(&world, tally, |_| true), Verdict::Held);
        let no_totals = |note: &Note| !matches!(note, Note::Total { .. });
        assert_eq!(judged(&world, tally, no_totals), Verdict::Held);
    }

    #[test]
    fn a_count_that_was_noted_and_is_not_on_the_disk_is_none() {
        let (world, tally) = counted(true);
        let Verdict::Broken(why) = judged(&world, tally, |_| true) else { panic!("it is lost") };
        assert!(why.ends_with(" has 0 clicks by the tally, and 3 were logged"), "{why}");
    }
}
