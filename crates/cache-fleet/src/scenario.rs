//! Named failure scenarios: a cache fleet in front of a database, and what goes wrong with it. The
//! tests, the tour and the command line run these.
//!
//! Each leaves out the mechanisms that would hide those it is about.

use std::time::Duration;

use machine::{MechanismInfo, NodeId, Switches, Time};
use sim::{
    FaultKind, NoteKind, PromiseSpec, Registered, Scenario, Script, Shape as _, System, Witness,
};

use crate::mechanism::Mechanism;
use crate::message::{Browse, CallOutcome, Message, Note, Order};
use crate::promise::PROMISES;
use crate::shape::{Cluster, Draft, Server, Shape};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct CacheFleet;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<CacheFleet>()
}

impl System for CacheFleet {
    type Node = Server;
    type Shape = Shape;
    type Operation = Order;

    const NAME: &'static str = "hash-ring";
    const ABOUT: &'static str =
        "Keys placed on nodes by hashing: a cache fleet in front of a database.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Server, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &["cache", "database", "front"];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::Crash,
        FaultKind::Delay,
        FaultKind::LinkReset,
        FaultKind::Pause,
        FaultKind::PowerLoss,
        FaultKind::RollingRestart,
        FaultKind::SlowNode,
        FaultKind::ZoneLoss,
    ];
    const WITNESSES: &'static [Witness] = WITNESSES;

    fn scenarios() -> Vec<Scenario<Self>> {
        scenarios()
    }

    fn boot(cluster: &Cluster, node: NodeId, switches: Switches) -> Server {
        Shape::boot(cluster, node, switches)
    }

    fn perform(operation: &Order) -> Message {
        Message::Order(operation.clone())
    }

    fn work(order: &Order) -> u64 {
        match order {
            // A request is about ten events.
            Order::Browse(crowd) => {
                let warm = if crowd.warm { crowd.keys } else { 0 };
                u64::from(crowd.requests).saturating_mul(10).saturating_add(warm)
            }
            Order::Join(_) | Order::Leave(_) | Order::Expire(_) => 1,
        }
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Asked { token, .. } => NoteKind::Invoked(*token),
            Note::Answered { token } => NoteKind::Ok(*token),
            Note::Failed { token } => NoteKind::Failed(*token),
            Note::Called { .. } => NoteKind::Plain,
            Note::Returned { outcome, .. } => NoteKind::Sometimes(match outcome {
                CallOutcome::Hit => "hit",
                CallOutcome::Miss => "miss",
                CallOutcome::TimedOut => "cache-timed-out",
                CallOutcome::Reset => "connection-reset",
            }),
            Note::SentOn => NoteKind::Sometimes("sent-on"),
            Note::FailedFast { .. } => NoteKind::Sometimes("failed-fast"),
            Note::Opened { .. } => NoteKind::Sometimes("breaker-opened"),
            Note::Coalesced => NoteKind::Sometimes("coalesced"),
            Note::Retried => NoteKind::Sometimes("retried"),
            Note::BudgetSpent => NoteKind::Sometimes("budget-spent"),
            Note::Read { .. } | Note::Serves { .. } => NoteKind::Plain,
            Note::GivenUp => NoteKind::Sometimes("given-up"),
            Note::TurnedAway => NoteKind::Sometimes("turned-away"),
            Note::Joined { .. } => NoteKind::Sometimes("joined"),
            Note::Left { .. } => NoteKind::Sometimes("left"),
        }
    }
}

/// What holds whatever happens to caches.
const ALWAYS: &[&str] = &["little-movement", "balanced", "copies-apart", "fails-fast"];

/// Recorded, so that the tour need not search for them.
const WITNESSES: &[Witness] = &[
    Witness::new("consistent-hashing", "little-movement", "scale-out", 0),
    Witness::new("virtual-nodes", "balanced", "uneven-hardware", 0),
    Witness::new("weighting", "balanced", "uneven-hardware", 0),
    Witness::new("bounded-load", "bounded-load", "hot-key", 0),
    Witness::new("replica-spread", "copies-apart", "zone-loss", 0),
    Witness::new("request-coalescing", "database-protected", "hot-key", 0),
    Witness::new("retry-budget", "recovers", "retry-storm", 6),
    Witness::new("circuit-breaker", "fails-fast", "node-loss", 0),
    Witness::new("jitter", "no-herd", "rolling-restart", 0),
    Witness::new("call-window", "prompt", "slow-cache", 0),
    Witness::new("deadline", "no-work-in-vain", "rush", 0),
];

