//! The metadata as the controllers tell them, and what this broker is because of them.
//!
//! The law: each entry is carried out once, in the order of the controllers' log; and no role is taken before the
//! registration of this boot is.

use std::collections::BTreeSet;

use bytes::Bytes;
use machine::{NodeId, Now, Outputs};

use super::Broker;
use super::lifecycle::Phase;
use crate::cluster::Cluster;
use crate::entry::Entry;
use crate::mechanism::Mechanism;
use crate::message::{ReplicaFetch, ReplicatedLog};
use crate::note::Note;
use crate::replica::Replica;
use crate::words::{TopicId, TopicPartition};

impl Broker {
    /// What happened, as the controllers' leader tells it.
    pub(super) fn entries(
        &mut self,
        entries: Vec<(u64, Entry)>,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let (mut changed, mut dropped) = (BTreeSet::new(), false);
        for (number, entry) in entries {
            // What lies between is not here: the next heartbeat says up to where it is.
            if number != self.view.applied + 1 {
                continue;
            }
            for (partition, is) in entry.changes() {
                self.isr_changes.count(self.id, self.view.partition(partition), is);
            }
            self.view.apply(number, &entry);
            changed.extend(entry.changes().map(|(partition, _)| partition));
            match entry {
                Entry::Broker { id, .. } if id == self.id => changed.extend(self.all_partitions()),
                Entry::Drop(id) => {
                    let gone = self.replicas.keys().filter(|partition| partition.topic == id);
                    changed.extend(gone.copied());
                    self.early.retain(|(partition, _), _| partition.topic != id);
                    dropped = true;
                }
                _ => {}
            }
        }
        self.carry_out(changed, now, out);
        if dropped {
            self.forget_topics(now, out);
        }
    }

    /// All of it, for a broker that was away for long.
    pub(super) fn image(
        &mut self,
        at: u64,
        state: Bytes,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if at <= self.view.applied {
            return;
        }
        match Cluster::decode(&state) {
            Err(why) => out.halt(format!("the metadata make no sense: {why}")),
            Ok(view) => {
                out.note(Note::Sometimes("image-taken"));
                self.view = view;
                let changed = self.all_partitions();
                self.carry_out(changed, now, out);
                self.forget_topics(now, out);
            }
        }
    }

    /// Those that there are, and those that are here.
    fn all_partitions(&self) -> BTreeSet<TopicPartition> {
        let there = self.view.topics.iter();
        let there = there.flat_map(|(id, topic)| partitions_of(*id, topic.partitions.len()));
        there.chain(self.memory.logs.keys().copied()).collect()
    }

    /// Becomes what the metadata make of it, for these partitions.
    fn carry_out(
        &mut self,
        changed: BTreeSet<TopicPartition>,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.meet(out);
        if !self.is_registered() || self.phase != Phase::Up {
            return;
        }
        self.is_of_the_cluster(out);
        let mut new = Vec::new();
        for partition in changed {
            let decided = self.view.partition(partition).cloned();
            let decided = decided.filter(|decided| decided.replicas.contains(&self.id));
            match decided {
                Some(_) if !self.memory.logs.contains_key(&partition) => new.push(partition),
                Some(decided) => {
                    self.with(partition, now, out, |replica, turn| replica.decide(&decided, turn));
                }
                None => {
                    self.with(partition, now, out, |replica, _| replica.leave());
                }
            }
        }
        if !new.is_empty() {
            self.name(new, out);
        }
    }

    /// The registration of this boot is applied.
    pub(super) fn is_registered(&self) -> bool {
        let known = self.view.brokers.get(&self.id);
        known.is_some_and(|known| known.boot == self.session.boot && self.session.boot != 0)
    }

    /// And it may lead, as far as it knows.
    pub(super) fn lives(&self) -> bool {
        self.is_registered() && self.view.may_lead(self.id)
    }

    /// A folder is of one cluster for good.
    fn is_of_the_cluster(&mut self, out: &mut Outputs<ReplicatedLog>) {
        let id = self.view.id;
        if self.memory.cluster == id || id == 0 {
            return;
        }
        if self.memory.cluster != 0 {
            return out.halt(
                "this disk is of another cluster: start with its own, or with an empty folder",
            );
        }
        self.memory.cluster = id;
        self.remember([], out);
    }

    /// Brokers that may be spoken with.
    fn meet(&mut self, out: &mut Outputs<ReplicatedLog>) {
        for (id, broker) in &self.view.brokers {
            let Some((_, address)) = broker.addresses else { continue };
            if *id != self.id && self.met.insert(*id, address) != Some(address) {
                out.meet(*id, address);
            }
        }
    }

    /// Logs are given numbers, and begun when these are durable.
    fn name(&mut self, new: Vec<TopicPartition>, out: &mut Outputs<ReplicatedLog>) {
        for partition in &new {
            let number = self.memory.next;
            self.memory.next += 1;
            self.memory.logs.insert(*partition, (number, 0));
        }
        self.remember(new, out);
    }

