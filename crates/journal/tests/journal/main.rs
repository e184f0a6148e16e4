//! The appender and its bound, on a disk that lies when a test wants it to.

mod cuts;
mod damage;
mod disk;
mod families;
mod head;
mod model;
mod rig;
mod table;
mod upkeep;
