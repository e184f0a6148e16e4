//! Messages that a fault picks by what they say: "every AppendEntries to n2".
//!
//! A system declares what can be picked, so that a saved plan names it and replays. Nothing is ever taken out of a lane
//! without a word: there a message that is dropped resets the pair, and one that is late makes what follows late
//! too.

use machine::{Link, Machine, NodeId, Time};
use recording::Moment;

use crate::fault::Fault;
use crate::world::{Message, World};

/// Messages that faults can pick, by a name that plans are saved with.
#[derive(Clone, Copy, Debug)]
pub struct MessageFilter<M> {
    /// In kebab-case.
    pub name: &'static str,
    /// Is the message one of them?
    pub picks: fn(&M) -> bool,
}

/// What becomes of a message that was picked.
enum Picked {
    Dropped,
    Late { by_ns: u64 },
}

impl<M: Machine> World<M> {
    /// Declares what faults can pick messages by. Say it before such a fault is scheduled.
    pub fn declare(&mut self, filters: &'static [MessageFilter<Message<M>>]) {
        self.filters = filters;
    }

    /// # Panics
    /// If the fault picks messages by what was not declared: it would pick none, without a word.
    pub(crate) fn assert_declared(&self, fault: &Fault) {
        if let Fault::MessageFilter { filter, .. } = fault {
            let known: Vec<&str> = self.filters.iter().map(|declared| declared.name).collect();
            let there = known.contains(&filter.as_str());
            assert!(there, "there is no filter {filter:?}; declared are {}", known.join(", "));
        }
    }

    /// Does a message go on as it would without filters? What becomes of it otherwise is done here.
    #[cold]
    pub(crate) fn passes(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &Message<M>,
        link: Link,
    ) -> bool {
        let Some((index, picked)) = self.pick(from, to, message) else { return true };
        if !self.chaos.faults[index].is_counted() {
            self.count(index);
        }
        match (picked, link) {
            (Picked::Dropped, _) => {
                self.record(|| Moment::Lost { from, to, text: format!("{message:?}") });
                // A lane that is dead loses it anyway.
                if link != Link::Datagram && !self.network.lanes.is_dead(from, to) {
                    self.reset_link(from, to);
                }
                false
            }
            (Picked::Late { by_ns }, Link::Datagram) => {
                let at = Time(self.now.0 + by_ns);
                self.send_late(at, from, to, message.clone());
                false
            }
            (Picked::Late { by_ns }, _) => {
                self.network.lanes.way_with(from, to, link).hold_up(link, Time(self.now.0 + by_ns));
                true
            }
        }
    }

    fn pick(&self, from: NodeId, to: NodeId, message: &Message<M>) -> Option<(usize, Picked)> {
        self.chaos.filters.iter().find_map(|&index| {
            let scheduled = &self.chaos.faults[index];
            let Fault::MessageFilter { filter, from: senders, to: receivers, delay_ns } =
                &scheduled.fault
            else {
                return None;
            };
            // Nobody named is anybody.
            let sent = senders.is_empty() || scheduled.sides.a.has(from);
            let meant = receivers.is_empty() || scheduled.sides.b.has(to);
            let declared = self.filters.iter().find(|declared| declared.name == filter);
            let picks = declared.is_some_and(|declared| (declared.picks)(message));
            let picked = match delay_ns {
                0 => Picked::Dropped,
                by_ns => Picked::Late { by_ns: *by_ns },
            };
            (sent && meant && picks).then_some((index, picked))
        })
    }
}
