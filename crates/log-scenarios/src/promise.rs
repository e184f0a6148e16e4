//! What the log promises, as code that watches what clients sent, saw and were told, and what brokers and controllers
//! say of themselves.
//!
//! What may be excused stands at [`ledger::Ledger`]: a partition of which as many disks were lost at a time as must
//! have a record before it is acknowledged.

mod downtime;
mod figures;
mod in_sync;
mod kept;
mod ledger;
mod owners;
mod steps;

use std::time::Duration;

use sim::PromiseSpec;

use crate::shape::{Node, Shape};

pub(crate) use figures::figures;

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "acked-kept",
        about: "what was acknowledged with acks=all is in the log of every later leader, and in the end at its offset at \
                every replica that shows the offset, unless min.insync.replicas disks were lost at a time, or \
                retention took it",
        checker: |cluster| Box::new(kept::AckedKept::of(cluster.shape)),
    },
    PromiseSpec {
        name: "one-order",
        about: "two reads of one offset of a partition, at whichever replicas, show one record",
        checker: |cluster| Box::new(kept::OneOrder::of(cluster.shape)),
    },
    PromiseSpec {
        name: "no-phantom",
        about: "what a consumer saw was sent, is in the log of every later leader, and is there in the end",
        checker: |cluster| Box::new(kept::NoPhantom::of(cluster.shape)),
    },
    PromiseSpec {
        name: "no-duplicate",
        about: "a record of an idempotent producer has one offset",
        checker: |cluster| Box::new(kept::NoDuplicate::of(cluster.shape)),
    },
    PromiseSpec {
        name: "one-leader-per-epoch",
        about: "a partition has one leader in an epoch, and one that boots leads in another",
        checker: |_| Box::new(owners::OneLeaderPerEpoch::default()),
    },
    PromiseSpec {
        name: "no-false-failover",
        about: "a leader that is slow for less than a session, and never down, goes on leading in its epoch",
        checker: |_| Box::new(owners::NoFalseFailover::default()),
    },
    PromiseSpec {
        name: "in-sync-after-heal",
        about: "two seconds after the last fault every partition has a leader, and all its replicas that live are in sync \
                and stay so",
        checker: |_| Box::new(in_sync::InSyncAfterHeal::default()),
    },
    PromiseSpec {
        name: "one-owner-per-generation",
        about: "a partition of a group has one owner in a generation, and no commit succeeds that is begun after a \
                member has its share of a newer one",
        checker: |_| Box::new(owners::OneOwnerPerGeneration::default()),
    },
    PromiseSpec {
        name: "bounded-downtime",
        about: "from when a batch is sent to a partition, some batch that is sent then or later is acknowledged within \
                the bound that the scenario states",
        checker: |cluster| {
            Box::new(downtime::BoundedDowntime::new(Duration::from_millis(cluster.shape.downtime)))
        },
    },
    PromiseSpec {
        name: "wakes-fetch",
        about: "a fetch that waits at a leader is answered within 50 ms of when there is something for it to read",
        checker: |_| Box::new(steps::WakesFetch::default()),
    },
    PromiseSpec {
        name: "bounded-tail",
        about: "while partitions are moved, the 99th percentile of the time to an acknowledgement is at most three times \
                what it is while none are, or 100 ms",
        checker: |_| Box::new(steps::BoundedTail::default()),
    },
];
