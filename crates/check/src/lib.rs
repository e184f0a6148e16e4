#![doc = include_str!("../README.md")]

mod failure;
mod history;
mod linearizability;
mod model;
mod search;

mod keyed;
mod kv;
mod multi_register;
mod mutex;
mod queue;
mod register;
mod set;

mod edn;
mod json;
mod log;
mod reading;
mod recorded;
mod recording;
mod value;
mod written;

pub mod order;

pub use edn::parse as value;
pub use failure::Failure;
pub use history::{Event, Noted, Operation, operations};
pub use keyed::{Keyed, KeyedInput};
pub use kv::{Kv, KvInput, KvOutput};
pub use linearizability::{Budget, Verdict, linearizable, linearizable_from};
pub use model::Model;
pub use multi_register::{MicroOp, MultiRegister, Registers, Transaction, TransactionOutput};
pub use mutex::{Granted, Mutex, MutexInput};
pub use queue::{Queue, QueueInput, QueueOutput, UnorderedQueue};
pub use reading::read;
pub use recorded::{Kind, Malformed, Recorded};
pub use recording::{History, Recording, history, independent};
pub use register::{Register, RegisterInput, RegisterOutput};
pub use set::{Set, SetInput, SetOutput};
pub use value::Value;
pub use written::write;
