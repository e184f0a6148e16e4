//! The high-water mark: a timestamp on disk that is above every id that was minted.
//!
//! The law: the mark is durable before an id below it is minted. So a restart, whatever its clock
//! shows, starts above all that was minted before it; what that costs is waiting for the clock to
//! pass the mark.

use std::time::Duration;

use bytes::Bytes;
use machine::{Checkpoint, CheckpointError, DiskResult, FileName, Outputs, Wall};

use crate::message::Snowflake;

/// How far ahead of the clock the mark is set: a restart may have to wait so long. It is raised
/// when half of that is used up, so a busy worker writes four times a second.
pub(crate) const AHEAD: Duration = Duration::from_millis(500);

/// Where it lives.
const FILE: &str = "mark";

/// The mark of a disk that no worker has used yet. Every disk begins with it: no mark is a mark that was lost.
pub(crate) fn first_file() -> (FileName, Bytes) {
    (FILE.into(), Checkpoint::<Snowflake>::sealed(&0_u64.to_le_bytes()))
}

#[derive(Clone, Debug)]
pub(crate) struct HighWaterMark {
    checkpoint: Checkpoint<Snowflake>,
    durable: Wall,
    /// On its way to the disk.
    rising: Option<Wall>,
}

impl HighWaterMark {
    pub(crate) fn new() -> Self {
        HighWaterMark { checkpoint: Checkpoint::new(FILE), durable: Wall(0), rising: None }
    }

    pub(crate) fn load(&self, out: &mut Outputs<Snowflake>) {
        self.checkpoint.load(out);
    }

    /// The mark that was on the disk; zero on a new one.
    pub(crate) fn loaded(&mut self, result: DiskResult) -> Result<Wall, CheckpointError> {
        let bytes = self.checkpoint.loaded(result)?;
        let mark = bytes.as_ref().try_into().map_err(|_| CheckpointError::Rotten)?;
        self.durable = Wall(u64::from_le_bytes(mark));
        Ok(self.durable)
    }

    /// Raises the mark if it is not far enough ahead of this time.
    pub(crate) fn raise(&mut self, wall: Wall, out: &mut Outputs<Snowflake>) {
        if self.rising.is_none() && self.durable < wall + AHEAD / 2 {
            let mark = wall + AHEAD;
            self.rising = Some(mark);
            self.checkpoint.save(&mark.0.to_le_bytes(), Vec::new(), out);
        }
    }

    /// The mark was raised: gives the mark up to which ids may be minted. On an error it stays
    /// where it was.
    pub(crate) fn saved(
        &mut self,
        result: DiskResult,
        out: &mut Outputs<Snowflake>,
    ) -> Result<Wall, CheckpointError> {
        let rising = self.rising.take();
        self.checkpoint.saved(result, out)?;
        self.durable = rising.unwrap_or(self.durable);
        Ok(self.durable)
    }
}
