//! Clicks: logged by the instance after the redirect has left, counted once by the tally.
//!
//! One click's path: `clicks.rs` puts it into the log and onto the disk, and sends it; `tally.rs` counts what came as one
//! round; `stats.rs` is what is known of a link.

pub(crate) mod clicks;
pub(crate) mod stats;
pub(crate) mod tally;
