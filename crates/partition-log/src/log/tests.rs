#[path = "../../../journal/tests/journal/disk.rs"]
mod disk;

mod model;
mod rig;
mod rot;
mod steps;
