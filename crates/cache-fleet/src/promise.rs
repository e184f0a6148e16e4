//! What the fleet promises, as code that watches it. It looks at nothing but what fronts were asked,
//! whom they called and what they answered, in the true time of the world.

mod calls;
mod goodput;
mod homes;
mod prompt;

use sim::PromiseSpec;

use crate::shape::{Server, Shape};

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Server, Shape>] = &[
    PromiseSpec {
        name: "little-movement",
        about: "a key moves only from a cache that left, or to one that joined",
        checker: |_| Box::new(homes::LittleMovement::default()),
    },
    PromiseSpec {
        name: "balanced",
        about: "no cache whose share by weight is 25 keys or more is the home of more than 1.3 times \
                its share and 4 standard deviations of what chance gives so many",
        checker: |cluster| Box::new(homes::Balanced::new(cluster.shape)),
    },
    PromiseSpec {
        name: "bounded-load",
        about: "whenever a front calls a cache, that has at most ceil(1.25 x average x weight) of \
                the front's calls under way",
        checker: |cluster| Box::new(calls::BoundedLoad::new(cluster.shape)),
    },
    PromiseSpec {
        name: "copies-apart",
        about: "no two copies of a key live in one zone",
        checker: |cluster| Box::new(homes::CopiesApart { zones: cluster.zones.clone() }),
    },
    PromiseSpec {
        name: "database-protected",
        about: "the database never has more than it can take, and turns no read away",
        checker: |_| Box::new(goodput::DatabaseProtected::default()),
    },
    PromiseSpec {
        name: "recovers",
        about: "from 2 s after the cause is gone on, 9 of 10 requests are answered within half a \
                second",
        checker: |_| Box::new(goodput::Recovers),
    },
    PromiseSpec {
        name: "fails-fast",
        about: "once three calls in a row of a front to a cache have timed out, at most one call in \
                200 ms waits for that cache, until it answers",
        checker: |_| Box::new(calls::FailsFast::default()),
    },
    PromiseSpec {
        name: "no-work-in-vain",
        about: "the database begins no read more than 5 ms after its front has given it up",
        checker: |_| Box::new(goodput::NoWorkInVain::default()),
    },
    PromiseSpec {
        name: "prompt",
        about: "of the requests of any second but the first, if 100 came to a front, nine of ten end \
                within 30 ms",
        checker: |_| Box::new(prompt::Prompt),
    },
    PromiseSpec {
        name: "no-herd",
        about: "no 100 ms after a heal see more retries than 10 and half of the requests that were \
                open then",
        checker: |_| Box::new(goodput::NoHerd),
    },
];
