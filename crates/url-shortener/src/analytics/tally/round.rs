//! One round: what came, what was known, and what is known then.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use machine::NodeId;

use super::{Rounds, stats_key};
use crate::analytics::clicks::{Batch, LoggedClick};
use crate::{Key, LinkId, LinkStats};

/// Clicks that came.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) from: NodeId,
    /// The log has nothing below this number any more.
    pub(super) kept: u64,
    pub(super) batch: Batch,
}

/// Something that the store knows.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// All clicks of this log below which number are counted?
    Position(u64),
    /// What is known of this link?
    Stats(LinkId),
}

impl Wanted {
    /// What the store calls it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Wanted::Position(log) => [b"p", &log.to_le_bytes()[..]].concat(),
            Wanted::Stats(link) => stats_key(link),
        }
    }
}

/// What the store has is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

#[derive(Clone, Debug)]
pub(super) struct Round {
    arrivals: Vec<Arrival>,
    /// Reads whose answers are not there yet.
    reading: BTreeMap<u64, Wanted>,
    positions: BTreeMap<u64, u64>,
    links: Links,
    counted: u64,
    ticket: Option<u64>,
}

/// Some links, in the order of their names, and what is known of each: a click finds its own by the texts
/// in it.
#[derive(Clone, Debug)]
struct Links {
    links: Vec<LinkId>,
    stats: Vec<LinkStats>,
    /// Somebody clicked who was not counted before.
    changed: Vec<bool>,
}

impl Round {
    /// A round of as many of these clicks as it may have, from the first on.
    pub(super) fn of(waiting: &mut VecDeque<Arrival>, most: Rounds) -> Round {
        let (mut arrivals, mut links, mut clicks) = (Vec::new(), Vec::new(), 0);
        while let Some(next) = waiting.front_mut() {
            let left = Rounds { clicks: most.clicks - clicks, ..most };
            let fitting = fitting(&next.batch, &mut links, left);
            clicks += fitting;
            if fitting == next.batch.clicks.len() {
                arrivals.extend(waiting.pop_front());
                continue;
            }
            if fitting > 0 {
                arrivals.push(Arrival { batch: next.batch.split_to(fitting), ..*next });
            }
            break;
        }
        let positions = arrivals.iter().map(|arrival| (arrival.batch.log, 0)).collect();
        let (stats, changed) = (vec![LinkStats::default(); links.len()], vec![false; links.len()]);
        let links = Links { links, stats, changed };
        Round { arrivals, reading: BTreeMap::new(), positions, links, counted: 0, ticket: None }
    }

    /// What has to be read before anything can be counted.
    pub(super) fn wants(&self) -> Vec<Wanted> {
        let positions = self.positions.keys().copied().map(Wanted::Position);
        positions.chain(self.links.links.iter().cloned().map(Wanted::Stats)).collect()
    }

    pub(super) fn reads(&mut self, ticket: u64, wanted: Wanted) {
        self.reading.insert(ticket, wanted);
    }

