//! The store against a map, on a disk that lies.

mod compaction;
mod disk;
mod harm;
mod model;
mod rig;
