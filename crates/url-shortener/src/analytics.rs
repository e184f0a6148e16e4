//! Clicks: logged by the instance after the redirect, counted once by the tally.
//!
//! The path of a click (`click.rs`): `clicks.rs` logs it, writes it to the disk and sends it. `tally.rs` counts what
//! has arrived, in rounds. `stats.rs` has the statistics of a link.

pub(crate) mod click;
pub(crate) mod clicks;
pub(crate) mod stats;
pub(crate) mod tally;
