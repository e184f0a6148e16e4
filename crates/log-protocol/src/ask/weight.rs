//! What questions and answers weigh in the windows of those who ask: about as much as they have in memory.

use super::{Answer, Ask, MetadataAsk};

impl Ask {
    /// In bytes.
    pub fn weight(&self) -> u32 {
        let bytes = match self {
            Ask::Produce(produce) => {
                let batches = produce.batches.iter().filter_map(|part| part.batch.as_ref().ok());
                64 * produce.batches.len()
                    + batches.map(|batch| batch.length() as usize).sum::<usize>()
            }
            Ask::Fetch(fetch) => 64 * fetch.parts.len(),
            Ask::Metadata(MetadataAsk { topics: Some(topics), .. }) => 64 * topics.len(),
            Ask::ListOffsets(parts) => 64 * parts.len(),
            Ask::EpochEnds(parts) => 64 * parts.len(),
            Ask::JoinGroup(join) => join.protocols.iter().map(|(_, bytes)| 64 + bytes.len()).sum(),
            Ask::SyncGroup(sync) => {
                sync.assignments.iter().map(|(_, bytes)| 64 + bytes.len()).sum()
            }
            Ask::Commit(commit) => {
                commit.topics.iter().map(|(_, parts)| 64 + 64 * parts.len()).sum()
            }
            Ask::CreateTopics { topics, .. } => 256 * topics.len(),
            Ask::Reassign { replicas, .. } => {
                replicas.iter().map(|(_, nodes)| 64 + 4 * nodes.len()).sum()
            }
            _ => 0,
        };
        (64 + bytes).try_into().unwrap_or(u32::MAX)
    }
}

impl Answer {
    /// In bytes.
    pub fn weight(&self) -> u32 {
        let bytes = match self {
            Answer::Fetched(parts) => parts
                .iter()
                .map(|part| {
                    let batches = part.outcome.iter().flat_map(|records| &records.batches);
                    64 + batches.map(|batch| batch.length() as usize).sum::<usize>()
                })
                .sum(),
            Answer::Produced(parts) => 64 * parts.len(),
            Answer::Offsets(parts) => 64 * parts.len(),
            Answer::EpochEnds(parts) => 64 * parts.len(),
            Answer::Metadata(metadata) => {
                let shapes = metadata.topics.iter().filter_map(|topic| topic.outcome.as_ref().ok());
                let partitions: usize = shapes.map(|shape| 64 + 64 * shape.partitions.len()).sum();
                64 * (metadata.brokers.len() + metadata.topics.len()) + partitions
            }
            Answer::Joined(Ok(joined)) => {
                joined.members.iter().map(|(_, _, bytes)| 64 + bytes.len()).sum()
            }
            Answer::Synced(Ok(bytes)) => bytes.len(),
            Answer::Groups(groups) => {
                let found = groups.iter().filter_map(|(_, group)| group.as_ref().ok());
                let members = found.flat_map(|group| &group.members);
                let length = |metadata: usize, assignment: usize| 128 + metadata + assignment;
                let members = members.map(|one| length(one.metadata.len(), one.assignment.len()));
                64 * groups.len() + members.sum::<usize>()
            }
            Answer::Offset(groups) => {
                let found = groups.iter().filter_map(|group| group.outcome.as_ref().ok()).flatten();
                found.map(|(_, parts)| 64 + 64 * parts.len()).sum()
            }
            Answer::Committed(topics) => topics.iter().map(|(_, parts)| 64 + 8 * parts.len()).sum(),
            _ => 0,
        };
        (64 + bytes).try_into().unwrap_or(u32::MAX)
    }
}
