//! A machine that logs clicks and does nothing else, and a tally that only listens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{FileName, Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use sim::{Delays, World};
use url_shortener::{
    Ask, Batch, Click, ClickLog, ClickTuning, Device, Key, Limits, Message, Op, Shortener, Tally,
    Timer,
};

pub(crate) const FRONT: NodeId = NodeId(0);
pub(crate) const TALLY: NodeId = NodeId(1);
pub(crate) const MS: fn(u64) -> Duration = Duration::from_millis;

/// Logs a click for every visit.
#[derive(Clone)]
pub(crate) struct Front(pub(crate) ClickLog);

impl Machine for Front {
    type Protocol = Shortener;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        let Front(log) = self;
        match input {
            Input::Start { disk } => log.start(disk, now, out),
            Input::Message { message: Message::Ask { ask: Ask::Visit(click), .. }, .. } => {
                log.clicked(click, 0, now, out);
            }
            Input::Message { message: Message::Counted { log: id, below }, .. } => {
                log.counted(id, below, now, out);
            }
            Input::Timer(Timer::Journal(timer)) => log.journal_timer(timer, out),
            Input::Timer(_) => log.timer(now, out),
            Input::Disk { op: Op::Journal(op), result } => log.ended(op, result, now, out),
            Input::Disk { op: Op::Clicks, result } => log.read(result, now, out),
            Input::Stop => log.stop(now, out),
            Input::LinkReset { peer } => log.reset(peer, now, out),
            _ => {}
        }
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        ClickLog::first_files()
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "front", state: format!("{:?}", self.0.acknowledged()) }
    }
}

/// In the place of a click that the log has lost.
pub(crate) const LOST: u64 = u64::MAX;

/// Remembers every click that follows what it has; its memory outlives crashes of others.
#[derive(Clone, Default)]
pub(crate) struct Ear(pub(crate) BTreeMap<u64, Vec<u64>>);

impl Machine for Ear {
    type Protocol = Shortener;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        let Input::Message { from, message: Message::Clicks { kept, batch } } = input else {
            return;
        };
        let Batch { log, first, clicks } = batch;
        let heard = self.0.entry(log).or_default();
        let missing = kept.saturating_sub(heard.len() as u64);
        heard.extend((0..missing).map(|_| LOST));
        if let Some(known) = (heard.len() as u64).checked_sub(first) {
            heard.extend(clicks.iter().skip(known as usize).map(|click| click.visitor));
        }
        out.send(from, Message::Counted { log, below: heard.len() as u64 });
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "tally", state: format!("{} logs", self.0.len()) }
    }
}

sim::nodes! {
    pub(crate) enum Node: Shortener {
        Front(Front),
        Ear(Ear),
        Tally(Tally),
    }
}

pub(crate) const SMALL: ClickTuning = ClickTuning {
    flush_after: MS_20,
    batch: 8,
    waiting: 64,
    segment: 1_000,
    in_flight: 2,
    in_memory: 4,
    patience: Duration::from_millis(50),
    backoff: resilience::Backoff { base: MS_20, cap: Duration::from_millis(200) },
};
pub(crate) const MS_20: Duration = Duration::from_millis(20);

/// A front and a tally that listens.
pub(crate) fn world(seed: u64) -> World<Node> {
    let boot = |id| match id {
        FRONT => Node::Front(Front(ClickLog::new(TALLY, SMALL))),
        _ => Node::Ear(Ear::default()),
    };
    World::new(seed, &[0, 1], Delays::micros(200, 2_000), Arc::new(boot))
}

/// Two fronts and a tally that counts.
pub(crate) fn counting_world(seed: u64, switches: Switches) -> World<Node> {
    world_of(seed, Node::Tally(Tally::new(SEGMENTS, switches)))
}

/// Two fronts and this tally.
pub(crate) fn world_of(seed: u64, tally: Node) -> World<Node> {
    let boot = move |id| match id {
        TALLY => tally.clone(),
        _ => Node::Front(Front(ClickLog::new(TALLY, SMALL))),
    };
    World::new(seed, &[0, 1, 2], Delays::micros(200, 2_000), Arc::new(boot))
}

const SEGMENTS: Limits = Limits { segment: 4_000 };

/// So many visits, one a millisecond; each visitor has a number of its own.
pub(crate) fn visit(world: &mut World<Node>, visitors: std::ops::Range<u64>) {
    visit_at(world, FRONT, visitors);
}

pub(crate) fn visit_at(world: &mut World<Node>, front: NodeId, visitors: std::ops::Range<u64>) {
    for visitor in visitors {
        let key = Key::new("", ["x", "y", "z"][(visitor % 3) as usize]);
        let (referrer, device) = (None, Device::Other);
        let ask = Ask::Visit(Click { key, at_ms: 0, visitor, referrer, device });
        world.tell(front, Message::Ask { token: visitor, client: 0, ask });
        world.run_for(MS(1));
    }
}

pub(crate) fn log(world: &World<Node>) -> &ClickLog {
    match world.machine(FRONT) {
        Some(Node::Front(Front(log))) => log,
        _ => panic!("the front is down"),
    }
}

pub(crate) fn heard(world: &World<Node>) -> Vec<Vec<u64>> {
    match world.machine(TALLY) {
        Some(Node::Ear(Ear(heard))) => heard.values().cloned().collect(),
        _ => panic!("the tally is down"),
    }
}
