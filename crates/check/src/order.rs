//! Promises weaker than linearizability, each checked in one pass. What contradicts one is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What was seen and must not be. Generic in how entries and keys are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly<T> {
    /// Given, delivered or done twice.
    Duplicated(T),
    /// Acknowledged, and not there.
    Lost(T),
    /// There, and never asked for, or refused.
    Phantom(T),
    /// The first was acknowledged before the second was begun, and comes after it.
    Reordered(T, T),
    /// A session read this key at an older version (first) than it had read before (second).
    ReadWentBack(T, u64, u64),
    /// A session did not see at this version (first) what it had written (second).
    OwnWriteMissed(T, u64, u64),
    /// A session's write got a version (first) that is not above that of an earlier one (second).
    WriteWentBack(T, u64, u64),
    /// A read saw what had been replaced for longer than the bound; by how much.
    Stale(T, u64),
}

impl<T: fmt::Debug> fmt::Display for Anomaly<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Anomaly::*;
        match self {
            Duplicated(it) => write!(f, "{it:?} is there twice"),
            Lost(it) => write!(f, "{it:?} was acknowledged and is not there"),
            Phantom(it) => write!(f, "{it:?} is there and was never accepted"),
            Reordered(a, b) => write!(f, "{a:?} was there before {b:?} and comes after it"),
            ReadWentBack(key, now, before) => {
                write!(f, "{key:?} was read at version {now} after version {before}")
            }
            OwnWriteMissed(key, read, wrote) => {
                write!(f, "{key:?} was read at version {read} after writing version {wrote}")
            }
            WriteWentBack(key, now, before) => {
                write!(f, "{key:?} was written at version {now} after version {before}")
            }
            Stale(key, by) => write!(f, "{key:?} had been replaced for {by} longer than allowed"),
        }
    }
}

/// Nothing is given twice.
///
/// # Errors
/// At the first that is.
pub fn unique<T: Ord + Clone>(given: impl IntoIterator<Item = T>) -> Result<(), Anomaly<T>> {
    let mut seen = BTreeSet::new();
    match given.into_iter().find(|it| !seen.insert(it.clone())) {
        Some(twice) => Err(Anomaly::Duplicated(twice)),
        None => Ok(()),
    }
}

/// What a session did to a key, and at which version; versions grow with every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Did {
    Read(u64),
    Wrote(u64),
}

/// Monotonic reads, monotonic writes and read-your-writes (Terry et al. 1994), of one session.
///
/// # Errors
/// At the first operation that contradicts one of them.
pub fn session<K: Ord + Clone>(
    operations: impl IntoIterator<Item = (K, Did)>,
) -> Result<(), Anomaly<K>> {
    let mut newest: BTreeMap<K, (u64, u64)> = BTreeMap::new();
    for (key, did) in operations {
        let (read, wrote) = newest.entry(key.clone()).or_default();
        match did {
            Did::Read(version) if version < *wrote => {
                return Err(Anomaly::OwnWriteMissed(key, version, *wrote));
            }
            Did::Read(version) if version < *read => {
                return Err(Anomaly::ReadWentBack(key, version, *read));
            }
            Did::Read(version) => *read = version,
            Did::Wrote(version) if version <= *wrote => {
                return Err(Anomaly::WriteWentBack(key, version, *wrote));
            }
            Did::Wrote(version) => *wrote = version,
        }
    }
    Ok(())
}

/// How a request ended for the one who made it. Times are places in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was begun.
    pub invoked: u64,
    /// How it ended.
    pub end: End,
}

/// The end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum End {
    Acknowledged { at: u64 },
    Refused,
    Open,
}

/// The log holds each acknowledged entry once, none that was refused or never appended, and, where
/// one append was acknowledged before another was begun, in that order.
///
/// # Errors
/// At the first entry of the log that should not be there, or not yet; then at the least that is
/// lost.
pub fn log<T: Ord + Clone>(
    appends: &BTreeMap<T, Request>,
    delivered: &[T],
) -> Result<(), Anomaly<T>> {
    once(appends, delivered)?;
    // From the end: the earliest acknowledgement of all that comes later.
    let mut earliest: Option<(u64, &T)> = None;
    for entry in delivered.iter().rev() {
        let Some(append) = appends.get(entry) else { continue };
        if let Some((at, later)) = earliest
            && at < append.invoked
        {
            return Err(Anomaly::Reordered(later.clone(), entry.clone()));
        }
        if let End::Acknowledged { at } = append.end
            && earliest.is_none_or(|(earliest, _)| at < earliest)
        {
            earliest = Some((at, entry));
        }
    }
    Ok(())
}

/// Every acknowledged request had its effect once; one without an answer at most once; one that was
/// refused, or never made, none.
///
/// # Errors
/// At the first effect that should not be; then at the least request whose effect is missing.
pub fn once<T: Ord + Clone>(
    requests: &BTreeMap<T, Request>,
    effects: &[T],
) -> Result<(), Anomaly<T>> {
    let mut seen = BTreeSet::new();
    for effect in effects {
        match requests.get(effect).map(|request| request.end) {
            None | Some(End::Refused) => return Err(Anomaly::Phantom(effect.clone())),
            Some(_) if !seen.insert(effect) => return Err(Anomaly::Duplicated(effect.clone())),
            Some(_) => {}
        }
    }
    let acknowledged = |request: &Request| matches!(request.end, End::Acknowledged { .. });
    let lost = requests.iter().find(|(it, end)| acknowledged(end) && !seen.contains(it));
    lost.map_or(Ok(()), |(it, _)| Err(Anomaly::Lost(it.clone())))
}

/// A read begun at `at` sees a version that was still the newest at most `bound` before. `replaced`
/// says of each version but the newest when its successor was acknowledged.
///
/// # Errors
/// If what it saw had been replaced for longer.
pub fn staleness<K>(
    key: K,
    replaced: &BTreeMap<u64, u64>,
    version: u64,
    at: u64,
    bound: u64,
) -> Result<(), Anomaly<K>> {
    let since = replaced.get(&version).map_or(0, |&replaced| at.saturating_sub(replaced));
    match since.checked_sub(bound) {
        None | Some(0) => Ok(()),
        Some(by) => Err(Anomaly::Stale(key, by)),
    }
}
