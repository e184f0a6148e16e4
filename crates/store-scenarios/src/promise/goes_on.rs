//! The promise `puts-go-on`: with one zone gone, everybody who asks a node that is there is served.
//!
//! Excused is who asked while a second zone was touched, or within a second after anything happened to a node: those who
//! lead are found anew then.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Time};
use object_store::message::Note;
use object_store::note::What;
use sim::{Breach, Entry, Promise, World};

use crate::shape::{Node, Shape, ZONES};

/// So soon everybody is served.
const BOUND: Duration = Duration::from_secs(2);
/// After so long nobody looks for a leader any more.
const SETTLED: Duration = Duration::from_secs(1);

pub(super) struct GoesOn {
    shape: Shape,
    is_up: BTreeMap<NodeId, bool>,
    /// When a node went or came last.
    turned: Time,
    open: BTreeMap<u64, Open>,
}

/// An operation, and whether it must succeed.
#[derive(Clone, Copy)]
struct Open {
    at: Time,
    node: NodeId,
    is_owed: bool,
}

impl GoesOn {
    pub(super) fn new(shape: Shape) -> GoesOn {
        let is_up = shape.store_ids().into_iter().map(|node| (node, true)).collect();
        let (turned, open) = (Time(0), BTreeMap::new());
        GoesOn { shape, is_up, turned, open }
    }

    /// All that are gone are of one zone.
    fn one_zone_at_most(&self) -> bool {
        let gone = self.is_up.iter().filter(|(_, is_up)| !**is_up);
        let mut zones = gone.map(|(node, _)| node.0 % u32::from(ZONES));
        let first = zones.next();
        zones.all(|zone| Some(zone) == first)
    }

    fn heard(&mut self, at: Time, node: NodeId, note: &Note) -> Result<(), Breach> {
        match *note {
            Note::Invoked { operation, gateway, what, .. } if what != What::Make => {
                let is_there = self.is_up.get(&gateway).copied().unwrap_or_default();
                let settled = at.since(self.turned) >= SETTLED;
                let is_owed = is_there && settled && self.one_zone_at_most();
                self.open.insert(operation, Open { at, node, is_owed });
            }
            Note::Answered { operation, .. } | Note::Declined { operation } => {
                let open = self.open.remove(&operation).filter(|open| open.is_owed);
                if let Some(open) = open.filter(|open| at.since(open.at) > BOUND) {
                    let why =
                        format!("an operation of {:?} took {:?}", open.node, at.since(open.at));
                    return Err(Breach::from(why).on_operation(operation));
                }
            }
            Note::Failed { operation } | Note::GivenUp { operation } => {
                if let Some(open) = self.open.remove(&operation).filter(|open| open.is_owed) {
                    let why = format!(
                        "an operation of {:?} at {:?} did not succeed, though one zone at most was gone",
                        open.node, open.at
                    );
                    return Err(Breach::from(why).on_operation(operation));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Promise<Node> for GoesOn {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.heard(entry.at, entry.node, &entry.note)
    }

    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        for node in self.shape.store_ids() {
            let is_up = world.machine(node).is_some();
            if self.is_up.insert(node, is_up) != Some(is_up) {
                self.turned = world.now();
                // Whoever waits is met by what happened.
                self.open.values_mut().for_each(|open| open.is_owed = false);
            }
        }
        Ok(())
    }
}
