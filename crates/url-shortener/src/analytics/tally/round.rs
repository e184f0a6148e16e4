//! One round of counting: clicks that arrived, the counts before, and the counts after.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use machine::NodeId;

use super::{RoundLimits, stats_key};
use crate::analytics::clicks::{Batch, LoggedClick};
use crate::{Key, LinkId, LinkStats};

/// A batch that arrived.
#[derive(Clone, Debug)]
pub(super) struct ReceivedBatch {
    pub(super) from: NodeId,
    /// The log has nothing below this number any more.
    pub(super) kept: u64,
    pub(super) batch: Batch,
}

/// An entry of the store that a round reads.
#[derive(Clone, Debug)]
pub(super) enum RoundRead {
    /// The position up to which this log is counted.
    Position(u64),
    /// The counts of this link.
    Stats(LinkId),
}

impl RoundRead {
    /// Its key in the store.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            RoundRead::Position(log) => [b"p", &log.to_le_bytes()[..]].concat(),
            RoundRead::Stats(link) => stats_key(link),
        }
    }
}

/// An entry of the store is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

#[derive(Clone, Debug)]
pub(super) struct Round {
    received: Vec<ReceivedBatch>,
    /// Reads that are under way, by ticket.
    reading: BTreeMap<u64, RoundRead>,
    positions: BTreeMap<u64, u64>,
    links: Links,
    counted: u64,
    ticket: Option<u64>,
}

/// The links of a round, sorted by name, and their counts. A click finds its link by binary search.
#[derive(Clone, Debug)]
struct Links {
    links: Vec<LinkId>,
    stats: Vec<LinkStats>,
    /// Links with new clicks.
    changed: Vec<bool>,
}

impl Round {
    /// Takes waiting clicks, from the first on, up to the limits.
    pub(super) fn of(waiting: &mut VecDeque<ReceivedBatch>, most: RoundLimits) -> Round {
        let (mut received, mut links, mut clicks) = (Vec::new(), Vec::new(), 0);
        while let Some(next) = waiting.front_mut() {
            let left = RoundLimits { clicks: most.clicks - clicks, ..most };
            let fitting = count_fitting(&next.batch, &mut links, left);
            clicks += fitting;
            if fitting == next.batch.clicks.len() {
                received.extend(waiting.pop_front());
                continue;
            }
            if fitting > 0 {
                received.push(ReceivedBatch { batch: next.batch.split_to(fitting), ..*next });
            }
            break;
        }
        let positions = received.iter().map(|received| (received.batch.log, 0)).collect();
        let (stats, changed) = (vec![LinkStats::default(); links.len()], vec![false; links.len()]);
        let links = Links { links, stats, changed };
        Round { received, reading: BTreeMap::new(), positions, links, counted: 0, ticket: None }
    }

    /// The entries to read before counting.
    pub(super) fn needed_reads(&self) -> Vec<RoundRead> {
        let positions = self.positions.keys().copied().map(RoundRead::Position);
        positions.chain(self.links.links.iter().cloned().map(RoundRead::Stats)).collect()
    }

    pub(super) fn expect_read(&mut self, ticket: u64, read: RoundRead) {
        self.reading.insert(ticket, read);
    }

    /// Takes the result of the read with this ticket.
    pub(super) fn found(&mut self, ticket: u64, bytes: Option<Bytes>) -> Result<(), Corrupt> {
        let (Some(read), Some(bytes)) = (self.reading.remove(&ticket), bytes) else {
            return Ok(());
        };
        match read {
            RoundRead::Position(log) => {
                let bytes = bytes[..].try_into().map_err(|_| Corrupt)?;
                self.positions.insert(log, u64::from_le_bytes(bytes));
            }
            RoundRead::Stats(link) => {
                let known = LinkStats::from_bytes(&bytes).ok_or(Corrupt)?;
                if let Ok(place) = self.links.links.binary_search(&link) {
                    self.links.stats[place] = known;
                }
            }
        }
        Ok(())
    }

    pub(super) fn has_read_all(&self) -> bool {
        self.reading.is_empty() && self.ticket.is_none()
    }

    /// Counts new clicks, and returns the batch for the store. `dedup` is the mechanism `click-dedup`.
    pub(super) fn count(&mut self, dedup: bool) -> Vec<(Bytes, Option<Bytes>)> {
        let before = self.positions.clone();
        for ReceivedBatch { kept, batch, .. } in &self.received {
            let position = self.positions.entry(batch.log).or_default();
            let known = if dedup { already_counted(position, *kept, batch) } else { 0 };
            let new = batch.clicks.len().saturating_sub(known);
            batch.clicks.iter().skip(known as usize).for_each(|click| self.links.count(click));
            self.counted += new;
            if new > 0 {
                *position = (*position).max(batch.end());
            }
        }
        let moved = self.positions.iter().filter(|(log, at)| before.get(log) != Some(at));
        let positions = moved.map(|(log, at)| {
            (
                RoundRead::Position(*log).bytes().into(),
                Some(Bytes::copy_from_slice(&at.to_le_bytes())),
            )
        });
        positions.chain(self.links.changed()).collect()
    }

    pub(super) fn expect_commit(&mut self, ticket: u64) {
        self.ticket = Some(ticket);
    }

    pub(super) fn is_committing(&self, ticket: u64) -> bool {
        self.ticket == Some(ticket)
    }

    /// The position of each log after the round.
    pub(super) fn positions(&self) -> impl Iterator<Item = (u64, u64)> {
        self.positions.iter().map(|(log, below)| (*log, *below)).filter(|(_, below)| *below > 0)
    }

