//! The words of the system as sentences, short enough for diagrams.

use std::fmt::{self, Debug, Display, Formatter};

use crate::ask::{Answer, Ask};
use crate::batch::Batch;
use crate::entry::{Changes, Entry};
use crate::error::ErrorCode;
use crate::message::{Command, Message, ReplicaFetched};
use crate::note::{Note, Operation};

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Do(Operation::Produce { partition, records, .. }) => {
                write!(f, "send {records} records to partition {partition}")
            }
            Message::Do(operation) => operation.fmt(f),
            Message::Ask { ask, .. } => write!(f, "{}", Asked(ask)),
            Message::Answer { answer, .. } => write!(f, "{}", Answered(answer)),
            Message::Register(registration) => write!(f, "register {:?}", registration.disk),
            Message::Registered { epoch, .. } => write!(f, "registered in broker epoch {epoch}"),
            Message::Heartbeat(it) if it.stopping => write!(f, "heartbeat {}, stopping", it.number),
            Message::Heartbeat(it) => write!(f, "heartbeat {}, has {}", it.number, it.applied),
            Message::Beat(beat) if beat.may_stop => f.write_str("may stop"),
            Message::Beat(beat) if beat.unknown => f.write_str("not registered"),
            Message::Beat(beat) => write!(f, "heard heartbeat {}", beat.number),
            Message::Entries { entries } => {
                f.write_str("metadata:")?;
                entries.iter().try_for_each(|(index, entry)| write!(f, " {index} {};", What(entry)))
            }
            Message::Image { at, .. } => write!(f, "all metadata up to {at}"),
            Message::Alter(alter) => {
                let isr: Vec<_> = alter.isr.iter().map(|(node, _)| node).collect();
                write!(f, "the ISR of {:?} is to be {isr:?}", alter.partition)
            }
            Message::Command { command: Command::Reassign { partition, replicas }, .. } => {
                write!(f, "{replicas:?} are to keep {partition:?}")
            }
            Message::Command { command, .. } => command.fmt(f),
            Message::Commanded { outcome: Ok(_), .. } => f.write_str("done"),
            Message::Commanded { outcome: Err((error, _)), .. } => write!(f, "not done: {error:?}"),
            Message::Fetch(fetch) => {
                let (partition, from) = (fetch.partition, fetch.from);
                write!(f, "epoch {}: has {partition:?} below {from}", fetch.leader_epoch)?;
                fetch.last_epoch.map_or(Ok(()), |last| write!(f, ", which ends in epoch {last}"))
            }
            Message::Fetched(fetched) => {
                let ReplicaFetched { partition, leader_epoch, high_watermark, .. } = fetched;
                write!(f, "epoch {leader_epoch}: {partition:?}, watermark {high_watermark}")?;
                if let Some((epoch, end)) = fetched.diverging {
                    write!(f, ", epoch {epoch} ends at {end}")?;
                }
                write!(f, "{}", Listed(&fetched.batches))
            }
            Message::Raft(envelope) => Display::fmt(envelope, f),
        }
    }
}

/// Batches behind what else there is to say, in the order of their offsets.
struct Listed<'a>(&'a [Batch]);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|batch| write!(f, ", {batch:?}"))
    }
}

struct Asked<'a>(&'a Ask);

impl Display for Asked<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ask::Metadata(_) => f.write_str("who leads?"),
            Ask::Produce(produce) => produce.batches.iter().try_for_each(|part| {
                let records = part.batch.as_ref().map_or(0, Batch::records);
                write!(f, "append {records} records to {:?}-{}", part.topic, part.partition)
            }),
            Ask::Fetch(fetch) => fetch.parts.iter().try_for_each(|part| {
                write!(f, "read {:?}-{} from {}", part.topic, part.partition, part.offset)
            }),
            Ask::ListOffsets(_) => f.write_str("where does it start?"),
            Ask::FindCoordinator(_) => f.write_str("who coordinates the group?"),
            Ask::JoinGroup(join) => write!(f, "{:?} joins the group", join.member),
            Ask::SyncGroup(sync) => write!(f, "generation {}: shares", sync.member.generation),
            Ask::Heartbeat(member) => write!(f, "generation {}: heartbeat", member.generation),
            Ask::Commit(commit) => write!(f, "generation {}: commit", commit.member.generation),
            Ask::Committed(_) => f.write_str("how far has the group read?"),
            other => other.fmt(f),
        }
    }
}

struct Answered<'a>(&'a Answer);

