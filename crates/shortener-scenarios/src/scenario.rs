//! Named failure scenarios. The tests, the tour and the command line run these.

mod analytics;
mod crowds;
mod growth;
mod losses;
mod owners;
mod words;

use machine::{MechanismInfo, NodeId, Switches};
use sim::{FaultKind, NoteKind, PromiseSpec, Registered, Scenario, System, Witness};

use crate::promise::PROMISES;
use crate::shape::{Cluster, Node, Shape};
use url_shortener::Mechanism;
use url_shortener::RingPhase;
use url_shortener::{Action, Answer, Message, Note, Why};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct UrlShortener;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<UrlShortener>()
}

impl System for UrlShortener {
    type Node = Node;
    type Shape = Shape;
    type Operation = Action;

    const NAME: &'static str = "url-shortener";
    const ABOUT: &'static str = "Links, redirects and click analytics: a sharded service that a person can use in a browser.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &["instance", "shard", "tally", "user"];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::BitRot,
        FaultKind::ClockJump,
        FaultKind::ClockRollback,
        FaultKind::Crash,
        FaultKind::Delay,
        FaultKind::FileCut,
        FaultKind::FileMissing,
        FaultKind::FlappingLink,
        FaultKind::FullDisk,
        FaultKind::LinkReset,
        FaultKind::LossyLink,
        FaultKind::MisdirectedWrite,
        FaultKind::OneWayPartition,
        FaultKind::Partition,
        FaultKind::Pause,
        FaultKind::PowerLoss,
        FaultKind::SlowDisk,
        FaultKind::SlowLink,
        FaultKind::SlowNode,
        FaultKind::TornWrite,
    ];
    const WITNESSES: &'static [Witness] = WITNESSES;

    fn scenarios() -> Vec<Scenario<Self>> {
        scenarios()
    }

    fn boot(cluster: &Cluster, node: NodeId, switches: Switches) -> Node {
        Shape::boot(cluster, node, switches)
    }

    fn perform(operation: &Action) -> Message {
        Message::Do(operation.clone())
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Invoked { token, .. } => NoteKind::Invoked(*token),
            // It may be done yet.
            Note::Answered { token, answer: Answer::Unavailable(_) } => NoteKind::GivenUp(*token),
            Note::Answered { token, answer: Answer::TooMany { .. } | Answer::Refused(_) } => {
                NoteKind::Failed(*token)
            }
            Note::Answered { token, .. } => NoteKind::Ok(*token),
            Note::GivenUp { token } => NoteKind::GivenUp(*token),
            Note::Called { why: Why::Visit, .. } => NoteKind::Sometimes("visit-read"),
            Note::Called { why: Why::Again, .. } => NoteKind::Sometimes("read-again"),
            Note::ReadEnded { missing: true, .. } => NoteKind::Sometimes("read-in-vain"),
            Note::OutOfNumbers => NoteKind::Sometimes("out-of-numbers"),
            Note::Leased(_) => NoteKind::Sometimes("range-leased"),
            Note::Clicked { .. } => NoteKind::Sometimes("redirected"),
            Note::Logged { .. } => NoteKind::Sometimes("clicks-logged"),
            Note::Counted { .. } => NoteKind::Sometimes("clicks-counted"),
            Note::Ring { phase: RingPhase::Ceded, .. } => NoteKind::Sometimes("share-ceded"),
            Note::Joined { .. } => NoteKind::Sometimes("shard-joined"),
            Note::Sometimes(what) => NoteKind::Sometimes(what),
            Note::Cut => NoteKind::Sometimes("store-cut"),
            Note::Called { .. }
            | Note::ReadEnded { .. }
            | Note::Acknowledged { .. }
            | Note::Dropped { .. }
            | Note::Ring { .. }
            | Note::Total { .. } => NoteKind::Plain,
        }
    }
}

const ALL: &[&str] = &[
    "links-kept",
    "codes-distinct",
    "deleted-stop",
    "clicks-once",
    "store-protected",
    "ring-settles",
];

