//! What brokers are told of the metadata.
//!
//! The law: each is told entries in order, from the first that it lacks on. What was told may be lost with a link, or
//! not be taken; then the broker's own word counts, how far it is.

use std::collections::{BTreeMap, VecDeque};

use machine::{NodeId, Outputs};

use crate::cluster::Cluster;
use crate::entry::Entry;
use crate::message::{Heartbeat, Message, ReplicatedLog};
use crate::words::BrokerEpoch;

/// Bytes of entries that are kept, for brokers that lack a few.
const RECENT: usize = 1 << 20;
/// After so many heartbeats that say that nothing came it is sent again.
const PATIENCE: u32 = 3;

/// Who was told what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publisher {
    /// The last entries, with their numbers and lengths, without holes.
    recent: VecDeque<(u64, Entry, usize)>,
    bytes: usize,
    told: BTreeMap<NodeId, Told>,
}

/// A broker that was heard since this controller leads.
#[derive(Clone, Copy, Debug)]
struct Told {
    epoch: BrokerEpoch,
    /// By its own word.
    applied: u64,
    /// All up to here is on the way to it, or was.
    sent: u64,
    /// Heartbeats in which it did not come further.
    stood: u32,
}

impl Publisher {
    /// An entry was applied, by a controller that leads or may lead.
    pub(crate) fn add(&mut self, number: u64, entry: Entry, length: usize) {
        self.recent.push_back((number, entry, length));
        self.bytes += length;
        while self.bytes > RECENT
            && let Some((_, _, length)) = self.recent.pop_front()
        {
            self.bytes -= length;
        }
    }

    /// The metadata are others all at once: the entries before them are not known.
    pub(crate) fn restored(&mut self) {
        (self.recent, self.bytes) = (VecDeque::new(), 0);
    }

    /// This controller does not lead, or not yet.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
    }

    /// A broker says how far it is.
    pub(crate) fn hear(&mut self, broker: NodeId, heartbeat: &Heartbeat) {
        let Heartbeat { epoch, applied, .. } = *heartbeat;
        let new = Told { epoch, applied, sent: applied, stood: 0 };
        let told = self.told.entry(broker).or_insert(new);
        if told.epoch != epoch {
            *told = new;
        }
        let stands = applied == told.applied && applied < told.sent;
        told.stood = if stands { told.stood + 1 } else { 0 };
        (told.applied, told.sent) = (applied, told.sent.max(applied));
        if told.stood == PATIENCE {
            *told = new;
        }
    }

    /// What was on the way to a broker may be lost.
    pub(crate) fn reset(&mut self, broker: NodeId) {
        if let Some(told) = self.told.get_mut(&broker) {
            (told.sent, told.stood) = (told.applied, 0);
        }
    }

    /// Tells everybody that is heard what there is to tell: the entries that it lacks, or where those are not kept any
    /// more the metadata as they are.
    pub(crate) fn push(
        &mut self,
        cluster: &Cluster,
        is_heard: impl Fn(NodeId) -> bool,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let mut image = None;
        for (broker, told) in &mut self.told {
            if told.sent >= cluster.applied || !is_heard(*broker) {
                continue;
            }
            let first = self.recent.front().map(|(number, ..)| *number);
            if first.is_some_and(|first| first <= told.sent + 1) {
                let lacked = self.recent.iter().filter(|(number, ..)| *number > told.sent);
                let entries = lacked.map(|(number, entry, _)| (*number, entry.clone())).collect();
                out.send(*broker, Message::Entries { entries });
            } else {
                let state = image.get_or_insert_with(|| cluster.encode()).clone();
                out.bulk(*broker, Message::Image { at: cluster.applied, state });
            }
            told.sent = cluster.applied;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Output;

    const BROKER: NodeId = NodeId(1);

    /// What is pushed at this length of the log: numbers of entries, or the negative of an image's.
    fn pushed(publisher: &mut Publisher, applied: u64) -> Vec<i64> {
        let mut out = Outputs::default();
        let cluster = Cluster { applied, ..Cluster::default() };
        publisher.push(&cluster, |broker| broker == BROKER, &mut out);
        let told = out.drain().map(|output| match output {
            Output::Send { to: BROKER, message: Message::Entries { entries }, .. } => {
                entries.iter().map(|(number, _)| *number as i64).collect()
            }
            Output::Send { to: BROKER, message: Message::Image { at, state }, .. } => {
                assert_eq!(Cluster::decode(&state), Ok(cluster.clone()));
                vec![-(at as i64)]
            }
            other => panic!("{other:?}"),
        });
        told.collect::<Vec<Vec<i64>>>().concat()
    }

    fn with(count: u64) -> Publisher {
        let mut publisher = Publisher::default();
        (1..=count).for_each(|number| publisher.add(number, Entry::Cluster(number), 9));
        publisher
    }

    fn heartbeat(epoch: u64, applied: u64) -> Heartbeat {
        Heartbeat { epoch, number: 0, applied, stopping: false, damaged: Vec::new() }
    }

    #[test]
    fn each_entry_is_told_once_and_again_where_it_did_not_come() {
        let mut publisher = with(3);
        assert_eq!(pushed(&mut publisher, 3), [0; 0], "nobody was heard");
        publisher.hear(BROKER, &heartbeat(7, 1));
        assert_eq!(pushed(&mut publisher, 3), [2, 3]);
        assert_eq!(pushed(&mut publisher, 3), [0; 0]);
        publisher.reset(BROKER);
        assert_eq!(pushed(&mut publisher, 3), [2, 3], "a link was reset");
        for stands in 1..PATIENCE {
            publisher.hear(BROKER, &heartbeat(7, 1));
            assert_eq!(pushed(&mut publisher, 3), [0; 0], "{stands}");
        }
        publisher.hear(BROKER, &heartbeat(7, 1));
        assert_eq!(pushed(&mut publisher, 3), [2, 3], "it stood still");
        publisher.hear(BROKER, &heartbeat(7, 3));
        publisher.add(4, Entry::Cluster(4), 9);
        assert_eq!(pushed(&mut publisher, 4), [4]);
        publisher.hear(BROKER, &heartbeat(8, 0));
        assert_eq!(pushed(&mut publisher, 4), [1, 2, 3, 4], "it booted");
    }

    #[test]
    fn who_lacks_what_is_not_kept_gets_an_image() {
        let mut publisher = with(2);
        publisher.add(3, Entry::Cluster(3), RECENT - 9);
        publisher.hear(BROKER, &heartbeat(7, 0));
        assert_eq!(pushed(&mut publisher, 3), [-3]);
        publisher.hear(BROKER, &heartbeat(8, 1));
        assert_eq!(pushed(&mut publisher, 3), [2, 3]);
        publisher.restored();
        publisher.hear(BROKER, &heartbeat(9, 2));
        assert_eq!(pushed(&mut publisher, 3), [-3]);
    }

    #[test]
    fn who_is_silent_is_told_when_it_is_heard_again() {
        let mut publisher = with(2);
        publisher.hear(NodeId(2), &heartbeat(7, 0));
        assert_eq!(pushed(&mut publisher, 2), [0; 0]);
        assert_eq!(publisher.told[&NodeId(2)].sent, 0);
    }
}