fn scenarios() -> Vec<Scenario<CacheFleet>> {
    let scenario = |name, about, draw, reaches| Scenario {
        seeds: 100,
        reaches,
        ..Scenario::new(name, about, ALWAYS, draw)
    };
    vec![
        scenario(
            "node-loss",
            "caches lose power for up to a second and come back empty",
            node_loss,
            &[("power-loss", 100), ("breaker-opened", 100), ("failed-fast", 1_000)],
        ),
        Scenario {
            promises: &["bounded-load", "database-protected", "little-movement", "fails-fast"],
            ..scenario(
                "hot-key",
                "nearly all requests are for one key, which expires now and then, while caches \
                 come and go",
                hot_key,
                &[("sent-on", 1_000), ("coalesced", 1_000), ("crash", 50)],
            )
        },
        Scenario {
            // A cache that is slow is soon at the bound, so that this would send most of its requests on.
            leaves_out: &["bounded-load"],
            promises: &["prompt", "little-movement", "balanced", "copies-apart", "fails-fast"],
            ..scenario(
                "slow-cache",
                "two copies of every key; a cache answers every request, and late",
                slow_cache,
                &[("delay", 100), ("breaker-opened", 500), ("failed-fast", 5_000), ("hit", 50_000)],
            )
        },
        scenario(
            "zone-loss",
            "two copies of every key; a whole zone loses power",
            zone_loss,
            &[("zone-loss", 100), ("failed-fast", 1_000)],
        ),
        Scenario {
            leaves_out: &["retry-budget", "request-coalescing"],
            promises: &["no-herd", "little-movement", "copies-apart", "fails-fast"],
            ..scenario(
                "rolling-restart",
                "all servers behind the fronts restart in turn, the database last, and crowds \
                 come meanwhile",
                rolling_restart,
                &[("rolling-restart", 100), ("retried", 2_000)],
            )
        },
        scenario(
            "scale-out",
            "caches join a fleet that is in use, and some leave it",
            scale_out,
            &[("joined", 100), ("left", 50), ("hit", 1_000)],
        ),
        Scenario {
            leaves_out: &["request-coalescing", "deadline"],
            promises: &["recovers", "little-movement", "balanced", "copies-apart", "fails-fast"],
            ..scenario(
                "retry-storm",
                "one of two caches is lost for up to a second, and the database has more to do \
                 than it can",
                retry_storm,
                &[("crash", 100), ("turned-away", 1_000), ("budget-spent", 1_000)],
            )
        },
        Scenario {
            promises: &["no-work-in-vain", "little-movement", "copies-apart", "fails-fast"],
            ..scenario(
                "rush",
                "for a second or two many more users come for what no cache has than the database can \
                 serve",
                rush,
                &[("turned-away", 1_000), ("given-up", 1_000)],
            )
        },
        scenario(
            "uneven-hardware",
            "some caches are twice or four times as large as others",
            uneven_hardware,
            &[("hit", 10_000)],
        ),
    ]
}

const MS: fn(u64) -> Duration = Duration::from_millis;
/// Noise among caches that every promise must bear.
const NOISE: &[FaultKind] = &[
    FaultKind::Crash,
    FaultKind::PowerLoss,
    FaultKind::Pause,
    FaultKind::SlowNode,
    FaultKind::Delay,
    FaultKind::LinkReset,
];
/// Keys that no two users share.
const TAIL: u64 = 1 << 40;

