//! A click log in a machine that does nothing else, beside a tally that only listens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs};
use sim::{Delays, Script, World};
use url_shortener::{
    Ask, Click, ClickLog, ClickTuning, Device, Key, Message, Note, Op, Shortener, Timer,
};

const FRONT: NodeId = NodeId(0);
const TALLY: NodeId = NodeId(1);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// Logs a click for every visit.
#[derive(Clone)]
struct Front(ClickLog);

impl Machine for Front {
    type Protocol = Shortener;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        let Front(log) = self;
        match input {
            Input::Start { .. } => log.start(now, out),
            Input::Message {
                message: Message::Ask { ask: Ask::Visit { click, .. }, .. }, ..
            } => {
                log.clicked(click, now, out);
            }
            Input::Message { message: Message::Counted { log: id, below }, .. } => {
                log.counted(id, below, now, out);
            }
            Input::Message { .. } => {}
            Input::Timer(_) => log.timer(now, out),
            Input::Disk { op: Op::Clicks(op), result } => log.ended(op, result, now, out),
            Input::Disk { .. } => {}
            Input::LinkReset { peer } => log.reset(peer, now, out),
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "front", state: format!("{:?}", self.0.acknowledged()) }
    }
}

/// In the place of a click that the log has lost.
const LOST: u64 = u64::MAX;

/// Remembers every click that follows what it has; its memory outlives crashes of others.
#[derive(Clone, Default)]
struct Ear(BTreeMap<u64, Vec<u64>>);

impl Machine for Ear {
    type Protocol = Shortener;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        let Input::Message { from, message: Message::Clicks { log, kept, first, clicks } } = input
        else {
            return;
        };
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
    enum Node: Shortener {
        Front(Front),
        Ear(Ear),
    }
}

const SMALL: ClickTuning = ClickTuning {
    flush_after: MS_20,
    batch: 8,
    waiting: 64,
    segment: 1_000,
    in_flight: 2,
    in_memory: 4,
    patience: Duration::from_millis(50),
    backoff: resilience::Backoff { base: MS_20, cap: Duration::from_millis(200) },
};
const MS_20: Duration = Duration::from_millis(20);

fn world(seed: u64) -> World<Node> {
    let boot = |id| match id {
        FRONT => Node::Front(Front(ClickLog::new(TALLY, SMALL))),
        _ => Node::Ear(Ear::default()),
    };
    World::new(seed, &[0, 1], Delays::micros(200, 2_000), Arc::new(boot))
}

/// So many visits, one a millisecond; each visitor has a number of its own.
fn visit(world: &mut World<Node>, visitors: std::ops::Range<u64>) {
    for visitor in visitors {
        let key = Key::new("", "x");
        let click =
            Click { key: key.clone(), at_ms: 0, visitor, referrer: None, device: Device::Other };
        let ask = Ask::Visit { key, click };
        world.tell(FRONT, Message::Ask { token: visitor, client: 0, ask });
        world.run_for(MS(1));
    }
}

fn log(world: &World<Node>) -> &ClickLog {
    match world.machine(FRONT) {
        Some(Node::Front(Front(log))) => log,
        _ => panic!("the front is down"),
    }
}

fn heard(world: &World<Node>) -> Vec<Vec<u64>> {
    match world.machine(TALLY) {
        Some(Node::Ear(Ear(heard))) => heard.values().cloned().collect(),
        _ => panic!("the tally is down"),
    }
}

#[test]
fn a_click_is_acknowledged_when_it_is_durable_and_then_it_is_counted() {
    let mut world = world(1);
    visit(&mut world, 0..1);
    let (id, below) = log(&world).acknowledged();
    assert_eq!((below, log(&world).is_drained()), (0, false), "it is in memory");
    world.run_for(MS(30));
    assert_eq!(log(&world).acknowledged(), (id, 1));
    world.run_for(MS(30));
    assert_eq!(heard(&world), [[0]]);
    assert!(log(&world).is_drained());
}

