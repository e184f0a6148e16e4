#![doc = include_str!("../README.md")]

mod failure;
mod history;
mod linearizability;
mod model;
mod search;

mod kv;
mod queue;
mod register;

mod edn;
mod recorded;
mod written;

pub mod order;

pub use failure::Failure;
pub use history::{Event, Noted, Operation, operations};
pub use kv::{Kv, KvInput, KvOutput};
pub use linearizability::{Budget, Verdict, linearizable};
pub use model::Model;
pub use queue::{Queue, QueueInput};
pub use recorded::{Kind, Malformed, Recorded, Value, kv_history, read, register_history};
pub use register::{Register, RegisterInput, RegisterOutput};
pub use written::write;
