//! Tests of the checkers: that they agree with brute force, that they read what others recorded, and
//! that each finds what it is for.

mod brute_force;
mod failures;
mod forms;
mod models;
mod orders;
mod recordings;
mod searches;
mod writings;