impl Display for Answered<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let or = |f: &mut Formatter<'_>, error: &ErrorCode| write!(f, "refused: {error:?}");
        match self.0 {
            Answer::Metadata(metadata) => {
                let shapes = metadata.topics.iter().filter_map(|topic| topic.outcome.as_ref().ok());
                let mut partitions = shapes.flat_map(|shape| &shape.partitions);
                partitions.try_for_each(|partition| match partition.leader {
                    Some(leader) => write!(f, "{leader:?} leads in {};", partition.leader_epoch),
                    None => f.write_str("nobody leads;"),
                })
            }
            Answer::Produced(parts) => parts.iter().try_for_each(|part| match &part.outcome {
                Ok((offset, _)) => write!(f, "appended at {offset}"),
                Err(error) => or(f, error),
            }),
            Answer::Fetched(parts) => parts.iter().try_for_each(|part| match &part.outcome {
                Ok(records) => match records.preferred_replica {
                    Some(replica) => write!(f, "read at {replica:?}"),
                    None => {
                        write!(f, "up to {}{}", records.high_watermark, Listed(&records.batches))
                    }
                },
                Err(error) => or(f, error),
            }),
            Answer::Joined(Ok(joined)) => {
                write!(f, "{} is in generation {}", joined.member, joined.generation)
            }
            Answer::Joined(Err(refused)) => or(f, &refused.error),
            Answer::Synced(Ok(share)) => write!(f, "a share of {} bytes", share.len()),
            Answer::Synced(Err(error)) | Answer::Beat(Err(error)) => or(f, error),
            Answer::Beat(Ok(())) => f.write_str("heard"),
            Answer::Committed(topics) => {
                let mut parts = topics.iter().flat_map(|(_, parts)| parts);
                match parts.find_map(|(_, outcome)| outcome.as_ref().err()) {
                    None => f.write_str("committed"),
                    Some(error) => or(f, error),
                }
            }
            other => other.fmt(f),
        }
    }
}

struct What<'a>(&'a Entry);

impl Display for What<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Entry::Broker { id, changes, .. } => {
                write!(f, "{id:?} is registered{}", Changed(changes))
            }
            Entry::Fence { id, changes } => write!(f, "{id:?} is fenced{}", Changed(changes)),
            Entry::Unfence { id, changes } => write!(f, "{id:?} is there{}", Changed(changes)),
            Entry::Stopping { id, changes } => write!(f, "{id:?} stops{}", Changed(changes)),
            Entry::Topic { name, .. } => write!(f, "topic {name} is made"),
            Entry::Partitions(changes) => write!(f, "partitions change{}", Changed(changes)),
            other => other.fmt(f),
        }
    }
}

struct Changed<'a>(&'a Changes);

impl Display for Changed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(partition, is)| {
            let (leader, epoch) = (Or(is.leader), is.leader_epoch);
            write!(f, ", {leader} leads {partition:?} in epoch {epoch}, ISR {:?}", is.isr)
        })
    }
}

/// A leader, or nobody.
struct Or(Option<machine::NodeId>);

impl Display for Or {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(leader) => leader.fmt(f),
            None => f.write_str("nobody"),
        }
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        /// An operation's number at its client, or a record's.
        fn short(number: &u64) -> u64 {
            number & 0xFFFF_FFFF
        }
        match self {
            Note::Boots { disk, clean: true } => write!(f, "boots with {disk:?}"),
            Note::Boots { disk, clean: false } => {
                write!(f, "boots with {disk:?}, and may have lost the end")
            }
            Note::Leads { partition, leader_epoch, end } => {
                write!(f, "leads {partition:?} in epoch {leader_epoch}, has what is below {end}")
            }
            Note::Damaged { partition, why } => write!(f, "{partition:?} is damaged: {why}"),
            Note::Watermark { partition, to } => write!(f, "watermark of {partition:?}: {to}"),
            Note::Cut { partition, to } => write!(f, "cuts {partition:?} from {to} on"),
            Note::FetchWaits { client, at, .. } => write!(f, "{client:?} waits for {at:?}"),
            Note::FetchAnswered { client, .. } => write!(f, "{client:?} waits no longer"),
            Note::Partition { partition, is } => {
                let (leader, epoch) = (Or(is.leader), is.leader_epoch);
                write!(f, "{leader} leads {partition:?} in epoch {epoch}, ISR {:?}", is.isr)?;
                if is.elr.is_empty() { Ok(()) } else { write!(f, ", eligible {:?}", is.elr) }
            }
            Note::Sends { operation, partition, records, .. } => {
                write!(f, "batch {}: {records} records for {partition}", short(operation))
            }
            Note::Acked { operation, offset, .. } => {
                write!(f, "batch {} is acknowledged at {offset}", short(operation))
            }
            Note::NotAcked { operation } => write!(f, "batch {} is let go", short(operation)),
            Note::Saw { partition, at, offset, ids } => {
                let id = |id: &u64| format!("{}.{}", id >> 32, short(id));
                let ids: Vec<String> = ids.iter().map(id).collect();
                write!(f, "reads {} from {offset} of {partition:?} at {at:?}", ids.join(" "))
            }
            Note::Audited { partition, at, start, end, .. } => {
                write!(f, "{at:?} shows {start} to {end} of {partition:?}")
            }
            Note::Owns { generation, partitions } => {
                write!(f, "owns {partitions:?} in generation {generation}")
            }
            Note::Commits { operation, generation } => {
                write!(f, "commit {} in generation {generation}", short(operation))
            }
            Note::Committed { operation } => write!(f, "commit {} is kept", short(operation)),
            Note::NotCommitted { operation } => write!(f, "commit {} is refused", short(operation)),
            Note::CommitLost { operation } => {
                write!(f, "commit {} has no answer", short(operation))
            }
            Note::Sometimes(what) => f.write_str(what),
        }
    }
}