    /// What the read of this ticket found.
    pub(super) fn found(&mut self, ticket: u64, bytes: Option<Bytes>) -> Result<(), Unreadable> {
        let (Some(wanted), Some(bytes)) = (self.reading.remove(&ticket), bytes) else {
            return Ok(());
        };
        match wanted {
            Wanted::Position(log) => {
                let bytes = bytes[..].try_into().map_err(|_| Unreadable)?;
                self.positions.insert(log, u64::from_le_bytes(bytes));
            }
            Wanted::Stats(link) => {
                let known = LinkStats::from_bytes(&bytes).ok_or(Unreadable)?;
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

    /// Counts what is new, all of which is one batch of the store. `dedup` is the mechanism `click-dedup`.
    pub(super) fn count(&mut self, dedup: bool) -> Vec<(Bytes, Option<Bytes>)> {
        let before = self.positions.clone();
        for Arrival { kept, batch, .. } in &self.arrivals {
            let position = self.positions.entry(batch.log).or_default();
            let known = if dedup { known_of(position, *kept, batch) } else { 0 };
            let new = batch.clicks.len().saturating_sub(known);
            batch.clicks.iter().skip(known as usize).for_each(|click| self.links.count(click));
            self.counted += new;
            if new > 0 {
                *position = (*position).max(batch.end());
            }
        }
        let moved = self.positions.iter().filter(|(log, at)| before.get(log) != Some(at));
        let positions = moved.map(|(log, at)| {
            (Wanted::Position(*log).bytes().into(), Some(Bytes::copy_from_slice(&at.to_le_bytes())))
        });
        positions.chain(self.links.changed()).collect()
    }

    pub(super) fn commits(&mut self, ticket: u64) {
        self.ticket = Some(ticket);
    }

    pub(super) fn waits_for(&self, ticket: u64) -> bool {
        self.ticket == Some(ticket)
    }

    /// How far each log is counted.
    pub(super) fn positions(&self) -> impl Iterator<Item = (u64, u64)> {
        self.positions.iter().map(|(log, below)| (*log, *below)).filter(|(_, below)| *below > 0)
    }

    /// What is known now of every link in the round, whether its clicks were new or not.
    pub(super) fn known(&self) -> impl Iterator<Item = (&LinkId, &LinkStats)> {
        self.links.links.iter().zip(&self.links.stats).filter(|(_, stats)| stats.clicks > 0)
    }

    pub(super) fn counted(&self) -> u64 {
        self.counted
    }

    /// Who is told what: once each, however many batches they sent.
    pub(super) fn answers(&self) -> Vec<(NodeId, u64, u64)> {
        let answer = |Arrival { from, batch, .. }: &Arrival| {
            Some((*from, batch.log, *self.positions.get(&batch.log)?))
        };
        let mut answers: Vec<_> = self.arrivals.iter().filter_map(answer).collect();
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

    /// What is known now of those that changed, as the store keeps it.
    fn changed(&self) -> impl Iterator<Item = (Bytes, Option<Bytes>)> {
        let all = self.links.iter().zip(&self.stats).zip(&self.changed);
        all.filter(|(_, changed)| **changed)
            .map(|((link, stats), _)| (stats_key(link).into(), Some(stats.to_bytes())))
    }
}

/// Where the link of this click is among these, or would be.
fn place(links: &[LinkId], click: &LoggedClick<'_>) -> Result<usize, usize> {
    let sought = (click.domain, click.code, click.incarnation);
    links.binary_search_by(|LinkId { key, incarnation }| {
        (&*key.domain, &*key.code, *incarnation).cmp(&sought)
    })
}

/// How many of these clicks fit into a round that may have so many more, and has these links. Theirs are
/// added.
fn fitting(batch: &Batch, links: &mut Vec<LinkId>, most: Rounds) -> u64 {
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

/// How many of these clicks were counted already. All, where some are missing before them: they are on
/// their way once more, and these will come behind them.
fn known_of(position: &mut u64, kept: u64, batch: &Batch) -> u64 {
    // The log has lost what this tally never saw, or this tally what it had counted.
    *position = (*position).max(kept);
    position.checked_sub(batch.first).unwrap_or(batch.clicks.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::clicks::Clicks;
    use crate::message::{Click, Device};

    const MOST: Rounds = Rounds { links: 400, clicks: 16_384 };

    fn arrival(first: u64, codes: impl Iterator<Item = u64>) -> Arrival {
        let clicks = codes.map(|code| {
            let (key, device) = (Key::new("", &code.to_string()), Device::Other);
            Click { key, at_ms: 0, visitor: code, referrer: None, device }
        });
        let batch = Batch { log: 1, first, clicks: Clicks::of(&clicks.collect::<Vec<_>>()) };
        Arrival { from: NodeId(0), kept: 0, batch }
    }

    #[test]
    fn what_does_not_fit_into_a_round_is_counted_once_in_those_after_it() {
        let batch = || arrival(0, (0..1_000).map(|number| number * 7 % 900));
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
        let batches = (0..6).map(|number| arrival(number * 4_000, (0..4_000).map(|code| code % 3)));
        let mut waiting: VecDeque<_> = batches.collect();
        let round = Round::of(&mut waiting, MOST);
        assert_eq!(round.arrivals.last().unwrap().batch.end(), MOST.clicks);
        assert_eq!(waiting.front().unwrap().batch.first, MOST.clicks);
        assert_eq!(round.links.links.len(), 3);
    }

    #[test]
    fn what_is_known_of_all_links_of_a_round_fits_into_a_batch_of_the_store() {
        let (domain, code) = ("d".repeat(crate::LONGEST_DOMAIN), "c".repeat(crate::LONGEST_CODE));
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