    /// The counts of every link in the round, whether its clicks were new or not.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&LinkId, &LinkStats)> {
        self.links.links.iter().zip(&self.links.stats).filter(|(_, stats)| stats.clicks > 0)
    }

    pub(super) fn counted(&self) -> u64 {
        self.counted
    }

    /// The positions to send to instances, once each, however many batches they sent.
    pub(super) fn answers(&self) -> Vec<(NodeId, u64, u64)> {
        let answer = |ReceivedBatch { from, batch, .. }: &ReceivedBatch| {
            Some((*from, batch.log, *self.positions.get(&batch.log)?))
        };
        let mut answers: Vec<_> = self.received.iter().filter_map(answer).collect();
        answers.sort_unstable();
        answers.dedup();
        answers
    }
}

impl Links {
    fn count(&mut self, click: LoggedClick<'_>) {
        if let Ok(place) = place(&self.links, &click) {
            self.stats[place].count(click);
            self.changed[place] = true;
        }
    }

    /// The counts that changed, as entries of the store.
    fn changed(&self) -> impl Iterator<Item = (Bytes, Option<Bytes>)> {
        let all = self.links.iter().zip(&self.stats).zip(&self.changed);
        all.filter(|(_, changed)| **changed)
            .map(|((link, stats), _)| (stats_key(link).into(), Some(stats.to_bytes())))
    }
}

/// The index of the link of this click, or where it would be inserted.
fn place(links: &[LinkId], click: &LoggedClick<'_>) -> Result<usize, usize> {
    let sought = (click.domain, click.code, click.incarnation);
    links.binary_search_by(|LinkId { key, incarnation }| {
        (&*key.domain, &*key.code, *incarnation).cmp(&sought)
    })
}

/// How many clicks of this batch fit into a round with these links, up to `most`. Their links are added.
fn count_fitting(batch: &Batch, links: &mut Vec<LinkId>, most: RoundLimits) -> u64 {
    let mut fits = |click: &LoggedClick<'_>| match place(links, click) {
        Ok(_) => true,
        Err(_) if links.len() == most.links => false,
        Err(place) => {
            let (key, incarnation) = (Key::new(click.domain, click.code), click.incarnation);
            links.insert(place, LinkId { key, incarnation });
            true
        }
    };
    batch.clicks.iter().take(most.clicks as usize).take_while(|click| fits(click)).count() as u64
}

/// How many clicks of this batch were counted already. After a gap, all are skipped: the missing clicks
/// are sent again, and these after them.
fn already_counted(position: &mut u64, kept: u64, batch: &Batch) -> u64 {
    // The log lost clicks before they were sent, or this tally lost counts.
    *position = (*position).max(kept);
    position.checked_sub(batch.first).unwrap_or(batch.clicks.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::click::{Click, Device};
    use crate::analytics::clicks::Clicks;

    const MOST: RoundLimits = RoundLimits { links: 400, clicks: 16_384 };

    fn received(first: u64, codes: impl Iterator<Item = u64>) -> ReceivedBatch {
        let clicks = codes.map(|code| {
            let (key, device) = (Key::new("", &code.to_string()), Device::Other);
            Click { key, at_ms: 0, visitor: code, referrer: None, device }
        });
        let batch = Batch { log: 1, first, clicks: Clicks::of(&clicks.collect::<Vec<_>>()) };
        ReceivedBatch { from: NodeId(0), kept: 0, batch }
    }

    #[test]
    fn what_does_not_fit_into_a_round_is_counted_once_in_those_after_it() {
        let batch = || received(0, (0..1_000).map(|number| number * 7 % 900));
        let mut waiting = VecDeque::from([batch(), batch()]);
        let (mut position, mut counted, mut rounds) = (0, 0, 0);
        while !waiting.is_empty() {
            let mut round = Round::of(&mut waiting, MOST);
            assert!(round.links.links.len() <= MOST.links && round.links.links.is_sorted());
            round.positions.insert(1, position);
            round.count(true);
            position = round.positions[&1];
            counted += round.counted();
            rounds += 1;
        }
        assert_eq!((position, counted), (1_000, 1_000));
        assert!(rounds > 2, "{rounds} rounds for twice 900 links");
    }

    #[test]
    fn few_links_take_as_many_clicks_as_a_round_may_have() {
        let batches =
            (0..6).map(|number| received(number * 4_000, (0..4_000).map(|code| code % 3)));
        let mut waiting: VecDeque<_> = batches.collect();
        let round = Round::of(&mut waiting, MOST);
        assert_eq!(round.received.last().unwrap().batch.end(), MOST.clicks);
        assert_eq!(waiting.front().unwrap().batch.first, MOST.clicks);
        assert_eq!(round.links.links.len(), 3);
    }

    #[test]
    fn what_is_known_of_all_links_of_a_round_fits_into_a_batch_of_the_store() {
        let (domain, code) =
            ("d".repeat(crate::MAX_DOMAIN_BYTES), "c".repeat(crate::MAX_CODE_BYTES));
        let mut stats = LinkStats::default();
        for number in 0..20_000 {
            let referrer = format!("{number:0>253}");
            stats.count(LoggedClick {
                domain: &domain,
                code: &code,
                incarnation: 1,
                at_ms: number * 3_600_000,
                visitor: number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                referrer: Some(&referrer),
                device: Device::Phone,
            });
        }
        let link = LinkId { key: Key::new(&domain, &code), incarnation: 1 };
        let length = stats_key(&link).len() + stats.to_bytes().len();
        // Of the 4 MiB a tenth is left for numbers that are longer.
        assert!(length * MOST.links < (4 << 20) / 10 * 9, "{length}");
    }
}
