#![doc = include_str!("../README.md")]

mod backoff;
mod budget;
mod deadline;

mod breaker;
mod bucket;
mod bulkhead;
mod key_queue;

mod calls;
mod generations;

mod accrual;
mod health;
mod outlier;

pub use accrual::{Accrual, AccrualRule, Phi};
pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerRule, BreakerState, BreakerWindow, Pass};
pub use bucket::TokenBucket;
pub use budget::RetryBudget;
pub use bulkhead::{Bulkhead, Full};
pub use calls::Calls;
pub use deadline::Deadline;
pub use generations::Generations;
pub use health::{Health, HealthRule};
pub use key_queue::{Access, KeyQueue, Turn};
pub use outlier::{OutlierRule, Outliers};
