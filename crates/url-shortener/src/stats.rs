//! What is known of the clicks on a link.

/// Counts of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkStats {
    /// All clicks that were counted.
    pub clicks: u64,
}