/// Recorded, so that the tour need not search for them.
const WITNESSES: &[Witness] = &[
    Witness::new("single-flight", "store-protected", "hot-link", 0),
    Witness::new("negative-cache", "store-protected", "dead-link", 0),
    Witness::new("rate-limit", "store-protected", "missing-scan", 0),
    Witness::new("range-lease", "codes-distinct", "instance-crash", 1),
    Witness::new("cache-expiry", "deleted-stop", "expiry-clock-jump", 0),
    Witness::new("click-dedup", "clicks-once", "analytics-stall", 0),
    Witness::new("flush-before-ack", "links-kept", "power-loss", 0),
    Witness::new("conditional-create", "codes-distinct", "alias-race", 0),
    Witness::new("ring-fence", "links-kept", "shard-added", 6),
    Witness::new("catch-up", "links-kept", "shard-added", 13),
    Witness::new("keep-removals", "links-kept", "shard-added", 4),
];

fn scenarios() -> Vec<Scenario<UrlShortener>> {
    let scenario =
        |name, about, draw, reaches| Scenario { reaches, ..Scenario::new(name, about, ALL, draw) };
    vec![
        scenario(
            "hot-link",
            "a link that everybody follows, all at once, while shards are slow and far away",
            crowds::hot_link,
            &[("redirected", 5_000), ("visit-read", 500), ("delay", 50)],
        ),
        scenario(
            "dead-link",
            "a link that everybody follows was deleted, or was never there",
            crowds::dead_link,
            &[("read-in-vain", 500), ("redirected", 1_000)],
        ),
        scenario(
            "missing-scan",
            "somebody tries out codes as fast as he can, and nobody else notices",
            crowds::missing_scan,
            &[("read-in-vain", 2_000), ("redirected", 1_000)],
        ),
        scenario(
            "late-replies",
            "replies of shards are long on their way to an instance, while links are changed through it and \
             through others",
            owners::late_replies,
            &[("one-way-partition", 500), ("redirected", 10_000), ("read-again", 500)],
        ),
        scenario(
            "shard-loss",
            "shards crash, pause and are cut off for up to two seconds; their links are back when \
             they are",
            losses::shard_loss,
            &[("crash", 100), ("partition", 50), ("redirected", 1_000)],
        ),
        Scenario {
            leaves_out: &["conditional-create"],
            ..scenario(
                "instance-crash",
                "instances crash, each with a range of numbers of which it has used a few",
                losses::instance_crash,
                &[("crash", 200), ("range-leased", 500)],
            )
        },
        scenario(
            "shard-added",
            "shards join while links are made and followed; donors and joiners crash, pause and are cut \
             off from each other, or hear each other slowly",
            growth::shard_added,
            &[
                ("shard-joined", 150),
                ("share-ceded", 300),
                ("crash", 50),
                ("lossy-link", 10),
                ("slow-link", 25),
                ("redirected", 1_000),
                ("store-compacted", 200),
            ],
        ),
        scenario(
            "expiry-clock-jump",
            "links expire and are deleted while wall clocks of instances jump by up to a second",
            owners::expiry_clock_jump,
            &[("clock-jump", 100), ("clock-rollback", 100), ("redirected", 1_000)],
        ),
        scenario(
            "analytics-stall",
            "the tally pauses, crashes or is cut off, connections break and instances crash: clicks are \
             sent more than once",
            analytics::analytics_stall,
            &[
                ("clicks-counted", 1_000),
                ("redirected", 5_000),
                ("link-reset", 100),
                ("round-full", 1_000),
                ("clicks-read-back", 1_000),
                ("store-compacted", 200),
            ],
        ),
        scenario(
            "alias-race",
            "several people want the same aliases at the same time",
            owners::alias_race,
            &[("redirected", 1_000)],
        ),
        Scenario {
            promises: &["links-true", "codes-distinct", "deleted-stop"],
            ..scenario(
                "rotten-disk",
                "bits of what a shard has on its disk flip, and its writes land in the wrong place",
                losses::rotten_disk,
                &[("bit-rot", 100), ("misdirected-write", 100), ("redirected", 1_000)],
            )
        },
        Scenario {
            promises: &["links-true", "codes-distinct", "deleted-stop"],
            ..scenario(
                "lost-files",
                "a segment of a shard is gone, or shorter than it was, when it comes back",
                losses::lost_files,
                &[("file-cut", 50), ("file-missing", 50), ("redirected", 1_000)],
            )
        },
        scenario(
            "power-loss",
            "shards, instances and the tally lose power, some in the middle of writes",
            losses::power_loss,
            &[
                ("power-loss", 200),
                ("torn-write", 50),
                ("redirected", 1_000),
                ("round-full", 200),
                ("store-compacted", 200),
            ],
        ),
    ]
}