    /// These have their numbers: their logs are begun.
    pub(super) fn begin(
        &mut self,
        named: Vec<TopicPartition>,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        for partition in named {
            let Some((number, watermark)) = self.memory.logs.get(&partition).copied() else {
                continue;
            };
            let known = self.view.topics.get(&partition.topic);
            let settings = known.map_or(self.config.tuning.settings, |topic| topic.settings);
            let how = (&self.config.tuning, self.switches);
            let replica = Replica::new(partition, number, watermark, settings, how);
            self.replicas.insert(partition, replica);
            self.numbers.insert(number, partition);
            let early = (partition, NodeId(0))..=(partition, NodeId(u32::MAX));
            let early: Vec<_> = self.early.range(early).map(|((_, from), _)| *from).collect();
            for from in early {
                if let Some(fetch) = self.early.remove(&(partition, from)) {
                    self.with(partition, now, out, |replica, turn| {
                        replica.fetched_by(from, fetch, turn);
                    });
                }
            }
            self.touched.insert(partition);
        }
    }

    /// A follower may know of a partition before this broker has a log for it.
    pub(super) fn fetch_of_follower(
        &mut self,
        from: NodeId,
        fetch: ReplicaFetch,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let partition = fetch.partition;
        if self.replicas.contains_key(&partition) {
            self.with(partition, now, out, |replica, turn| replica.fetched_by(from, fetch, turn));
        } else {
            // No more than the cluster has replicas. One that is dropped would leave its follower out for good.
            self.early.insert((partition, from), fetch);
        }
    }

    /// A replica's disk was read (or is damaged): it becomes what it is to be.
    pub(super) fn replica_is_ready(
        &mut self,
        partition: TopicPartition,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if self.is_registered() {
            self.carry_out(BTreeSet::from([partition]), now, out);
        }
    }

    /// Nothing is left of a replica.
    pub(super) fn replica_is_gone(
        &mut self,
        partition: TopicPartition,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if let Some(gone) = self.replicas.remove(&partition) {
            self.cached -= gone.cached;
        }
        if let Some((number, _)) = self.memory.logs.remove(&partition) {
            self.numbers.remove(&number);
            self.remember([], out);
        }
        // It may have been given back meanwhile.
        self.carry_out(BTreeSet::from([partition]), now, out);
    }

    /// Partitions of which this disk does not have what it had.
    pub(super) fn damaged(&self) -> Vec<TopicPartition> {
        let damaged = self.replicas.iter().filter(|(_, replica)| replica.is_damaged());
        damaged.map(|(partition, _)| *partition).collect()
    }

    /// Partitions whose end was cut off at boot.
    pub(super) fn cut(&self) -> Vec<TopicPartition> {
        let cut = self.replicas.iter().filter(|(_, replica)| replica.was_cut());
        let cut = cut.filter(|_| Mechanism::RotIsNotTail.on(self.switches));
        cut.map(|(partition, _)| *partition).collect()
    }

    /// Whoever it is, clients are to be told where.
    pub(super) fn address_of(&self, broker: NodeId) -> crate::ask::BrokerAddress {
        let known = self.view.brokers.get(&broker);
        crate::ask::BrokerAddress {
            id: broker,
            address: known.and_then(|known| known.addresses).map(|(clients, _)| clients),
            rack: known.and_then(|known| known.rack.clone()),
        }
    }
}

fn partitions_of(topic: TopicId, count: usize) -> impl Iterator<Item = TopicPartition> {
    (0..count as u32).map(move |partition| TopicPartition { topic, partition })
}

#[cfg(test)]
mod tests {
    use machine::{Generation, NodeId, Random, Switches, Time, Wall};
    use rand::SeedableRng;

    use super::*;
    use crate::broker::BrokerConfig;
    use crate::tuning::Tuning;
    use crate::words::TopicId;

    #[test]
    fn what_came_early_for_a_topic_goes_with_it() {
        let controllers = vec![NodeId(1)];
        let tuning = Tuning::default();
        let config = BrokerConfig { controllers, rack: None, addresses: None, tuning };
        let mut broker = Broker::new(NodeId(101), config, Switches::ALL_ON);
        let mut random = Random::seed_from_u64(0);
        let (time, wall, generation) = (Time(0), Wall(0), Generation(0));
        let mut now = Now { time, wall, generation, random: &mut random };
        let mut out = Outputs::default();
        for topic in [TopicId(1), TopicId(2)] {
            let partition = TopicPartition { topic, partition: 0 };
            let fetch = ReplicaFetch {
                partition,
                broker_epoch: 1,
                leader_epoch: 1,
                from: 0,
                last_epoch: None,
            };
            broker.fetch_of_follower(NodeId(102), fetch, &mut now, &mut out);
        }
        broker.entries(vec![(1, Entry::Drop(TopicId(1)))], &mut now, &mut out);
        let left: Vec<_> = broker.early.keys().map(|(partition, _)| partition.topic).collect();
        assert_eq!(left, [TopicId(2)]);
    }
}
