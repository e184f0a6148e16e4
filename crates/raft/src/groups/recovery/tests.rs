//! What is recovered from records that were said again, or are not to be trusted.

use std::sync::Arc;

use machine::{DiskId, NodeId};

use super::*;
use crate::member::Configuration;
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

/// What a node remembers that has such records, and the file of a snapshot.
fn recovered(records: Vec<Record>) -> Result<Option<Remembered>, String> {
    let mut recovery = Recovery::new(4);
    records.into_iter().for_each(|record| recovery.record(GROUP, record));
    recovery.replay()?;
    recovery.listed(&["snapshot-3-9".to_owned()])?;
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
        let Remembered { term: now, voted_for, log } = recovered(records).unwrap().unwrap();
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
        let known = recovered(records).unwrap().unwrap();
        let found: Vec<Term> = known.log.iter_from(4).map(|entry| entry.term).collect();
        assert_eq!(found, follows, "a snapshot of {last_term}");
    }
    let records = vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 2, 2, 3]), entries(4, &[4])];
    let known = recovered(records).unwrap().unwrap();
    assert_eq!(terms(&known), [1, 1, 2, 4], "what was written last counts");
}

/// Of a group that rests, the segment with its entries is gone.
#[test]
fn what_was_said_again_fills_in_and_truncates_nothing() {
    let head = || vec![state(4), snapshot(2, 1), base(2, 1, 6)];
    let later = [head(), vec![entries(6, &[3]), kept(3, &[1, 2, 2]), entries(7, &[4])]].concat();
    let known = recovered(later).unwrap().unwrap();
    assert_eq!(terms(&known), [1, 2, 2, 3, 4]);
    let lost = [head(), vec![entries(6, &[3])]].concat();
    let why = recovered(lost).err().unwrap();
    assert_eq!(why, "the journal has a gap");
}

/// What its segments have does not bring it back.
#[test]
fn a_group_that_was_left_is_gone() {
    let before = || vec![state(4), base(0, 0, 0), entries(1, &[1, 2])];
    assert!(recovered(before()).unwrap().is_some());
    assert!(recovered([before(), vec![Record::Left]].concat()).unwrap().is_none());
}

/// Whatever else it has, of this group or of another.
#[test]
fn a_disk_that_a_leader_knew_better_than_is_refused() {
    let lost = |records: Vec<Record>| recovered(records).err();
    let before = || vec![state(4), base(0, 0, 0), entries(1, &[1, 2])];
    let why = "its disk has lost entries of group 3, from 3 to 7, that it had acknowledged, and may have lost votes too: \
               give the node a new disk, an empty folder, with which it joins as a new member";
    let told = Record::Lost { first: 3, last: 7 };
    assert_eq!(lost(before()), None);
    assert_eq!(lost([before(), vec![told.clone()]].concat()).as_deref(), Some(why));
    let left = [vec![told], before(), vec![Record::Left]].concat();
    assert_eq!(lost(left).as_deref(), Some(why), "as it would be, had it left the group");
}

#[test]
fn a_log_that_began_anew_has_nothing_of_the_one_before() {
    let old = vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 1, 1, 1, 1, 1])];
    let new = vec![state(4), snapshot(5, 3), base(5, 3, 5), entries(6, &[4])];
    let known = recovered([old, new].concat()).unwrap().unwrap();
    assert_eq!((terms(&known), known.log.last_index()), (vec![4], 6));
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let gap = "the journal has a gap";
    let gone = "the snapshot is gone from which the journal goes on";
    for (case, records, why) in [
        ("entries beyond the last", vec![base(0, 0, 0), entries(2, &[1])], gap),
        ("no snapshot below its base", vec![base(5, 2, 5), entries(6, &[2])], gone),
    ] {
        assert_eq!(recovered(records).err().as_deref(), Some(why), "{case}");
    }
    assert!(recovered(Vec::new()).unwrap().is_none(), "it is blank");
}

#[test]
fn a_snapshot_that_rotted_or_is_gone_is_refused() {
    let after = |name: &str| {
        let mut recovery = Recovery::new(4);
        let records = [state(4), snapshot(4, 2), base(4, 2, 4)];
        records.into_iter().for_each(|record| recovery.record(GROUP, record));
        recovery.replay().unwrap();
        recovery.listed(&[name.to_owned()]).map(|()| recovery)
    };
    let gone = after("snapshot-3-8").err().unwrap();
    assert_eq!(gone, format!("snapshot-3-9 is gone, which the journal names: {WAY_OUT}"));
    let why = format!("snapshot-3-9 is not what was written: {WAY_OUT}");
    let read = |pieces: &[&'static str]| {
        let mut recovery = after("snapshot-3-9").unwrap();
        let mut piece =
            |piece: &&'static str| recovery.piece(&Bytes::from_static(piece.as_bytes()), 4);
        pieces.iter().try_for_each(|bytes| piece(bytes).map(drop))
    };
    assert_eq!(read(&["sta", "te"]), Ok(()));
    assert_eq!(read(&["sta", "tf"]), Err(why.clone()));
    assert_eq!(read(&["sta", ""]), Err(why), "it is shorter than it was");
}
