//! A reader of partitions, each from its start, or from where it is told to begin.
//!
//! It asks the leader, and where that names a replica in its rack, that one, until it fails it (KIP-392). An offset
//! that is below the start of the log it takes for deleted, and goes on at the start; one behind the end it waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::NodeId;

use super::{PATIENCE, PAUSE, Turn, What, topic};
use replicated_log::ask::{Answer, Ask, Fetch, FetchPart, OffsetAsk, Records, When};
use replicated_log::batch::Batch;
use replicated_log::error::ErrorCode;
use replicated_log::note::Note;
use replicated_log::words::{Name, Offset};

/// Of an answer.
const MAX_BYTES: u32 = 64 << 10;

/// Reads all partitions.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    partitions: u32,
    places: Places,
}

impl Reader {
    pub(super) fn new(partitions: u32, rack: Option<Name>, wait: Duration) -> Reader {
        let mut places = Places::new(rack, wait);
        (0..partitions).for_each(|partition| places.read(partition, None));
        Reader { partitions, places }
    }

    pub(super) fn state(&self) -> String {
        format!("reads {} partitions", self.partitions)
    }

    pub(super) fn came(&mut self, what: What, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        self.places.came(what, answer, turn);
    }
}

/// How far somebody has read, by partition.
#[derive(Clone, Debug)]
pub(super) struct Places {
    rack: Option<Name>,
    wait: Duration,
    places: BTreeMap<u32, Place>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// The next offset; none where it is not known yet where the partition starts.
    next: Option<Offset>,
    /// The replica that the leader has named.
    at: Option<NodeId>,
    /// Something is asked, or waits for its time.
    busy: bool,
}

impl Places {
    pub(super) fn new(rack: Option<Name>, wait: Duration) -> Places {
        Places { rack, wait, places: BTreeMap::new() }
    }

    /// One more partition, from this offset on, or from its start.
    pub(super) fn read(&mut self, partition: u32, next: Option<Offset>) {
        self.places.insert(partition, Place { next, ..Place::default() });
    }

    /// No partition any more; what was asked is to be forgotten by the caller.
    pub(super) fn clear(&mut self) {
        self.places.clear();
    }

    /// How far each was read, where that is known.
    pub(super) fn offsets(&self) -> impl Iterator<Item = (u32, Offset)> {
        self.places.iter().filter_map(|(partition, place)| Some((*partition, place.next?)))
    }

    pub(super) fn go_on_with_all(&mut self, turn: &mut Turn<'_, '_>) {
        let partitions: Vec<u32> = self.places.keys().copied().collect();
        partitions.into_iter().for_each(|partition| self.go_on(partition, turn));
    }

    fn go_on(&mut self, partition: u32, turn: &mut Turn<'_, '_>) {
        let Some(place) = self.places.get_mut(&partition).filter(|place| !place.busy) else {
            return;
        };
        let Some(leader) = turn.calls.leader(partition) else { return turn.ask_who_leads() };
        place.busy = true;
        let epoch = turn.calls.known(partition).map(|known| known.epoch);
        let Some(offset) = place.next else {
            let start = start_of(partition);
            turn.ask(leader, What::Start(partition), Ask::ListOffsets(vec![start]));
            return;
        };
        let part = FetchPart {
            topic: topic(),
            partition,
            leader_epoch: epoch,
            offset,
            max_bytes: MAX_BYTES,
        };
        let fetch = Fetch {
            max_wait: self.wait,
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            rack: self.rack.clone(),
            parts: vec![part],
        };
        let (at, patience) = (place.at.unwrap_or(leader), self.wait + PATIENCE);
        turn.ask_for(at, What::Records(partition), Ask::Fetch(fetch), patience);
    }

    pub(super) fn came(&mut self, what: What, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        match what {
            What::Metadata => self.go_on_with_all(turn),
            What::Again(partition) => {
                if let Some(place) = self.places.get_mut(&partition) {
                    place.busy = false;
                    self.go_on(partition, turn);
                }
            }
            What::Records(partition) => self.records(partition, answer, turn),
            What::Start(partition) => self.start(partition, answer, turn),
            _ => {}
        }
    }

