//! What the fleet swears to, as code that watches it. It looks at nothing but what fronts were asked,
//! whom they called and what they answered, in the true time of the world.

mod calls;
mod goodput;
mod homes;
mod prompt;

use machine::Machine;
use sim::{Cluster, Promise, PromiseInfo};

use crate::message::Fleet;
use crate::shape::Shape;

/// All of them.
pub(crate) const PROMISES: &[PromiseInfo] = &[
    PromiseInfo {
        name: "little-movement",
        about: "a key moves only from a cache that left, or to one that joined",
    },
    PromiseInfo {
        name: "balanced",
        about: "no cache whose share by weight is 25 keys or more is the home of more than 1.3 times \
                its share and 4 standard deviations of what chance gives so many",
    },
    PromiseInfo {
        name: "bounded-load",
        about: "whenever a front calls a cache, that has at most ceil(1.25 x average x weight) of \
                the front's calls under way",
    },
    PromiseInfo { name: "copies-apart", about: "no two copies of a key live in one zone" },
    PromiseInfo {
        name: "database-protected",
        about: "the database never has more than it can take, and turns no read away",
    },
    PromiseInfo {
        name: "recovers",
        about: "from 2 s after the cause is gone on, 9 of 10 requests are answered within half a \
                second",
    },
    PromiseInfo {
        name: "fails-fast",
        about: "once three calls in a row of a front to a cache have timed out, at most one call in \
                200 ms waits for that cache, until it answers",
    },
    PromiseInfo {
        name: "no-work-in-vain",
        about: "the database begins no read more than 5 ms after its front has given it up",
    },
    PromiseInfo {
        name: "prompt",
        about: "of the requests of any second but the first, if 100 came to a front, nine of ten end \
                within 30 ms",
    },
    PromiseInfo {
        name: "no-herd",
        about: "no 100 ms after a heal see more retries than 10 and half of the requests that were \
                open then",
    },
];

/// The checker of a promise.
///
/// # Panics
/// If it is none of [`PROMISES`]: a scenario names one that does not exist.
pub(crate) fn checker<M>(name: &str, cluster: &Cluster) -> Box<dyn Promise<M>>
where
    M: Machine<Protocol = Fleet>,
{
    let shape = Shape::of(cluster);
    match name {
        "little-movement" => Box::new(homes::LittleMovement::default()),
        "balanced" => Box::new(homes::Balanced::new(shape)),
        "copies-apart" => Box::new(homes::CopiesApart { zones: cluster.zones.clone() }),
        "bounded-load" => Box::new(calls::BoundedLoad::new(shape)),
        "fails-fast" => Box::new(calls::FailsFast::default()),
        "database-protected" => Box::new(goodput::DatabaseProtected),
        "recovers" => Box::new(goodput::Recovers),
        "no-work-in-vain" => Box::new(goodput::NoWorkInVain::default()),
        "prompt" => Box::new(prompt::Prompt),
        "no-herd" => Box::new(goodput::NoHerd),
        unknown => panic!("{unknown} is not a promise of hash-ring"),
    }
}
