//! The click log of an instance.

/// What to do when a disk operation of the click log ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClickOp {
    /// What was written last is durable.
    Synced,
}
