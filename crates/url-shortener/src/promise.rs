//! What the service swears to, as code that watches it. It looks at what users asked and were told, at
//! what instances asked of shards, and at what became of clicks, in the true time of the world.

mod clicks;
mod codes_distinct;
mod deleted_stop;
mod links_kept;
mod ring_settles;
mod store_protected;

use machine::Machine;
use sim::{Cluster, Promise, PromiseInfo};

use crate::message::Shortener;
use crate::shape::Shape;

/// All of them.
pub(crate) const PROMISES: &[PromiseInfo] = &[
    PromiseInfo {
        name: "links-kept",
        about: "an acknowledged link resolves: links are linearizable for those who make, change and \
                look at them, for visitors as of some moment in the last 500 ms and with all that their \
                instance has acknowledged, and when everything is healed for a second nobody is turned \
                away",
    },
    PromiseInfo { name: "codes-distinct", about: "no code ever means two acknowledged links" },
    PromiseInfo {
        name: "deleted-stop",
        about: "500 ms after a link was deleted nobody is led anywhere by it, nor once it has expired, \
                give or take the error of the instance's clock, and none expires before its time",
    },
    PromiseInfo {
        name: "clicks-once",
        about: "of clicks counted <= logged <= served, and 2 s after everything is healed all that are \
                logged are counted on the tally's disk, each once",
    },
    PromiseInfo {
        name: "store-protected",
        about: "an instance has one read of a code under way, reads a dead one for visitors once in \
                400 ms, and asks the store for one client 10 times and then 40 times a second",
    },
    PromiseInfo {
        name: "ring-settles",
        about: "2 s after everything is healed no change of the ring is under way: who began to join has \
                joined, and who gave links away says that it keeps no copies",
    },
];

/// The checker of a promise.
///
/// # Panics
/// If it is none of [`PROMISES`]: a scenario names one that does not exist.
pub(crate) fn checker<M>(name: &str, cluster: &Cluster) -> Box<dyn Promise<M>>
where
    M: Machine<Protocol = Shortener>,
{
    let shape = Shape::of(cluster);
    match name {
        "links-kept" => Box::new(links_kept::LinksKept),
        "codes-distinct" => Box::new(codes_distinct::CodesDistinct::default()),
        "deleted-stop" => Box::new(deleted_stop::DeletedStop::new(shape)),
        "clicks-once" => Box::new(clicks::ClicksOnce::new(shape.tally())),
        "ring-settles" => Box::new(ring_settles::RingSettles::default()),
        "store-protected" => Box::new(store_protected::StoreProtected::new(shape)),
        unknown => panic!("{unknown} is not a promise of url-shortener"),
    }
}
