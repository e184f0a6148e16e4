//! Finding an offset by time.
//!
//! The law: no record before the one that is found is as new as was asked for; in a batch that is compressed the first
//! record stands for all.
//!
//! The index says in which stretch of a segment a time is reached first. That is read from its beginning, batch by batch.

use machine::Outputs;

use super::read::{Want, Whom};
use super::{HoldsLogs, Log, LogEvent};
use log_protocol::ask::{OffsetFound, When};
use log_protocol::batch::Batch;
use log_protocol::words::{Offset, Timestamp};

/// So much is read at a time.
const PIECE: u32 = 64 << 10;

/// A search.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) token: u64,
    /// Between these offsets,
    from: Offset,
    below: Offset,
    /// for the first record that is not older than this.
    time: Timestamp,
    /// Where there is none: the newest that was seen, if that is what was asked for.
    newest: Option<OffsetFound>,
    /// And so there, for a time that was reached earlier.
    then: Option<Timestamp>,
}

impl Log {
    /// Finds an offset by time, of batches that end at or before `below`; nothing where that needs the disk, and
    /// [`LogEvent::Found`] follows.
    pub fn find<P: HoldsLogs>(
        &mut self,
        when: When,
        below: Offset,
        token: u64,
        out: &mut Outputs<P>,
    ) -> Option<OffsetFound> {
        let below = below.min(self.end);
        let finding = match when {
            When::At(time) => self.finding_at(time, below, token),
            When::MaxTimestamp => self.finding_newest(below, token),
            When::Earliest => return Some(offset(self.start)),
            When::Latest => return Some(offset(below)),
        };
        self.search(finding, out)
    }

    fn finding_at(&self, time: Timestamp, below: Offset, token: u64) -> Finding {
        let reaches = self.segments.iter().find(|segment| segment.largest >= time);
        // What waits for the place of a cut is in no segment yet.
        let end = self.segments.last().map_or(self.end, |last| last.end);
        let from = reaches.map_or(end, |segment| segment.before_time(time).offset);
        Finding { token, from, below, time, newest: None, then: None }
    }

    /// First all behind the last mark, of which the index knows nothing; then where the index says that the largest
    /// time before it was reached.
    fn finding_newest(&self, below: Offset, token: u64) -> Finding {
        let (mut mark, mut largest, mut before) = (None, None, None);
        for segment in self.segments.iter().take_while(|segment| segment.base < below) {
            let last = segment.before(below);
            (largest, before) = (before.max(Some(last.largest)), before.max(Some(segment.largest)));
            mark = Some(last.offset);
        }
        let (from, time) = (mark.unwrap_or(below), Timestamp::MAX);
        Finding { token, from, below, time, newest: Some(OffsetFound::default()), then: largest }
    }

    /// Goes as far as it can without the disk.
    fn search<P: HoldsLogs>(
        &mut self,
        mut finding: Finding,
        out: &mut Outputs<P>,
    ) -> Option<OffsetFound> {
        loop {
            let Finding { from, below, .. } = finding;
            let Some(batches) = self.at_hand(from, below, PIECE) else {
                self.ask_disk(
                    Want { from, below, max_bytes: PIECE, whom: Whom::Finder(finding) },
                    out,
                );
                return None;
            };
            if let Some(found) = finding.look(&batches) {
                return Some(found);
            }
            if batches.is_empty() {
                let newest = finding.newest.unwrap_or_default();
                match finding.then.filter(|then| Some(*then) >= newest.timestamp) {
                    None => return Some(newest),
                    Some(time) => {
                        finding = Finding {
                            newest: finding.newest,
                            ..self.finding_at(time, below, finding.token)
                        }
                    }
                }
            }
        }
    }

    /// The disk had these.
    pub(super) fn found_more<P: HoldsLogs>(
        &mut self,
        mut finding: Finding,
        batches: &[Batch],
        out: &mut Outputs<P>,
    ) {
        let found = finding.look(batches);
        if batches.is_empty() {
            // The next one ends later, or all of it went meanwhile.
            finding.from = finding.below;
        }
        let token = finding.token;
        if let Some(found) = found.or_else(|| self.search(finding, out)) {
            self.events.push_back(LogEvent::Found { token, found });
        }
    }
}

impl Finding {
    /// Is it in these?
    fn look(&mut self, batches: &[Batch]) -> Option<OffsetFound> {
        for batch in batches {
            if let Some(found) = found(batch, self.time) {
                return Some(found);
            }
            if let Some(newest) = &mut self.newest
                && newest.timestamp.is_none_or(|time| time < batch.max_timestamp())
            {
                *newest = found(batch, batch.max_timestamp()).unwrap_or_default();
            }
            self.from = batch.next_offset();
        }
        None
    }
}

fn offset(offset: Offset) -> OffsetFound {
    OffsetFound { offset: Some(offset), ..OffsetFound::default() }
}

fn found(batch: &Batch, time: Timestamp) -> Option<OffsetFound> {
    let (offset, timestamp) = batch.first_at(time)?;
    let leader_epoch = Some(batch.leader_epoch());
    Some(OffsetFound { offset: Some(offset), timestamp: Some(timestamp), leader_epoch })
}
