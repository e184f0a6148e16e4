//! The store against a map, on a disk that lies.

mod compaction;
mod disk;
mod follow;
mod harm;
mod model;
mod rig;