fn node_loss(draft: &mut Draft) {
    let shape = fleet(draft, 3, 6, 1);
    draft.phases(MS(2_000), MS(500));
    visits(draft, shape);
    draft.swarm(NOISE, &shape.cache_targets());
    for _ in 0..draft.number(1, 3) {
        let node = draft.one_of(&shape.cache_ids());
        draft.lasting(MS(200), MS(1_000)).power_loss(node);
    }
    crowds(draft, shape, Browse { requests: 400, every_us: 5_000, first: 0, keys: 50, warm: true });
    resets(draft, shape);
}

/// Caches have nothing to say to each other: what fronts have with them is reset.
fn resets(draft: &mut Draft, shape: Shape) {
    let targets = [shape.cache_targets(), shape.targets("front")].concat();
    draft.swarm(&[FaultKind::LinkReset], &targets);
}

fn hot_key(draft: &mut Draft) {
    let shape = fleet(draft, 3, 6, 1);
    draft.phases(MS(1_500), MS(500));
    for _ in 0..draft.number(30, 60) {
        let (at, cache) =
            (Time(draft.number(0, draft.heal_at().0)), draft.one_of(&shape.cache_ids()));
        draft.operation(at, cache, Order::Expire(0));
    }
    draft.swarm(NOISE, &shape.cache_targets());
    crowds(draft, shape, Browse { requests: 60, every_us: 20_000, first: 1, keys: 3, warm: false });
    let every_us = draft.magnitude(500, 2_000) as u32;
    crowds(draft, shape, Browse { requests: 600, every_us, first: 0, keys: 1, warm: false });
}

/// No call fails, and one in three takes 32 ms or more.
fn slow_cache(draft: &mut Draft) {
    let shape = fleet(draft, 3, 3, 2);
    draft.phases(MS(3_000), MS(500));
    visits(draft, shape);
    let cache = draft.one_of(&shape.cache_ids());
    let (at, late) = (Time(0) + MS(draft.number(200, 600)), MS(draft.number(16, 20)));
    let until = at + MS(draft.number(2_000, 2_200));
    draft.between(at, until).delay([cache], late);
    let crowd = Browse { requests: 1_600, every_us: 2_000, first: 0, keys: 100, warm: true };
    crowds(draft, shape, crowd);
}

fn zone_loss(draft: &mut Draft) {
    let shape = fleet(draft, 3, 6, 2);
    draft.phases(MS(2_000), MS(500));
    visits(draft, shape);
    draft.swarm(NOISE, &shape.cache_targets());
    let zone = draft.number(0, 2) as u8;
    let zones = [zone, (zone + 1) % 3, (zone + 2) % 3];
    draft.lasting(MS(300), MS(1_500)).zone_loss_of(&zones);
    crowds(draft, shape, Browse { requests: 400, every_us: 5_000, first: 0, keys: 50, warm: true });
    resets(draft, shape);
}

fn rolling_restart(draft: &mut Draft) {
    let shape = fleet(draft, 3, 5, 1);
    draft.phases(MS(2_500), MS(3_000));
    visits(draft, shape);
    crowds(
        draft,
        shape,
        Browse { requests: 100, every_us: 40_000, first: 0, keys: 50, warm: true },
    );
    let heal = draft.heal_at();
    let last = heal - MS(draft.number(500, 1_000));
    draft.between(Time(100_000_000), last).rolling_restart(shape.cache_ids());
    draft.between(last, heal).crash(shape.database());
    for _ in 0..draft.number(1, 2) {
        let at = last + MS(draft.number(0, 400));
        let (front, requests) = (draft.one_of(&shape.front_ids()), draft.number(40, 80) as u32);
        let crowd = Browse { requests, every_us: 0, first: TAIL, keys: TAIL, warm: false };
        draft.operation(at, front, Order::Browse(crowd));
    }
}

