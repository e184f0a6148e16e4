use super::*;
use bytes::Buf;

const QUARTER: u32 = WINDOW / 4;

fn frame(length: usize) -> Parts {
    vec![7; length].into()
}

fn theirs(boot: u64, pair: u64) -> Hello {
    let (from, to) = (NodeId(1), NodeId(2));
    let (protocol, lane) = ("talk".to_owned(), Lane::Stream);
    Hello { protocol, version: 1, from, to, boot, lane, pair, datagrams: 0 }
}

fn connected() -> (Peer, Claim) {
    let peer = Peer::listed(NodeId(1), None);
    let (claim, _) = peer.claim(&theirs(1, 1), None, None).unwrap();
    (peer, claim)
}

fn bytes(batch: Result<Batch, &str>) -> Vec<u8> {
    let mut batch = batch.unwrap();
    batch.copy_to_bytes(batch.remaining()).into()
}

#[test]
fn no_more_is_outstanding_than_a_window_and_one_lane_breaks_both() {
    let (peer, claim) = connected();
    for _ in 0..4 {
        assert_eq!(peer.send(frame(9), QUARTER, Lane::Bulk), Sent::Queued);
    }
    assert_eq!(peer.send(frame(9), QUARTER, Lane::Stream), Sent::Queued, "a window of its own");
    assert_eq!(bytes(peer.take_batch(claim, Lane::Bulk)).len(), 36);
    peer.credited(claim, Lane::Bulk);
    assert_eq!(peer.send(frame(9), QUARTER, Lane::Bulk), Sent::Queued, "written or not");
    assert_eq!(peer.send(frame(9), 1, Lane::Bulk), Sent::Broke);
    assert_eq!(peer.send(frame(9), 1, Lane::Bulk), Sent::Queued);
    for lane in [Lane::Stream, Lane::Bulk] {
        let why = peer.take_batch(claim, lane).unwrap_err();
        assert_eq!(why, "more was sent to it than its window", "nothing arrives behind a gap");
    }
    peer.begin_anew();
    assert!(bytes(peer.take_batch(claim, Lane::Bulk)).is_empty());
    assert_eq!(peer.send(frame(9), LONGEST + 1, Lane::Bulk), Sent::Broke);
}

#[test]
fn who_sends_more_than_its_window_breaks_the_pair() {
    let (peer, claim) = connected();
    assert!(peer.came(claim, Lane::Stream, LONGEST + 1).is_err());
    let (peer, claim) = connected();
    (0..4).for_each(|_| peer.came(claim, Lane::Stream, QUARTER).unwrap());
    peer.handed(claim, Lane::Stream, QUARTER);
    assert!(peer.came(claim, Lane::Stream, 1).is_err(), "it was not yet given the credit");
    let (peer, claim) = connected();
    for _ in 0..9 {
        peer.came(claim, Lane::Bulk, QUARTER).unwrap();
        peer.handed(claim, Lane::Bulk, QUARTER);
        assert_eq!(bytes(peer.take_batch(claim, Lane::Stream)), *Lane::Bulk.credit(1));
    }
}

/// Credit for an old pair would let more than a window onto the new one.
#[test]
fn credit_counts_for_the_pair_that_it_was_given_on() {
    let (peer, old) = connected();
    peer.came(old, Lane::Bulk, CREDIT).unwrap();
    peer.send(frame(9), CREDIT, Lane::Bulk);
    peer.release(old);
    peer.begin_anew();
    let (new, _) = peer.claim(&theirs(1, 2), None, None).unwrap();
    for _ in 0..4 {
        peer.send(frame(9), CREDIT, Lane::Bulk);
    }
    peer.handed(old, Lane::Bulk, CREDIT);
    peer.credited(old, Lane::Bulk);
    assert!(bytes(peer.take_batch(new, Lane::Stream)).is_empty(), "the peer gets no credit");
    assert_eq!(peer.send(frame(9), 1, Lane::Bulk), Sent::Broke, "and we have none");
}

#[test]
fn credit_for_nothing_breaks_the_pair() {
    let (peer, claim) = connected();
    peer.send(frame(9), CREDIT - 1, Lane::Stream);
    peer.credited(claim, Lane::Stream);
    assert!(peer.is_broken());
}

#[test]
fn a_message_waits_for_a_connection_only_where_one_is_sought() {
    let sought = Peer::listed(NodeId(1), Some(([127, 0, 0, 1], 9).into()));
    assert_eq!(sought.send(frame(1), 1, Lane::Stream), Sent::Queued);
    let gone = Peer::listed(NodeId(2), None);
    assert_eq!(gone.send(frame(1), 1, Lane::Stream), Sent::Broke);
}

#[test]
fn a_peer_that_moves_is_dialled_anew_and_one_that_stays_is_not() {
    let (peer, _) = connected();
    let [here, there] = [7, 8].map(|port| ([127, 0, 0, 1], port).into());
    assert!(peer.moves_to(here) && peer.is_broken());
    peer.begin_anew();
    assert!(!peer.moves_to(here) && !peer.is_broken());
    assert!(peer.moves_to(there) && peer.is_broken());
    assert_eq!(peer.dialled_at(), Some(there));
}

#[test]
fn a_number_has_one_process_at_a_time_and_a_bulk_lane_one_stream() {
    let (peer, first) = connected();
    assert!(peer.claim(&theirs(2, 1), None, None).is_none(), "another process has it");
    let joins = |boot, pair| peer.join(&theirs(boot, pair), None).is_some();
    assert!(!joins(1, 2) && !joins(2, 1));
    assert!(joins(1, 1) && !joins(1, 1));
    let (again, _) = peer.claim(&theirs(1, 1), None, None).unwrap();
    assert!(peer.take_batch(first, Lane::Stream).is_err(), "the stream before is asked to end");
    peer.release(first);
    assert!(peer.is_up(), "its end is not the end of the new one");
    peer.release(again);
    assert!(peer.claim(&theirs(2, 1), None, None).is_some());
}
