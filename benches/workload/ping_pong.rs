//! Ping-pong: pairs of players keep one ball each in the air, over datagrams of 1 to 10 ms.
//!
//! Everything that a simulator of infrastructure must draw and keep is on: loss, duplication,
//! reordering and delay, a cut, drifting clocks that every player looks at, the trace hash, a note
//! for each delivery, and a promise that looks at the world after every event. The rates are low,
//! and a ball that was lost is served again, so that deliveries and not silences are measured.

use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Protocol, Switches, Time, Wall};
use serde::{Deserialize, Serialize};
use sim::{
    Breach, Cluster, Delays, Draft, Entry, Fault, NoteKind, Promise, PromiseSpec, Registered,
    Scenario, Seeds, Shape, System, Target, World,
};

/// The least and the most that a ball is in the air, in microseconds.
pub const FLIGHT: (u64, u64) = (1_000, 10_000);
/// After so long without a ball the server serves a new one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The sizes that are measured, with the names of their scenarios. Runs are of about
/// [`DELIVERIES`] deliveries each.
pub const SIZES: [(u64, &str); 4] =
    [(2, "2-nodes"), (10, "10-nodes"), (100, "100-nodes"), (1000, "1000-nodes")];
/// About how many deliveries a run of one of [`SIZES`] has.
pub const DELIVERIES: u64 = 400_000;
/// A run of about 4,000 events, as most runs of a sweep are.
pub const SHORT: &str = "short";

/// Plays one run of a scenario; gives its deliveries.
pub fn play(system: &dyn Registered, scenario: &str, seed: u64) -> u64 {
    let seeds = Seeds { first: seed, count: 1, jobs: 1 };
    let report = system.sweep(scenario, seeds, &[], &|_, _| {}).expect("the scenario is there");
    assert!(report.is_clean(), "{report:?}");
    report.sometimes["delivered"]
}

#[derive(Clone, Debug)]
pub struct Rules;

impl Protocol for Rules {
    type Message = Ball;
    type Timer = Tick;
    type Op = ();
    type Note = Hit;
}

/// How often this ball was in the air.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Ball(u64);

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Tick;

/// A ball arrived: its number.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Hit(u64);

/// Returns each ball that is newer than those it has seen.
#[derive(Clone, Debug)]
pub struct Player {
    peer: NodeId,
    serves: bool,
    seen: u64,
    seen_at_tick: u64,
    /// When the last ball came, by both clocks.
    last: (Time, Wall),
}

impl Machine for Player {
    type Protocol = Rules;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Rules>, out: &mut Outputs<Rules>) {
        match input {
            Input::Message { message: Ball(number), .. } => {
                self.last = (now.time, now.wall);
                out.note(Hit(number));
                if number > self.seen {
                    self.seen = number;
                    out.datagram(self.peer, Ball(number + 1));
                }
            }
            Input::Start { .. } | Input::Timer(Tick) if self.serves => {
                if self.seen == self.seen_at_tick {
                    // The other may have seen the last ball, so the next number but one is new.
                    self.seen += 1;
                    out.datagram(self.peer, Ball(self.seen + 1));
                }
                self.seen_at_tick = self.seen;
                out.set_timer(Tick, PATIENCE);
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "player", state: format!("saw ball {} at {:?}", self.seen, self.last) }
    }
}

/// No ball goes up by more than its flights can explain, and no clock stands still.
#[derive(Default)]
struct Fair {
    at: Time,
    notes: usize,
}

impl Promise<Player> for Fair {
    fn note(&mut self, world: &World<Player>, entry: &Entry<Hit>) -> Result<(), Breach> {
        let Hit(number) = entry.note;
        let flights = entry.at.0 / (FLIGHT.0 * 1_000);
        self.notes += 1;
        match world.machine(entry.node) {
            Some(player) if number <= player.seen && number <= 2 + 2 * flights => Ok(()),
            _ => Err(stray(number).into()),
        }
    }

    fn step(&mut self, world: &World<Player>) -> Result<(), Breach> {
        let (before, now) = (self.at, world.now());
        self.at = now;
        if before > now || world.history().len() != self.notes {
            return Err("time went back, or a note went by unseen".into());
        }
        Ok(())
    }
}

#[cold]
fn stray(number: u64) -> String {
    format!("ball {number} came out of nowhere")
}

/// How many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pairs {
    players: u64,
}

impl Shape for Pairs {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("player", self.players)]
    }
}

/// The system that the registry knows.
pub struct PingPong;

impl System for PingPong {
    type Node = Player;
    type Shape = Pairs;
    type Operation = ();

    const NAME: &'static str = "ping-pong";
    const ABOUT: &'static str = "Pairs of players, to measure the simulator with.";
    const PROMISES: &'static [PromiseSpec<Player, Pairs>] = &[PromiseSpec {
        name: "fair",
        about: "No ball comes out of nowhere.",
        checker: |_| Box::new(Fair::default()),
    }];

    fn scenarios() -> Vec<Scenario<Self>> {
        let [(_, a), (_, b), (_, c), (_, d)] = SIZES;
        let of = |name, draw| Scenario {
            seeds: u64::MAX,
            ..Scenario::new(
                name,
                "Pairs of players under low rates of every fault of a link.",
                &["fair"],
                draw,
            )
        };
        vec![
            of(a, draw::<2, DELIVERIES>),
            of(b, draw::<10, DELIVERIES>),
            of(c, draw::<100, DELIVERIES>),
            of(d, draw::<1000, DELIVERIES>),
            of(SHORT, draw::<10, 3_900>),
        ]
    }

    fn boot(_: &Cluster<Pairs>, node: NodeId, _: Switches) -> Player {
        let peer = NodeId(node.0 ^ 1);
        let serves = node.0.is_multiple_of(2);
        Player { peer, serves, seen: 0, seen_at_tick: 0, last: (Time(0), Wall(0)) }
    }

    fn perform((): &()) -> Ball {
        Ball(0)
    }

    fn note_kind(_hit: &Hit) -> NoteKind {
        NoteKind::Sometimes("delivered")
    }
}

fn draw<const NODES: u64, const DELIVERIES: u64>(draft: &mut Draft<(), Pairs>) {
    draft.cluster(Pairs { players: NODES }, 3);
    draft.delays(Delays::micros(FLIGHT.0, FLIGHT.1));
    let (flight, balls) = ((FLIGHT.0 + FLIGHT.1) / 2, NODES / 2);
    draft.phases(Duration::from_micros(DELIVERIES * flight / balls), Duration::ZERO);
    let all: Vec<Target> = (0..NODES as u32).map(Target::from).collect();
    let (first, nodes) = (vec![all[0].clone()], all.clone());
    let strangers = all.iter().skip(2).cloned().collect();
    let mut faults = vec![
        Fault::Loss { nodes: nodes.clone(), ppm: 500 },
        Fault::Duplication { nodes: nodes.clone(), ppm: 5_000 },
        Fault::Reordering { nodes, ppm: 5_000, by_ns: 5_000_000 },
        Fault::Delay { nodes: first.clone(), by_ns: 100_000 },
        // Strangers do not play: this loses no ball.
        Fault::OneWayPartition { from: first, to: strangers },
    ];
    let drift = |node| Fault::ClockDrift { node, ppm: draft.number(0, 200) as i32 - 100 };
    faults.extend(all.into_iter().map(drift));
    let after = draft.end() + Duration::from_nanos(1);
    faults.into_iter().for_each(|fault| draft.fault(Time(0), after, fault));
}
