//! What befalls a file.

/// What a crash does to writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsynced {
    /// The process died, the system lives: the page cache survives.
    Kept,
    /// The power went: each write is there or not, in any combination.
    Lost,
    /// The power went in the middle: as lost, and writes may be there in part.
    Torn,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileChange {
    /// A machine wrote, cut or replaced it.
    Written,
    /// What was written is durable. After a sync that failed nobody knows, and nothing is told.
    Synced,
    /// What was not synced went with the power, or the file was cut, or went missing, or its disk did.
    Lost,
    /// Bits of it flipped, or a sector can be read no more.
    Rotted,
    /// A machine deleted it.
    Deleted,
}
