//! What is recovered from records that were cut off, said again, or are not to be trusted.

use std::sync::Arc;

use bytes::BytesMut;
use machine::{DiskId, NodeId};

use super::*;
use crate::member::Configuration;
use crate::record::{
    put_base, put_begins, put_durable, put_entries, put_left, put_record, put_snapshot, put_state,
};
use crate::rpc::Payload;

const GROUP: GroupId = GroupId(3);
const STATE: &[u8] = b"state";

fn voter() -> Member {
    Member { node: NodeId(1), disk: DiskId(7) }
}

fn of_terms(terms: &[Term]) -> Vec<Entry> {
    terms.iter().map(|&term| Entry { term, payload: Payload::Blank }).collect()
}

fn entries(first_index: Index, terms: &[Term]) -> Record {
    Record::Entries { first_index, entries: of_terms(terms) }
}

fn kept(first_index: Index, terms: &[Term]) -> Record {
    Record::Kept { first_index, entries: of_terms(terms) }
}

fn base(index: Index, term: Term, last: Index) -> Record {
    Record::Base { index, term, last }
}

fn state(term: Term) -> Record {
    Record::State { term, voted_for: Some(voter()) }
}

fn snapshot(last_index: Index, last_term: Term) -> Record {
    let configuration = Arc::new(Configuration::of([voter()]));
    let file = Some(SnapshotFile { number: 9, length: 5, crc: crc32fast::hash(STATE) });
    Record::Snapshot(Snapshot { last_index, last_term, configuration, file })
}

/// A segment of such records, each written and synced by itself.
fn segment(prior: u64, records: Vec<Record>) -> BytesMut {
    let mut out = BytesMut::new();
    put_begins(&mut out, prior);
    for record in records {
        let durable = out.len() as u64;
        put_record(&mut out, GROUP, |out| match record {
            Record::State { term, voted_for } => put_state(out, term, voted_for),
            Record::Base { index, term, last } => put_base(out, (index, term), last),
            Record::Snapshot(snapshot) => put_snapshot(out, &snapshot),
            Record::Entries { first_index, entries } => {
                put_entries(out, false, first_index, entries.iter());
            }
            Record::Kept { first_index, entries } => {
                put_entries(out, true, first_index, entries.iter())
            }
            Record::Left => put_left(out),
            Record::Begins { .. } | Record::Durable { .. } => {}
        });
        put_durable(&mut out, durable);
    }
    out
}

/// What a node remembers that has such segments, from number 4 on, and the file of a snapshot.
fn recovered(segments: Vec<BytesMut>) -> Result<Option<Remembered>, String> {
    let mut recovery = Recovery::new(4);
    let numbers = 4..4 + segments.len() as u64;
    let mut names: Vec<String> =
        numbers.clone().map(|number| format!("journal-{number}")).collect();
    names.push("snapshot-3-9".to_owned());
    recovery.listed(&names)?;
    for (number, segment) in numbers.zip(segments) {
        recovery.segment(number, segment.freeze());
    }
    recovery.replay()?;
    while recovery.next_piece().is_some() {
        recovery.piece(&Bytes::from_static(STATE), 4)?;
    }
    Ok(recovery.remembered.remove(&GROUP))
}

fn terms(known: &Remembered) -> Vec<Term> {
    known.log.iter_from(0).map(|entry| entry.term).collect()
}

#[test]
fn a_snapshot_of_a_newer_term_raises_the_term_and_voids_the_vote() {
    for (last_term, term, voted) in [(2, 4, true), (4, 4, true), (5, 5, false)] {
        let records = vec![state(4), base(0, 0, 0), entries(1, &[1, 2]), snapshot(9, last_term)];
        let Remembered { term: now, voted_for, log } =
            recovered(vec![segment(0, records)]).unwrap().unwrap();
        assert_eq!((now, voted_for), (term, voted.then(voter)), "a snapshot of {last_term}");
        assert_eq!((log.last_index(), log.last_term()), (9, last_term));
    }
}

/// After its last entry, and only if that is here.
#[test]
fn what_follows_a_snapshot_counts_if_the_snapshot_is_of_this_log() {
    for (last_term, follows) in [(2, vec![2, 3]), (1, vec![])] {
        let records =
            vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 2, 2, 3]), snapshot(3, last_term)];
        let known = recovered(vec![segment(0, records)]).unwrap().unwrap();
        let found: Vec<Term> = known.log.iter_from(4).map(|entry| entry.term).collect();
        assert_eq!(found, follows, "a snapshot of {last_term}");
    }
    let records = vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 2, 2, 3]), entries(4, &[4])];
    let known = recovered(vec![segment(0, records)]).unwrap().unwrap();
    assert_eq!(terms(&known), [1, 1, 2, 4], "what was written last counts");
}

/// Of a group that rests, the segment with its entries is gone.
#[test]
fn what_was_said_again_fills_in_and_truncates_nothing() {
    let head = || vec![state(4), snapshot(2, 1), base(2, 1, 6)];
    let later = [head(), vec![entries(6, &[3]), kept(3, &[1, 2, 2]), entries(7, &[4])]].concat();
    let known = recovered(vec![segment(0, later)]).unwrap().unwrap();
    assert_eq!(terms(&known), [1, 2, 2, 3, 4]);
    let lost = [head(), vec![entries(6, &[3])]].concat();
    let why = recovered(vec![segment(0, lost)]).err().unwrap();
    assert_eq!(why, "the journal has a gap");
}

