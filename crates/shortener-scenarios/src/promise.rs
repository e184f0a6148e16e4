//! The promises of the service, as checkers. They watch the questions and answers of users, the calls of
//! instances, and the clicks, in the true time of the simulated world.

mod clicks;
mod codes_distinct;
mod deleted_stop;
mod links_kept;
mod ring_settles;
mod store_protected;

use sim::PromiseSpec;

use crate::shape::{Node, Shape};

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "links-kept",
        about: "an acknowledged link resolves: links are linearizable for those who make, change and \
                look at them, for visitors as of some moment in the last 500 ms and with all that their \
                instance has acknowledged, and when everything is healed for a second nobody is turned \
                away",
        checker: |_| Box::new(links_kept::LinksKept),
    },
    PromiseSpec {
        name: "links-true",
        about: "as links-kept, where disks alter what they hold: some may be turned away for ever, but nobody is \
                ever led elsewhere, or told that a link is not there which is",
        checker: |_| Box::new(links_kept::LinksTrue),
    },
    PromiseSpec {
        name: "codes-distinct",
        about: "no code ever means two acknowledged links",
        checker: |_| Box::new(codes_distinct::CodesDistinct::default()),
    },
    PromiseSpec {
        name: "deleted-stop",
        about: "500 ms after a link was deleted nobody is led anywhere by it, nor once it has expired, \
                give or take the error of the instance's clock, and none expires before its time",
        checker: |cluster| Box::new(deleted_stop::DeletedStop::new(cluster.shape)),
    },
    PromiseSpec {
        name: "clicks-once",
        about: "of clicks counted <= logged <= served, and 2 s after everything is healed all that are \
                logged are counted on the tally's disk, each once",
        checker: |cluster| Box::new(clicks::ClicksOnce::new(cluster.shape.tally())),
    },
    PromiseSpec {
        name: "store-protected",
        about: "an instance has one read of a code under way, reads a dead one for visitors once in \
                400 ms, and asks the store for one client 10 times and then 40 times a second",
        checker: |cluster| Box::new(store_protected::StoreProtected::new(cluster.shape)),
    },
    PromiseSpec {
        name: "ring-settles",
        about: "2 s after everything is healed no change of the ring is under way: who began to join has \
                joined, and who gave links away says that it keeps no copies",
        checker: |_| Box::new(ring_settles::RingSettles::default()),
    },
];
