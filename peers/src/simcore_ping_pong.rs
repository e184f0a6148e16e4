//! The same ping-pong on simcore: pairs of components with one ball each, in the air for 1 to
//! 10 ms. It has no faults, drift, history, hash or promises, so it pays for none of them.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext, cast};

use crate::ping_pong::FLIGHT;

#[derive(Clone, Serialize)]
struct Ball {
    number: u64,
}

struct Player {
    context: SimulationContext,
    peer: Id,
    seen: u64,
}

impl Player {
    fn hit(&self, number: u64) {
        let (least, most) = (FLIGHT.0 as f64 / 1e6, FLIGHT.1 as f64 / 1e6);
        let delay = least + self.context.rand() * (most - least);
        self.context.emit(Ball { number }, self.peer, delay);
    }
}

impl EventHandler for Player {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Ball { number } => {
                if number > self.seen {
                    self.seen = number;
                    self.hit(number + 1);
                }
            }
        })
    }
}

/// Plays so many deliveries among so many nodes.
pub fn play(nodes: u64, deliveries: u64, seed: u64) -> u64 {
    let mut world = Simulation::new(seed);
    let mut players = Vec::new();
    for node in 0..nodes as Id {
        let name = format!("player {node}");
        let context = world.create_context(&name);
        let player = Rc::new(RefCell::new(Player { context, peer: node ^ 1, seen: 0 }));
        assert_eq!(world.add_handler(name, player.clone()), node, "numbers are given in order");
        players.push(player);
    }
    players.iter().step_by(2).for_each(|player| player.borrow().hit(1));
    assert!(world.steps(deliveries), "no ball is ever lost");
    deliveries
}