/// What its segments have does not bring it back.
#[test]
fn a_group_that_was_left_is_gone() {
    let before = || vec![state(4), base(0, 0, 0), entries(1, &[1, 2])];
    assert!(recovered(vec![segment(0, before())]).unwrap().is_some());
    let left = segment(0, [before(), vec![Record::Left]].concat());
    assert!(recovered(vec![left.clone()]).unwrap().is_none());
    let prior = left.len() as u64;
    assert!(recovered(vec![left, segment(prior, vec![Record::Left])]).unwrap().is_none());
}

#[test]
fn a_log_that_began_anew_has_nothing_of_the_one_before() {
    let old = segment(0, vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 1, 1, 1, 1, 1])]);
    let new = vec![state(4), snapshot(5, 3), base(5, 3, 5), entries(6, &[4])];
    let prior = old.len() as u64;
    let known = recovered(vec![old, segment(prior, new)]).unwrap().unwrap();
    assert_eq!((terms(&known), known.log.last_index()), (vec![4], 6));
}

#[test]
fn of_a_segment_counts_what_the_next_one_says() {
    let mut torn = segment(0, vec![state(4), base(0, 0, 0), entries(1, &[1, 2])]);
    let whole = torn.len();
    torn.extend_from_slice(&segment(0, vec![entries(3, &[9])])[20..40]);
    let next = |prior| segment(prior, vec![state(5), base(0, 0, 2), entries(3, &[5])]);
    let known = recovered(vec![torn.clone(), next(whole as u64)]).unwrap().unwrap();
    assert_eq!((known.term, terms(&known)), (5, vec![1, 2, 5]));
    assert_eq!(
        recovered(vec![torn.clone(), next(torn.len() as u64)]).err().as_deref(),
        Some(ROTTEN)
    );
    torn.truncate(whole - 1);
    let why = recovered(vec![torn, next(whole as u64)]).err().unwrap();
    assert_eq!(why, "journal-4 is shorter than it was");
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let whole = || vec![state(4), base(0, 0, 0), entries(1, &[1, 2])];
    let rotten = |place: usize| {
        let mut journal = segment(0, whole());
        journal[place] ^= 1;
        journal
    };
    let cut = |length| {
        let mut journal = segment(0, whole());
        journal.truncate(length);
        journal
    };
    let gap = "the journal has a gap";
    let gone = "the snapshot is gone from which the journal goes on";
    for (case, journal, why) in [
        ("a bit of its beginning", rotten(40), ROTTEN),
        ("a bit of a length in it", rotten(0), ROTTEN),
        ("a bit of a write that another followed", rotten(90), ROTTEN),
        ("nothing is left of it", cut(0), ROTTEN),
        ("not even its beginning", cut(30), ROTTEN),
        ("entries beyond the last", segment(0, vec![base(0, 0, 0), entries(2, &[1])]), gap),
        ("no snapshot below its base", segment(0, vec![base(5, 2, 5), entries(6, &[2])]), gone),
    ] {
        assert_eq!(recovered(vec![journal]).err().as_deref(), Some(why), "{case}");
    }
    assert!(recovered(vec![segment(0, whole())]).unwrap().is_some());
    assert!(recovered(Vec::new()).unwrap().is_none(), "it is blank");
}

#[test]
fn a_journal_without_segments_is_of_another_version() {
    let mut other = segment(0, vec![state(4)]);
    let begins = {
        let mut out = BytesMut::new();
        put_begins(&mut out, 0);
        out.len()
    };
    let why = recovered(vec![other.split_off(begins)]).err().unwrap();
    assert_eq!(why, OTHER_VERSION);
}

#[test]
fn a_snapshot_that_rotted_or_is_gone_is_refused() {
    let journal = || segment(0, vec![state(4), snapshot(4, 2), base(4, 2, 4)]).freeze();
    let after = |names: [&str; 2]| {
        let mut recovery = Recovery::new(4);
        recovery.listed(&names.map(str::to_owned)).unwrap();
        assert!(recovery.segment(4, journal()));
        recovery.replay().map(|()| recovery)
    };
    let gone = after(["journal-4", "snapshot-3-8"]).err().unwrap();
    assert_eq!(gone, "snapshot-3-9 is gone");
    let why = "snapshot-3-9 is not what was written";
    let read = |pieces: &[&'static str]| {
        let mut recovery = after(["journal-4", "snapshot-3-9"]).unwrap();
        let mut piece =
            |piece: &&'static str| recovery.piece(&Bytes::from_static(piece.as_bytes()), 4);
        pieces.iter().try_for_each(|bytes| piece(bytes).map(drop))
    };
    assert_eq!(read(&["sta", "te"]), Ok(()));
    assert_eq!(read(&["sta", "tf"]), Err(why.to_owned()));
    assert_eq!(read(&["sta", ""]), Err(why.to_owned()), "it is shorter than it was");
}
