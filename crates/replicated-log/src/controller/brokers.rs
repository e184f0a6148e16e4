//! Brokers: each registers when it boots, is fenced when it is silent, and stops in good order.
//!
//! The law: what a disk may have lost is out of every ISR before its broker is heard again; what it surely has stays.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Switches, Time};

use super::elect::changes;
use crate::cluster::Cluster;
use crate::entry::{Changes, Entry};
use crate::mechanism::Mechanism;
use crate::message::Registration;
use crate::words::TopicPartition;

/// A broker booted. Where its disk is the one that it had, and lost nothing that counted, it stays in sync. It does not
/// live before it is told so, so what it led gets a new leader, or later a new leader epoch: followers may have what its
/// own disk lost, and two records of one offset and epoch could never be told apart.
pub(crate) fn register(
    cluster: &Cluster,
    id: NodeId,
    registration: &Registration,
    switches: Switches,
) -> Entry {
    let Registration { boot, disk, clean, damaged, cut, rack, addresses } = registration.clone();
    let known = cluster.brokers.get(&id);
    let other_disk = known.is_some_and(|known| known.disk != disk);
    let lost = other_disk && Mechanism::DiskIdentity.on(switches);
    let unclean = !clean && Mechanism::EligibleLeaders.on(switches);
    let lives = |node| node != id && cluster.may_lead(node);
    let changes = changes(cluster, lives, switches, |place, partition, rules| {
        // What it cut off was not acknowledged by it, if a crash tore it. Nobody needs to rely on that while somebody
        // else who is in sync lives.
        let gives_way = cut.contains(&place) && partition.isr.iter().any(|other| lives(*other));
        if lost || unclean || damaged.contains(&place) || gives_way {
            rules.leave(partition, &[id], false);
        }
    });
    Entry::Broker { id, boot, disk, rack, addresses, changes }
}

/// A broker was silent: it is in no ISR, and leads nothing. Nothing if that is so already.
pub(crate) fn fence(cluster: &Cluster, id: NodeId, switches: Switches) -> Option<Entry> {
    let changes = leave_all(cluster, id, switches);
    (cluster.is_alive(id) || !changes.is_empty()).then_some(Entry::Fence { id, changes })
}

/// A broker knows what it has to know: it may lead what waits for it.
pub(crate) fn unfence(cluster: &Cluster, id: NodeId, switches: Switches) -> Entry {
    let lives = |node| node == id || cluster.may_lead(node);
    Entry::Unfence { id, changes: changes(cluster, lives, switches, |_, _, _| {}) }
}

/// A broker wants to stop: others lead, and nobody waits for it.
pub(crate) fn stopping(cluster: &Cluster, id: NodeId, switches: Switches) -> Entry {
    Entry::Stopping { id, changes: leave_all(cluster, id, switches) }
}

fn leave_all(cluster: &Cluster, id: NodeId, switches: Switches) -> Changes {
    let lives = |node| node != id && cluster.may_lead(node);
    changes(cluster, lives, switches, |_, partition, rules| rules.leave(partition, &[id], true))
}

/// A broker found that its disk does not have what it had of these. It may lead other partitions.
pub(crate) fn damaged(
    cluster: &Cluster,
    id: NodeId,
    damaged: &[TopicPartition],
    switches: Switches,
) -> Option<Entry> {
    let lives = |node| cluster.may_lead(node);
    let changes = changes(cluster, lives, switches, |place, partition, rules| {
        if damaged.contains(&place) {
            rules.leave(partition, &[id], false);
        }
    });
    (!changes.is_empty()).then_some(Entry::Partitions(changes))
}

/// When each broker was heard, by this controller itself. All controllers hear all, so that a new leader need not give
/// everyone a whole session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    heard: BTreeMap<NodeId, Time>,
    /// When they are looked at next.
    pub(crate) due: Time,
}

impl Sessions {
    /// A broker was heard.
    pub(crate) fn hear(&mut self, broker: NodeId, now: Time) {
        self.heard.insert(broker, now);
    }

    /// Was it heard within the last session?
    pub(crate) fn is_heard(&self, broker: NodeId, now: Time, session: Duration) -> bool {
        self.ends(broker, session).is_some_and(|end| now < end)
    }

    /// This controller leads from now on: whom it never heard has a whole session.
    pub(crate) fn begin(&mut self, brokers: impl Iterator<Item = NodeId>, now: Time) {
        for broker in brokers {
            self.heard.entry(broker).or_insert(now);
        }
    }

    /// This controller slept, or is new to it: what was sent to it may lie in front of it. Nobody's session ends before
    /// so long.
    pub(crate) fn wait(&mut self, until: Time, session: Duration) {
        self.heard.values_mut().for_each(|heard| *heard = (*heard).max(until - session));
    }

    /// When the session of a broker ends, or ended.
    pub(crate) fn ends(&self, broker: NodeId, session: Duration) -> Option<Time> {
        self.heard.get(&broker).map(|heard| *heard + session)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PARTITION, cluster_of_three, nodes, register as registration};
    use super::*;
    use crate::cluster::Partition;
    use machine::DiskId;

    fn cluster(isr: &str, elr: &str) -> Cluster {
        let (isr, elr) = (nodes(isr), nodes(elr));
        let leader = isr.first().copied();
        let replicas = nodes("123");
        cluster_of_three(Partition {
            replicas,
            isr,
            elr,
            leader,
            leader_epoch: 5,
            ..Partition::default()
        })
    }

