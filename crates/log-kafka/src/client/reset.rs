//! A group goes on from somewhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest};
use serde::Serialize;

use super::groups::{Coordinator, EARLIEST, LATEST, Place, or_dash};
use super::{Client, ClientError, text, topic};
use replicated_log::error::ErrorCode;

/// Where a group goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// At the first record that is there.
    Earliest,
    /// Behind the last one.
    Latest,
    /// At this offset.
    Offset(i64),
    /// At the first record that is not older, or behind the last one.
    Time(Timestamp),
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<To, String> {
        let wrong = || {
            format!(
                "it is earliest, latest, an offset such as 120, or a moment such as \
                 2026-11-30T12:00:00Z, and {text:?} is none"
            )
        };
        match text {
            "earliest" => Ok(To::Earliest),
            "latest" => Ok(To::Latest),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(To::Offset).map_err(|_| wrong())
            }
            _ => text.parse().map(To::Time).map_err(|_| wrong()),
        }
    }
}

/// Where a group was, and where it goes on.
#[derive(Clone, Debug, Serialize)]
pub struct Reset {
    group: String,
    partitions: Vec<Moved>,
}

#[derive(Clone, Debug, Serialize)]
struct Moved {
    topic: String,
    partition: i32,
    was: Option<i64>,
    is: i64,
}

impl Client {
    /// Has a group go on from there: in these partitions of a topic (all, where there are none), or in all that it
    /// has committed.
    ///
    /// # Errors
    /// If the group has members, who know by themselves how far they are; if there is no such place; or if nobody
    /// answers.
    pub fn reset_group(
        &mut self,
        group: &str,
        of: Option<(&str, &[i32])>,
        to: To,
    ) -> Result<Reset, ClientError> {
        self.soon(|client| client.reset(group, of, to))
    }

    fn reset(
        &mut self,
        group: &str,
        of: Option<(&str, &[i32])>,
        to: To,
    ) -> Result<Reset, ClientError> {
        let coordinator = self.coordinator(group)?;
        let known = self.group(group, &coordinator)?;
        if !matches!(&*known.group_state, "Empty" | "Dead") {
            return Err(has_members(group, known.members.len()));
        }
        let was = self.committed(group, &coordinator)?;
        let places: BTreeSet<Place> = match of {
            None => was.keys().cloned().collect(),
            Some((name, partitions)) => self.partitions(name, partitions)?,
        };
        if places.is_empty() {
            return Err(ClientError::Refused(format!(
                "group {group} has committed nothing: say with --topic where it is to go on"
            )));
        }
        let is = self.places(&places, to)?;
        self.commit(group, &coordinator, &is)?;
        let moved = is.into_iter().map(|(place, is)| {
            let was = was.get(&place).copied();
            let (topic, partition) = place;
            Moved { topic, partition, was, is }
        });
        Ok(Reset { group: group.to_owned(), partitions: moved.collect() })
    }

    /// These of a topic, or all where there are none.
    fn partitions(&mut self, name: &str, wanted: &[i32]) -> Result<BTreeSet<Place>, ClientError> {
        let (_, found) = self.topic(name)?;
        let there: BTreeSet<_> = found.partitions.iter().map(|part| part.partition_index).collect();
        if let Some(none) = wanted.iter().find(|wanted| !there.contains(wanted)) {
            return Err(ClientError::Refused(format!(
                "topic {name} has partitions 0 to {}, and no {none}; nothing was changed",
                there.len().saturating_sub(1)
            )));
        }
        let wanted = if wanted.is_empty() { there } else { wanted.iter().copied().collect() };
        Ok(wanted.into_iter().map(|part| (name.to_owned(), part)).collect())
    }

    /// What that comes to in each partition.
    fn places(
        &mut self,
        places: &BTreeSet<Place>,
        to: To,
    ) -> Result<BTreeMap<Place, i64>, ClientError> {
        let latest = self.known_offsets(places, LATEST)?;
        let earliest = self.known_offsets(places, EARLIEST)?;
        let offset = |found: &BTreeMap<Place, Option<i64>>, place: &Place| {
            found.get(place).copied().flatten()
        };
        let by_time = match to {
            To::Time(moment) => self.known_offsets(places, moment.as_millisecond())?,
            _ => BTreeMap::new(),
        };
        let mut is = BTreeMap::new();
        for place in places {
            let ends = offset(&earliest, place).zip(offset(&latest, place));
            let (first, end) = ends.ok_or_else(|| ClientError::senseless("a log has no end"))?;
            let to = match to {
                To::Earliest => first,
                To::Latest => end,
                To::Time(_) => offset(&by_time, place).unwrap_or(end),
                To::Offset(to) if (first..=end).contains(&to) => to,
                To::Offset(to) => {
                    let (name, part) = place;
                    return Err(ClientError::Refused(format!(
                        "{name} {part} begins at {first} and ends at {end}, so a group cannot go on \
                         at {to}; nothing was changed"
                    )));
                }
            };
            is.insert(place.clone(), to);
        }
        Ok(is)
    }

    fn known_offsets(
        &mut self,
        places: &BTreeSet<Place>,
        when: i64,
    ) -> Result<BTreeMap<Place, Option<i64>>, ClientError> {
        let found = self.offsets_at(places, when)?;
        let known = found.into_iter().map(|(place, found)| match found {
            Ok(offset) => Ok((place, offset)),
            Err(code) => Err(ClientError::of(code, None, &format!("{} {}", place.0, place.1))),
        });
        known.collect()
    }

    /// Commits as somebody who takes part in no group, which a coordinator allows where nobody does.
    fn commit(
        &mut self,
        group: &str,
        coordinator: &Coordinator,
        offsets: &BTreeMap<Place, i64>,
    ) -> Result<(), ClientError> {
        let mut topics = BTreeMap::<&str, Vec<_>>::new();
        for ((name, part), offset) in offsets {
            let part = OffsetCommitRequestPartition::default()
                .with_partition_index(*part)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1);
            topics.entry(name).or_default().push(part);
        }
        let topics = topics.into_iter().map(|(name, parts)| {
            OffsetCommitRequestTopic::default().with_name(topic(name)).with_partitions(parts)
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics.collect());
        let answer = self.ask_at(&coordinator.at, &request)?;
        let codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
        match codes.map(|part| part.error_code).find(|code| *code != 0) {
            None => Ok(()),
            // Somebody came in between.
            Some(code) if code == ErrorCode::UnknownMemberId.code() => Err(has_members(group, 1)),
            Some(code) => Err(ClientError::of(code, None, &format!("group {group}"))),
        }
    }
}

fn has_members(group: &str, count: usize) -> ClientError {
    let members = match count {
        0 | 1 => "a member, which would go on from where it is: stop it first".to_owned(),
        _ => format!("{count} members, which would go on from where they are: stop them first"),
    };
    ClientError::Refused(format!("group {group} has {members}; nothing was changed"))
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "PARTITION         WAS          IS  TOPIC")?;
        for Moved { topic, partition, was, is } in &self.partitions {
            writeln!(f, "{partition:>9}  {:>10}  {is:>10}  {topic}", or_dash(*was))?;
        }
        Ok(())
    }
}
