//! Two worlds, one machine: the same script gets the same answers, a crash and a restart included.
//!
//! In the simulated world the script takes virtual time, and a crash is a fault. In the real one the
//! authority is a process of its own, a crash is `kill -9`, and its askers reach it over TCP; what
//! it knows after a restart it has from its files.

mod asker;
mod disks;
mod real;
mod simulated;

use std::time::Duration;

use machine::{Switches, Wall};
use snowflake::{LEASE, Lease, Mechanism, Message, Wanted};

use real::Real;
use simulated::Simulated;

/// A world with an authority over two worker ids, n0, and three askers, n1 to n3.
trait World {
    /// Has an asker send this, and gives what it hears next.
    fn ask(&mut self, asker: u32, message: Message) -> String;

    /// The authority stops without a word to anybody; gives what the askers hear of that.
    fn crash(&mut self) -> Vec<String>;

    /// It begins again, from its files alone.
    fn restart(&mut self);

    fn wait(&mut self, time: Duration);

    /// The steps from here on are to take no longer than this, or their answers may be others.
    fn within(&mut self, bound: Duration);
}

/// What happened, a line a step.
struct Story<'a, W> {
    world: &'a mut W,
    lines: Vec<String>,
}

impl<W: World> Story<'_, W> {
    fn ask(&mut self, asker: u32, message: Message) {
        let asked = match message {
            Message::Acquire(Wanted { request, .. }) => format!("acquires by request {request}"),
            Message::Renew(_, Lease { worker, epoch }) => {
                format!("renews worker {worker}, epoch {epoch}")
            }
            _ => unreachable!("the script only asks"),
        };
        let heard = self.world.ask(asker, message);
        self.lines.push(format!("n{asker} {asked}: {heard}"));
    }

    fn crash_and_restart(&mut self) {
        for (asker, heard) in (1..).zip(self.world.crash()) {
            self.lines.push(format!("n{asker} at the crash: {heard}"));
        }
        self.world.restart();
    }
}

fn acquire(request: u64, ceiling: u64) -> Message {
    Message::Acquire(Wanted { request, ceiling: Wall(ceiling) })
}

fn renew(request: u64, ceiling: u64, worker: u64, epoch: u64) -> Message {
    Message::Renew(Wanted { request, ceiling: Wall(ceiling) }, Lease { worker, epoch })
}

/// Ceilings are small numbers, long past, so that the answers do not depend on anybody's clock.
fn script(world: &mut impl World) -> Vec<String> {
    let mut story = Story { world, lines: Vec::new() };
    story.world.within(LEASE * 8 / 10);
    story.ask(1, acquire(10, 1000));
    story.ask(2, acquire(20, 2000));
    story.ask(3, acquire(30, 3000));
    story.ask(1, renew(11, 1500, 0, 1));
    story.crash_and_restart();

    // What was promised before the crash holds after it, and every lease counts as just given.
    story.world.within(LEASE * 8 / 10);
    story.ask(1, acquire(10, 1000));
    story.ask(3, acquire(31, 3000));
    story.ask(1, renew(12, 1200, 0, 1));
    story.ask(2, renew(21, 2500, 1, 2));
    story.world.wait(LEASE * 12 / 10);

    // All leases have run out: a number changes hands, above all that its holder may have minted.
    story.world.within(LEASE * 8 / 10);
    story.ask(3, acquire(32, 1));
    story.ask(1, renew(13, 9000, 0, 1));
    story.ask(2, renew(22, 2600, 1, 2));
    story.ask(1, acquire(14, 9000));
    story.crash_and_restart();

    story.world.within(LEASE * 8 / 10);
    story.ask(3, acquire(32, 1));
    story.ask(1, renew(15, 9000, 0, 1));
    story.world.within(Duration::MAX);
    story.lines
}

const ANSWERS: [&str; 20] = [
    "n1 acquires by request 10: granted worker 0, epoch 1, above 0 up to 1000",
    "n2 acquires by request 20: granted worker 1, epoch 2, above 0 up to 2000",
    "n3 acquires by request 30: denied",
    "n1 renews worker 0, epoch 1: granted worker 0, epoch 1, above 0 up to 1500",
    "n1 at the crash: the link with n0 was reset",
    "n2 at the crash: the link with n0 was reset",
    "n3 at the crash: the link with n0 was reset",
    "n1 acquires by request 10: granted worker 0, epoch 1, above 0 up to 1500",
    "n3 acquires by request 31: denied",
    "n1 renews worker 0, epoch 1: granted worker 0, epoch 1, above 0 up to 1500",
    "n2 renews worker 1, epoch 2: granted worker 1, epoch 2, above 0 up to 2500",
    "n3 acquires by request 32: granted worker 0, epoch 3, above 1500 up to 1500",
    "n1 renews worker 0, epoch 1: denied",
    "n2 renews worker 1, epoch 2: granted worker 1, epoch 2, above 0 up to 2600",
    "n1 acquires by request 14: denied",
    "n1 at the crash: the link with n0 was reset",
    "n2 at the crash: the link with n0 was reset",
    "n3 at the crash: the link with n0 was reset",
    "n3 acquires by request 32: granted worker 0, epoch 3, above 1500 up to 1500",
    "n1 renews worker 0, epoch 1: denied",
];

#[test]
fn the_authority_answers_so_in_the_simulated_world() {
    for seed in 0..50 {
        assert_eq!(script(&mut Simulated::new(seed, Switches::ALL_ON)), ANSWERS, "seed {seed}");
    }
}

/// A computer that was busy with something else for most of a second has left the script's bounds,
/// and what it then answered proves nothing.
#[test]
fn the_authority_answers_so_in_the_real_world() {
    let in_bounds = (0..5).find_map(|_| {
        let mut world = Real::new();
        let answers = script(&mut world);
        (!world.was_late()).then_some(answers)
    });
    let answers = in_bounds.expect("in five tries this computer was never quick enough");
    assert_eq!(answers, ANSWERS);
}

#[test]
fn the_script_tells_another_authority_from_this_one() {
    for other in [Mechanism::LeaseFencing, Mechanism::TimestampCeiling] {
        let switches = other.off();
        assert_ne!(script(&mut Simulated::new(7, switches)), ANSWERS, "{other:?}");
    }
}

/// Not a test of its own but the process that the one above starts, and kills.
#[test]
fn an_authority_in_a_process_of_its_own() {
    real::serve_if_asked();
}
