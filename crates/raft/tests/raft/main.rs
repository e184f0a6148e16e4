//! The consensus by itself: groups embedded in a machine that only appends to lists.

mod groups;
mod lists;
mod replicas;
mod chaos;
mod groups;
mod lists;