    /// ISR, ELR, leader and its epoch, when this entry was applied.
    fn after(mut cluster: Cluster, entry: &Entry) -> (Vec<NodeId>, Vec<NodeId>, u32, u32) {
        let before = cluster.partition(PARTITION).unwrap().clone();
        cluster.apply(cluster.applied + 1, entry);
        let after = cluster.partition(PARTITION).unwrap().clone();
        let moved = u32::from(after != before);
        assert_eq!(after.version, before.version + moved, "each change is a version");
        let leader = after.leader.map_or(0, |leader| leader.0);
        (after.isr, after.elr, leader, after.leader_epoch)
    }

    #[test]
    fn a_boot_leaves_what_its_disk_may_have_lost_and_leads_nothing() {
        let same = registration(2);
        let unclean = Registration { clean: false, ..same.clone() };
        let other = Registration { disk: DiskId(99), ..same.clone() };
        let damaged = Registration { damaged: vec![PARTITION], ..same.clone() };
        let cut = Registration { cut: vec![PARTITION], ..same.clone() };
        let all = Switches::ALL_ON;
        let no_identity = Mechanism::DiskIdentity.off();
        let no_eligible = Mechanism::EligibleLeaders.off();
        for (isr, elr, registration, switches, expected) in [
            // A follower: in sync and eligible as it was, or not.
            ("123", "", &same, all, ("123", "", 1, 5)),
            ("1", "23", &same, all, ("1", "23", 1, 5)),
            ("12", "", &unclean, all, ("1", "", 1, 5)),
            ("1", "23", &unclean, all, ("1", "3", 1, 5)),
            ("12", "", &other, all, ("1", "", 1, 5)),
            ("12", "", &damaged, all, ("1", "", 1, 5)),
            // A torn end: it gives way to those that live, and is in sync where nobody else is.
            ("12", "", &cut, all, ("1", "", 1, 5)),
            ("1", "23", &cut, all, ("1", "3", 1, 5)),
            ("2", "1", &cut, all, ("1", "2", 1, 6)),
            ("12", "", &other, no_identity, ("12", "", 1, 5)),
            ("12", "", &unclean, no_eligible, ("12", "", 1, 5)),
            // The leader: another is elected, or it waits for itself.
            ("213", "", &same, all, ("213", "", 1, 6)),
            ("2", "1", &same, all, ("1", "2", 1, 6)),
            ("2", "", &same, all, ("2", "", 0, 5)),
            ("2", "1", &other, all, ("1", "", 1, 6)),
            ("2", "", &other, all, ("", "", 0, 5)),
            ("2", "", &unclean, no_eligible, ("2", "", 0, 5)),
        ] {
            let cluster = cluster(isr, elr);
            let entry = register(&cluster, NodeId(2), registration, switches);
            let (isr, elr, leader, epoch) = expected;
            let expected = (nodes(isr), nodes(elr), leader, epoch);
            assert_eq!(after(cluster, &entry), expected, "{registration:?}");
        }
    }

    #[test]
    fn whoever_waits_alone_leads_again_in_another_epoch_once_it_is_there() {
        let mut cluster = cluster("2", "");
        cluster
            .apply(9, &register(&cluster.clone(), NodeId(2), &registration(2), Switches::ALL_ON));
        let entry = unfence(&cluster, NodeId(2), Switches::ALL_ON);
        assert_eq!(after(cluster, &entry), (nodes("2"), nodes(""), 2, 6));
    }

    #[test]
    fn who_is_silent_or_stops_leaves_and_is_fenced_once() {
        let all = Switches::ALL_ON;
        let mut cluster = cluster("123", "");
        let fenced = fence(&cluster, NodeId(1), all).unwrap();
        assert_eq!(after(cluster.clone(), &fenced), (nodes("23"), nodes(""), 2, 6));
        let stopped = stopping(&cluster, NodeId(1), all);
        assert_eq!(after(cluster.clone(), &stopped), (nodes("23"), nodes(""), 2, 6));
        cluster.apply(4, &fenced);
        assert_eq!(fence(&cluster, NodeId(1), all), None);
        // One that booted within its session is in sync, and may be silent from then on.
        cluster.apply(5, &register(&cluster.clone(), NodeId(3), &registration(3), all));
        let fenced = fence(&cluster, NodeId(3), all).unwrap();
        assert_eq!(after(cluster, &fenced), (nodes("2"), nodes("3"), 2, 6));
    }

    #[test]
    fn damage_is_out_once_and_lets_another_lead() {
        let mut cluster = cluster("12", "");
        let entry = damaged(&cluster, NodeId(1), &[PARTITION], Switches::ALL_ON).unwrap();
        assert_eq!(after(cluster.clone(), &entry), (nodes("2"), nodes(""), 2, 6));
        cluster.apply(4, &entry);
        assert_eq!(damaged(&cluster, NodeId(1), &[PARTITION], Switches::ALL_ON), None);
        assert_eq!(damaged(&cluster, NodeId(2), &[], Switches::ALL_ON), None);
    }

    #[test]
    fn a_session_is_from_when_it_was_heard_and_waits_for_who_slept() {
        let (mut sessions, session) = (Sessions::default(), Duration::from_millis(500));
        let at = |millis: u64| Time(millis * 1_000_000);
        sessions.hear(NodeId(1), at(100));
        sessions.begin([NodeId(1), NodeId(2)].into_iter(), at(300));
        let heard = |sessions: &Sessions, now| {
            [1, 2].map(|broker| sessions.is_heard(NodeId(broker), at(now), session))
        };
        assert_eq!(heard(&sessions, 599), [true, true]);
        assert_eq!(heard(&sessions, 600), [false, true]);
        sessions.wait(at(900), session);
        assert_eq!(heard(&sessions, 899), [true, true]);
        assert_eq!(heard(&sessions, 900), [false, false]);
        assert!(!sessions.is_heard(NodeId(3), at(0), session));
    }
}
