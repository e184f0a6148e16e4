//! The lab in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use machine::NodeId;
use sim::{Delays, Fault, FaultId, Target, World};

use super::probe::{Act, Probe, Seen, Word};
use super::{Lab, Ruined};

/// What a sound link lets out, in bytes a second.
const SOUND_RATE: u32 = 1_250_000_000;

pub(super) struct Simulated {
    world: World<Probe>,
    down: BTreeMap<u32, FaultId>,
    paused: BTreeMap<u32, FaultId>,
    links: BTreeMap<(u32, u32), Vec<FaultId>>,
}

impl Simulated {
    pub(super) fn new(seed: u64) -> Self {
        let world =
            World::new(seed, &[0; 3], Delays::micros(50, 500), Arc::new(|_| Probe::default()));
        Simulated { world, down: BTreeMap::new(), paused: BTreeMap::new(), links: BTreeMap::new() }
    }

    /// Until the link of these is healed.
    fn on_link(&mut self, a: u32, b: u32, fault: Fault) {
        let fault = self.world.begin(fault);
        self.links.entry((a, b)).or_default().push(fault);
    }
}

fn sides(a: u32, b: u32) -> [Vec<Target>; 2] {
    [a, b].map(|node| vec![NodeId(node).into()])
}

impl Lab for Simulated {
    fn tell(&mut self, node: u32, acts: &[Act]) {
        self.world.tell(NodeId(node), Word::Do(acts.to_vec()));
        self.world.run_until(self.world.now());
    }

    fn log(&self, node: u32) -> Vec<Seen> {
        let here = self.world.history().iter().filter(|entry| entry.node == NodeId(node));
        here.map(|entry| entry.note.clone()).collect()
    }

    fn is_up(&self, node: u32) -> bool {
        self.world.machine(NodeId(node)).is_some()
    }

    fn kill(&mut self, node: u32) {
        let crash = self.world.begin(Fault::Crash { node: NodeId(node).into() });
        self.down.insert(node, crash);
    }

    fn restart(&mut self, node: u32) -> Result<(), String> {
        if let Some(crash) = self.down.remove(&node) {
            self.world.end(crash);
        }
        Ok(())
    }

    /// As the operator of a simulated cluster does it, who starts it again much later.
    fn stop(&mut self, node: u32) {
        let (now, nodes) = (self.world.now(), vec![NodeId(node).into()]);
        self.world.schedule(now, now + Duration::from_secs(600), Fault::RollingRestart { nodes });
    }

    fn pause(&mut self, node: u32) {
        let pause = self.world.begin(Fault::Pause { node: NodeId(node).into() });
        self.paused.insert(node, pause);
    }

    fn resume(&mut self, node: u32) {
        if let Some(pause) = self.paused.remove(&node) {
            self.world.end(pause);
        }
    }

    fn cut(&mut self, a: u32, b: u32) {
        let [a_side, b_side] = sides(a, b);
        self.on_link(a, b, Fault::Partition { a: a_side, b: b_side });
    }

    fn heal(&mut self, a: u32, b: u32) {
        for fault in self.links.remove(&(a, b)).unwrap_or_default() {
            self.world.end(fault);
        }
    }

    fn slow(&mut self, a: u32, b: u32, rate: u32) {
        let [a_side, b_side] = sides(a, b);
        self.on_link(a, b, Fault::SlowLink { a: a_side, b: b_side, times: SOUND_RATE / rate });
    }

    fn reset(&mut self, a: u32, b: u32) {
        let [a, b] = sides(a, b);
        let reset = self.world.begin(Fault::LinkReset { a, b });
        self.world.end(reset);
    }

    /// The whole disk: the script asks it for nothing else.
    fn ruin(&mut self, node: u32, _file: Ruined) {
        self.world.begin(Fault::FailingDisk { node: NodeId(node).into(), ppm: 1_000_000 });
    }

    fn go_on(&mut self) {
        self.world.run_for(Duration::from_millis(1));
    }

    fn settle(&mut self) {
        self.world.run_for(Duration::from_secs(2));
    }

    fn patience(&self) -> u32 {
        60_000
    }
}
