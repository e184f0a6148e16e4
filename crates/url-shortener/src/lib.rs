//! Short links: made, followed, counted.
//!
//! # The law
//!
//! A link that was acknowledged resolves until its owner takes it away, and no code ever means two
//! links. A redirect waits for nothing that it does not need: not for the click to be counted, and not
//! for the store where a fresh enough copy is at hand.

mod clicks;
mod code;
mod key;
mod link;
mod message;
#[cfg(feature = "server")]
pub mod server;
mod stats;
mod store;
mod tally;

pub use clicks::{Batch, ClickLog, ClickOp, ClickTuning};
pub use code::{Code, Permutation};
pub use key::{Key, LONGEST_CODE, LONGEST_DOMAIN};
pub use link::{Edit, Link, Named, NewLink, RedirectStatus};
pub use message::{
    Answer, Ask, Call, Click, Cursor, Deed, Device, Message, Note, Op, Range, Reply, Shortener,
    Timer,
};
pub use stats::{LinkStats, Visitors};
pub use store::{Embeds, Event, Limits, ReadStep, ScanStep, Store, StoreOp};
pub use tally::Tally;
