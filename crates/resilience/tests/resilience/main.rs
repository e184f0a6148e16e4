//! Each pattern is held to the law at the top of its file.

mod accrual;
mod backoff;
mod breaker;
mod bucket;
mod budget;
mod bulkhead;
mod calls;
mod deadline;
mod generations;
mod health;
mod key_queue;
mod outlier;

use std::time::Duration;

use machine::Time;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn at(millis: u64) -> Time {
    Time(millis * 1_000_000)
}