#[test]
fn what_is_acknowledged_outlives_power_losses_and_is_heard_in_order() {
    for seed in 0..60 {
        let mut world = world(seed);
        let mut acknowledged = BTreeMap::new();
        let mut visitor = 0;
        for round in 0..6 {
            visit(&mut world, visitor..visitor + 50);
            visitor += 50;
            let (id, below) = log(&world).acknowledged();
            acknowledged.insert(id, below);
            let fault = match round % 3 {
                0 => world.power_loss(FRONT),
                1 => world.torn_write(FRONT),
                _ => world.crash(FRONT),
            };
            let cut = (round % 2 == 0).then(|| world.partition([FRONT], [TALLY]));
            world.run_for(MS(20));
            world.end(fault);
            visit(&mut world, visitor..visitor + 50);
            visitor += 50;
            cut.into_iter().for_each(|cut| world.end(cut));
        }
        world.run_for(MS(2_000));
        let Some(Node::Ear(Ear(heard))) = world.machine(TALLY) else { panic!("it never crashed") };
        for (id, below) in acknowledged {
            let count = heard.get(&id).map_or(0, Vec::len) as u64;
            assert!(count >= below, "seed {seed}: {count} of {below} of log {id} were heard");
        }
        let in_order = |clicks: &Vec<u64>| clicks.is_sorted_by(|one, next| one + 1 == *next);
        assert!(heard.values().all(in_order), "seed {seed}");
        assert!(log(&world).is_drained(), "seed {seed}");
    }
}

#[test]
fn a_tally_that_is_away_for_long_hears_all_of_it_when_it_is_back() {
    let mut world = world(1);
    let cut = world.partition([FRONT], [TALLY]);
    visit(&mut world, 0..1_000);
    world.run_for(MS(50));
    assert_eq!(heard(&world), Vec::<Vec<u64>>::new());
    assert_eq!(log(&world).acknowledged().1, 1_000, "they are on the disk meanwhile");
    world.end(cut);
    world.run_for(MS(3_000));
    assert_eq!(heard(&world), [Vec::from_iter(0..1_000)]);
    assert!(log(&world).is_drained());
    // What was counted was deleted: a front that starts anew has next to nothing to send.
    let fault = world.crash(FRONT);
    world.end(fault);
    let cut = world.partition([FRONT], [TALLY]);
    world.run_for(MS(100));
    let read_back = world.history().iter().rev().map_while(|entry| match entry.note {
        Note::Logged { .. } => Some(()),
        _ => None,
    });
    assert!(read_back.count() * 8 < 100, "of 1,000 clicks in batches of 8");
    world.end(cut);
}

#[test]
fn a_full_disk_drops_clicks_when_memory_is_full_and_their_numbers_are_not_used() {
    let mut world = world(1);
    let full = world.full_disk(FRONT);
    visit(&mut world, 0..100);
    assert_eq!(log(&world).dropped(), 100 - SMALL.waiting as u64 - 8, "a batch waits for the disk");
    assert_eq!(log(&world).acknowledged().1, 0);
    world.end(full);
    world.run_for(MS(1_000));
    visit(&mut world, 100..110);
    world.run_for(MS(100));
    assert_eq!(heard(&world), [Vec::from_iter((0..72).chain(100..110))]);
}

#[test]
fn what_rots_is_lost_and_the_rest_is_heard() {
    let mut lost = 0;
    for seed in 0..30 {
        let mut world = world(seed);
        let cut = world.partition([FRONT], [TALLY]);
        visit(&mut world, 0..200);
        world.run_for(MS(50));
        let crash = world.crash(FRONT);
        world.bit_rot(FRONT, 1);
        world.end(crash);
        world.end(cut);
        visit(&mut world, 200..210);
        world.run_for(MS(2_000));
        assert!(log(&world).is_drained(), "seed {seed}: nothing waits for what is lost");
        let heard = heard(&world).into_iter().flatten();
        let clicks: Vec<u64> = heard.filter(|visitor| *visitor != LOST).collect();
        assert!(
            (200..210).all(|click| clicks.contains(&click)),
            "seed {seed}: the new log is whole"
        );
        lost += u64::from(clicks.len() < 210);
    }
    assert!(lost > 0, "rot that nothing notices would be no test");
}

#[test]
fn a_stream_that_is_reset_again_and_again_only_delays() {
    let mut world = world(3);
    for round in 0..20 {
        visit(&mut world, round * 20..(round + 1) * 20);
        let reset = world.link_reset([FRONT], [TALLY]);
        world.end(reset);
    }
    world.run_for(MS(1_000));
    assert_eq!(heard(&world), [Vec::from_iter(0..400)]);
}
