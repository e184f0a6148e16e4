//! The disk operations of the click log.

/// What to do when a disk operation of the click log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClickOp {
    /// At boot: the names of the files are known.
    Listed,
    /// At boot: the last file of the boot before was synced.
    SyncedAtBoot,
    /// A batch was written.
    Written,
    /// And synced.
    Synced,
    /// Batches were read back.
    Read,
    /// A file was deleted, since all its clicks are counted.
    Deleted,
}
