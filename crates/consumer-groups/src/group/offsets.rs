//! How far a group has read.

use std::collections::BTreeMap;

use super::{Group, Offsets, Phase, Turn};
use log_protocol::ask::{CommitPart, CommittedOffset, Member};
use log_protocol::error::ErrorCode;
use log_protocol::words::{LeaderEpoch, Name, Offset, TopicRef};

/// Bytes of the text that comes with an offset.
const LONGEST_TEXT: usize = 4_096;
/// Offsets in a record of a snapshot.
const OF_A_RECORD: usize = 1_000;

/// By topic and partition.
pub(super) type OffsetsOfTopics = BTreeMap<Name, BTreeMap<u32, Committed>>;

/// An offset that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Committed {
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) text: Option<Name>,
}

impl Committed {
    /// # Errors
    /// If its text is too long.
    pub(crate) fn of(part: &CommitPart) -> Result<Committed, ErrorCode> {
        let (offset, leader_epoch, text) = (part.offset, part.leader_epoch, part.text.clone());
        match text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
            true => Err(ErrorCode::OffsetMetadataTooLarge),
            false => Ok(Committed { offset, leader_epoch, text }),
        }
    }
}

impl Group {
    /// # Errors
    /// If it has no part in this generation. Whoever is in no group may commit where nobody is.
    pub(crate) fn may_commit(&mut self, who: &Member, turn: &Turn) -> Result<(), ErrorCode> {
        if who.generation < 0 && who.member.is_empty() && who.instance.is_none() {
            let is_empty = self.phase == Phase::Empty;
            return if is_empty { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        }
        self.admits(who)?;
        if self.phase == Phase::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.hear(&who.member, turn.now);
        Ok(())
    }

    /// They are durable.
    pub(crate) fn remember(&mut self, offsets: Offsets) {
        for (topic, partitions) in offsets.topics {
            match partitions.is_empty() {
                true => drop(self.offsets.remove(&topic)),
                false => self.offsets.entry(topic).or_default().extend(partitions),
            }
        }
    }

    /// What is to be kept so that it has nothing of topics that are not there; nothing where it has nothing of any.
    pub(crate) fn without(&self, is_there: impl Fn(&Name) -> bool) -> Option<Offsets> {
        let gone = self.offsets.keys().filter(|topic| !is_there(topic));
        let topics: Vec<_> = gone.map(|topic| (topic.clone(), Vec::new())).collect();
        (!topics.is_empty()).then(|| Offsets { group: self.name.clone(), topics })
    }

    /// How far it has read of these, or of all.
    pub(crate) fn committed(
        &self,
        asked: Option<&[(TopicRef, Vec<u32>)]>,
    ) -> Vec<(TopicRef, Vec<CommittedOffset>)> {
        let all = || {
            self.offsets.iter().map(|(topic, partitions)| {
                (TopicRef::Name(topic.clone()), partitions.keys().copied().collect())
            })
        };
        let asked = asked.map_or_else(|| all().collect(), <[_]>::to_vec);
        let found = asked.into_iter().map(|(topic, partitions): (_, Vec<u32>)| {
            let known = match &topic {
                TopicRef::Name(name) => self.offsets.get(name),
                TopicRef::Id(_) => None,
            };
            let found = partitions.into_iter().map(|partition| {
                let found = known.and_then(|known| known.get(&partition));
                let found = found.map(|it| (it.offset, it.leader_epoch, it.text.clone()));
                CommittedOffset { partition, found }
            });
            let found = found.collect();
            (topic, found)
        });
        found.collect()
    }

    /// All that it has committed: group, topic, partition, offset.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = (Name, Name, u32, Offset)> + '_ {
        self.offsets.iter().flat_map(|(topic, partitions)| {
            let of = |(partition, it): (&u32, &Committed)| {
                (self.name.clone(), topic.clone(), *partition, it.offset)
            };
            partitions.iter().map(of)
        })
    }

    pub(super) fn offset_records(&self) -> impl Iterator<Item = Offsets> + '_ {
        self.offsets.iter().flat_map(|(topic, partitions)| {
            let all: Vec<_> = partitions.iter().map(|(it, found)| (*it, found.clone())).collect();
            let records = all.chunks(OF_A_RECORD).map(|some| Offsets {
                group: self.name.clone(),
                topics: vec![(topic.clone(), some.to_vec())],
            });
            records.collect::<Vec<_>>()
        })
    }
}
