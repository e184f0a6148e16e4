//! How long users wait while a part of the fleet is slow (a gray failure).

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Promise, Verdict, World};

use crate::message::{Fleet, Note};

/// A request that takes longer was held up by a slow cache.
const PROMPT: Duration = Duration::from_millis(30);
/// It is judged over so long at a time, where so many came to a front.
const WINDOW: Duration = Duration::from_secs(1);
const MIN_REQUESTS: u64 = 100;

pub(super) struct Prompt;

/// The requests that came to a front in a window.
#[derive(Default)]
struct Came {
    all: u64,
    late: u64,
    /// The first of those.
    first: Option<u64>,
}

impl<M: Machine<Protocol = Fleet>> Promise<M> for Prompt {
    fn end(&mut self, world: &World<M>) -> Verdict {
        let mut asked: BTreeMap<u64, (NodeId, Time)> = BTreeMap::new();
        let mut windows: BTreeMap<(u128, NodeId), Came> = BTreeMap::new();
        let window = |at: Time| at.since(Time(0)).as_nanos() / WINDOW.as_nanos();
        let mut ends = |token, front, began: Time, ended: Time| {
            let came: &mut Came = windows.entry((window(began), front)).or_default();
            came.all += 1;
            if ended > began + PROMPT {
                came.late += 1;
                came.first = came.first.or(Some(token));
            }
        };
        for entry in world.history().iter() {
            match entry.note {
                Note::Asked { token, .. } => drop(asked.insert(token, (entry.node, entry.at))),
                Note::Answered { token } | Note::Failed { token } => {
                    if let Some((front, began)) = asked.remove(&token) {
                        ends(token, front, began, entry.at);
                    }
                }
                _ => {}
            }
        }
        for (token, (front, began)) in asked {
            ends(token, front, began, world.now());
        }
        // In the first one the caches are filled.
        let bad = |((window, _), came): &((u128, NodeId), Came)| {
            *window > 0 && came.all >= MIN_REQUESTS && came.late * 10 > came.all
        };
        match windows.into_iter().find(bad) {
            Some(((window, front), Came { all, late, first })) => {
                let why = format!(
                    "of the {all} requests that came to {front:?} from {:?} on, {late} took more than \
                 {PROMPT:?}",
                    Time(0) + WINDOW * window as u32
                );
                Verdict::Broken(first.into_iter().fold(Breach::from(why), Breach::on_operation))
            }
            None => Verdict::Held,
        }
    }
}
