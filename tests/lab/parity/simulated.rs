//! The script in virtual time.

use std::sync::Arc;
use std::time::Duration;

use machine::{NodeId, Switches};
use sim::{Delays, Fault, FaultId};
use snowflake::{Authority, Message, Snowflake};

use super::World;
use super::asker::{AUTHORITY, Asker, heard};

sim::nodes! {
    enum Node: Snowflake {
        Authority(Authority),
        Asker(Asker),
    }
}

pub(super) struct Simulated {
    world: sim::World<Node>,
    down: Option<FaultId>,
}

impl Simulated {
    pub(super) fn new(seed: u64, switches: Switches) -> Self {
        let boot = move |id| match id {
            AUTHORITY => Node::Authority(Authority::new(2, switches)),
            _ => Node::Asker(Asker::default()),
        };
        let delays = Delays::micros(50, 500);
        let mut world = sim::World::new(seed, &[0; 4], delays, Arc::new(boot));
        world.run_for(Duration::from_millis(10));
        Simulated { world, down: None }
    }

    fn heard(&self, asker: NodeId) -> Vec<String> {
        self.world.inspect(asker).map(|shown| heard(&shown)).unwrap_or_default()
    }

    /// Goes on until the asker has heard one thing more.
    fn next(&mut self, asker: u32, before: usize) -> String {
        let end = self.world.now() + Duration::from_secs(60);
        loop {
            if let Some(next) = self.heard(NodeId(asker)).get(before) {
                return next.clone();
            }
            assert!(self.world.now() < end && self.world.step(), "asker {asker} hears nothing");
        }
    }
}

impl World for Simulated {
    fn ask(&mut self, asker: u32, message: Message) -> String {
        let before = self.heard(NodeId(asker)).len();
        self.world.tell(NodeId(asker), message);
        self.next(asker, before)
    }

    fn crash(&mut self) -> Vec<String> {
        let before = [1, 2, 3].map(|asker| (asker, self.heard(NodeId(asker)).len()));
        self.down = Some(self.world.begin(Fault::Crash { node: AUTHORITY.into() }));
        before.map(|(asker, before)| self.next(asker, before)).into()
    }

    fn restart(&mut self) {
        if let Some(fault) = self.down.take() {
            self.world.end(fault);
        }
        self.wait(Duration::from_millis(10));
    }

    fn wait(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    fn within(&mut self, _bound: Duration) {}
}
