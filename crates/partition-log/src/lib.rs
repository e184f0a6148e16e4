//! The log of one partition on one broker: record batches as Kafka's clients send them, in segments on a disk.
//!
//! # The files, in the order in which a batch meets them
//!
//! 1. A batch was checked where it came in (`log-protocol`). The log stamps it with its offset and leader epoch, which lie
//!    outside its checksum, keeps it in memory and hands it to the appender of `journal` (`log/append.rs`).
//! 2. Readers get it from memory or from the disk (`log/read.rs`), by its offset or by its time (`log/find.rs`).
//! 3. What another leader overrules is cut off, and what is old goes (`log/cut.rs`).
//! 4. At boot the bound says how much must be there (`log/recover.rs`).
//!
//! It is a part of a broker (`replicated-log`), which says when a batch is kept and who may read it.

mod log;

pub use log::{
    Damaged, Flush, HoldsLogs, Log, LogEvent, LogLimits, LogOp, Logs, Protections, Read, Sequence,
};