fn scale_out(draft: &mut Draft) {
    let shape = Shape { spares: draft.number(1, 3), ..sizes(draft, 3, 6, 1) };
    shape.draw(draft);
    draft.phases(MS(2_000), MS(500));
    visits(draft, shape);
    draft.swarm(NOISE, &shape.cache_targets());
    let spares = shape.cache_ids().into_iter().skip(shape.caches as usize);
    let mut changes: Vec<_> = spares.map(Order::Join).collect();
    if draft.percent(50) {
        changes.push(Order::Leave(draft.one_of(&shape.cache_ids())));
    }
    for change in changes {
        let at = draft.number(0, draft.heal_at().0);
        for front in shape.front_ids() {
            // Fronts learn of it one after the other.
            let later = draft.number(0, 50_000_000);
            draft.operation(Time(at + later), front, change.clone());
        }
    }
    crowds(
        draft,
        shape,
        Browse { requests: 400, every_us: 5_000, first: 0, keys: 100, warm: true },
    );
}

/// In a second 200 requests find their keys in one of two caches, and 40 do not. With one cache lost
/// that is some 140 reads for a database that can do 100. It answers 86 of them in time, so the cache
/// fills again, and 53 of 200, should the lost cache have had three quarters of the keys; but 13 of 240,
/// and none of 560, which is what it gets when everybody tries again.
fn retry_storm(draft: &mut Draft) {
    let shape = fleet(draft, 2, 2, 1);
    draft.phases(MS(1_200), MS(3_800));
    visits(draft, shape);
    let lost = MS(draft.number(500, 1_000));
    let (cache, heal) = (draft.one_of(&shape.cache_ids()), draft.heal_at());
    draft.between(heal - lost, heal).crash(cache);
    let crowd = |per_second: u32, first, keys, warm| {
        let every_us = 1_000_000 * shape.fronts as u32 / per_second;
        Browse { requests: 5_000_000 / every_us, every_us, first, keys, warm }
    };
    crowds(draft, shape, crowd(40, TAIL, TAIL, false));
    crowds(draft, shape, crowd(200, 0, 60, true));
}

/// Three to six times as many as the database can serve: a read in its queue waits for longer than any
/// front does.
fn rush(draft: &mut Draft) {
    let shape = fleet(draft, 2, 4, 1);
    draft.phases(MS(2_000), MS(1_000));
    visits(draft, shape);
    let every_us = 1_000_000 * shape.fronts as u32 / draft.number(300, 600) as u32;
    let requests = draft.number(1_000_000, 2_000_000) as u32 / every_us;
    crowds(draft, shape, Browse { requests, every_us, first: TAIL, keys: TAIL, warm: false });
}

fn uneven_hardware(draft: &mut Draft) {
    let shape = Shape { uneven: true, ..sizes(draft, 3, 6, 1) };
    shape.draw(draft);
    draft.phases(MS(2_000), MS(500));
    visits(draft, shape);
    draft.swarm(
        &[FaultKind::Pause, FaultKind::SlowNode, FaultKind::Delay, FaultKind::LinkReset],
        &shape.cache_targets(),
    );
    let crowd = Browse { requests: 600, every_us: 3_000, first: 0, keys: 600, warm: true };
    crowds(draft, shape, crowd);
}

/// Between so many and so many caches, and one or two fronts.
fn sizes(draft: &mut Draft, least: u64, most: u64, copies: u64) -> Shape {
    let (caches, fronts) = (draft.number(least, most), draft.number(1, 2));
    let number = draft.number(0, 1_000_000);
    Shape { caches, spares: 0, fronts, copies, uneven: false, number }
}

fn fleet(draft: &mut Draft, least: u64, most: u64, copies: u64) -> Shape {
    let shape = sizes(draft, least, most, copies);
    shape.draw(draft);
    shape
}

/// A crowd at every front, from the beginning.
fn crowds(draft: &mut Draft, shape: Shape, crowd: Browse) {
    for front in shape.front_ids() {
        draft.operation(Time(0), front, Order::Browse(crowd));
    }
}

/// Some more users, who come one by one.
fn visits(draft: &mut Draft, shape: Shape) {
    for _ in 0..draft.number(50, 80) {
        let (at, front) = (Time(draft.number(0, draft.end().0)), draft.one_of(&shape.front_ids()));
        let (requests, first) = (draft.number(1, 3) as u32, draft.number(0, 99));
        let visit = Browse { requests, every_us: 10_000, first, keys: 1, warm: false };
        draft.operation(at, front, Order::Browse(visit));
    }
}
