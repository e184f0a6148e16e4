#![doc = include_str!("../README.md")]

mod backoff;
mod budget;
mod deadline;

mod breaker;
mod bucket;
mod bulkhead;

mod accrual;
mod health;
mod outlier;

pub use accrual::{Accrual, AccrualRule, Phi};
pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerRule, BreakerState, BreakerWindow, Pass};
pub use bucket::TokenBucket;
pub use budget::RetryBudget;
pub use bulkhead::{Bulkhead, Full};
pub use deadline::Deadline;
pub use health::{Health, HealthRule};
pub use outlier::{OutlierRule, Outliers};
