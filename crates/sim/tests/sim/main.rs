//! Tests of the simulated world: that it breaks in every way it names, that it does so in the way
//! it says, that it is the same world each time, and that the frame around it judges rightly.

mod counter;
mod counting;
mod crashes;
mod determinism;
mod disk_lies;
mod disk_order;
mod disks;
mod faults;
mod filters;
mod frame;
mod joins;
mod lanes;
mod naive_clocks;
mod naive_disks;
mod naive_networks;
mod naive_processes;
mod puppet;
mod reached;
mod replays;
mod roles;
mod sentences;
mod snapshots;
mod stops;
mod streams;
mod timers;
mod trial;