    fn records(&mut self, partition: u32, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        let Some(place) = self.places.get_mut(&partition) else { return };
        let leader = turn.calls.leader(partition);
        match outcome(answer) {
            Some(Ok(Records { preferred_replica: Some(other), .. })) => {
                (place.at, place.busy) = (Some(other), false);
            }
            Some(Ok(records)) => {
                place.busy = false;
                if let (Some(next), Some(at)) = (place.next, place.at.or(leader)) {
                    place.next = Some(saw(partition, at, next, &records.batches, turn));
                }
            }
            // Of a replica: the leader knows better.
            Some(Err(ErrorCode::OffsetOutOfRange)) if place.at.is_some() => {
                (place.at, place.busy) = (None, false);
            }
            Some(Err(ErrorCode::OffsetOutOfRange)) if leader.is_some() => {
                let start = Ask::ListOffsets(vec![start_of(partition)]);
                turn.ask(leader.unwrap_or_default(), What::Start(partition), start);
            }
            _ => return self.fail(partition, turn),
        }
        self.go_on(partition, turn);
    }

    fn start(&mut self, partition: u32, answer: Option<Answer>, turn: &mut Turn<'_, '_>) {
        let Some(place) = self.places.get_mut(&partition) else { return };
        match start_in(answer) {
            // What is behind the end may come.
            Some(start) if place.next.is_some_and(|next| next >= start) => {
                self.fail(partition, turn)
            }
            Some(start) => {
                (place.next, place.busy) = (Some(start), false);
                self.go_on(partition, turn);
            }
            None => self.fail(partition, turn),
        }
    }

    /// After a moment it is tried again, at whoever leads then.
    fn fail(&mut self, partition: u32, turn: &mut Turn<'_, '_>) {
        if let Some(place) = self.places.get_mut(&partition) {
            (place.at, place.busy) = (None, true);
            turn.later(PAUSE, What::Again(partition));
            turn.doubt(partition);
        }
    }
}

/// Where does a partition start?
pub(super) fn start_of(partition: u32) -> OffsetAsk {
    OffsetAsk { topic: topic(), partition, leader_epoch: None, when: When::Earliest }
}

/// Where it does, if that was answered.
pub(super) fn start_in(answer: Option<Answer>) -> Option<Offset> {
    match answer {
        Some(Answer::Offsets(offsets)) => offsets.into_iter().next()?.outcome.ok()?.offset,
        _ => None,
    }
}

/// Of the one partition that was asked for.
pub(super) fn outcome(answer: Option<Answer>) -> Option<Result<Records, ErrorCode>> {
    match answer {
        Some(Answer::Fetched(parts)) => Some(parts.into_iter().next()?.outcome),
        _ => None,
    }
}

/// Notes what was read from this offset on, and says where to go on.
pub(super) fn saw(
    number: u32,
    at: NodeId,
    from: Offset,
    batches: &[Batch],
    turn: &mut Turn<'_, '_>,
) -> Offset {
    let Some(partition) = turn.calls.partition(number) else { return from };
    let mut next = from;
    for batch in batches {
        let base = batch.base_offset();
        // What is no record of ours has an id that nobody sent.
        let ids = match batch.decode() {
            Ok(records) => records
                .iter()
                .map(|record| record.value.as_deref().map_or(u64::MAX, id_of))
                .collect(),
            Err(_) => vec![u64::MAX; batch.records() as usize],
        };
        let (offset, skip) = (base.max(next), next.saturating_sub(base) as usize);
        let ids: Vec<u64> = ids.into_iter().skip(skip).collect();
        next = next.max(batch.next_offset());
        if !ids.is_empty() {
            turn.note(Note::Saw { partition, at, offset, ids });
        }
    }
    next
}

/// The id that a record begins with.
fn id_of(value: &[u8]) -> u64 {
    value.first_chunk().map_or(u64::MAX, |id| u64::from_be_bytes(*id))
}
