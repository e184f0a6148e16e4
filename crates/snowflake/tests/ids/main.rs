//! What ids promise, as tests.

mod alternatives;
mod generator;
mod golden;
mod layouts;
mod machines;
mod shared;
mod stoppages;
mod strategies;
mod wait;
