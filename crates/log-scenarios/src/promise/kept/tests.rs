//! Histories written by hand, held and broken.

use super::super::ledger::tests::{T0, acked, at, boots, entry, id, in_sync, leads, saw, sends};
use super::*;

/// One producer that is idempotent, and one operator, who begins to audit at 500 ms.
fn shape() -> Shape {
    Shape { controllers: 3, producers: 1, readers: 1, audit: 500, ..Shape::default() }
}

const READER: u32 = 7;
const OPERATOR: u32 = 8;

/// The first that breaks, or what the end shows.
fn verdict(
    look: &mut dyn FnMut(&Entry<Note>) -> Result<(), Breach>,
    notes: &[(u64, u32, Note)],
) -> Option<String> {
    notes
        .iter()
        .find_map(|(ms, node, note)| look(&entry(*ms, *node, note.clone())).err())
        .map(|breach| breach.why)
}

fn kept(notes: &[(u64, u32, Note)]) -> Verdict {
    let mut promise = AckedKept::of(shape());
    match verdict(&mut |entry| promise.look(entry), notes) {
        Some(why) => Verdict::broken(why),
        None => promise.judge(),
    }
}

fn phantom(notes: &[(u64, u32, Note)]) -> Verdict {
    let mut promise = NoPhantom::of(shape());
    match verdict(&mut |entry| promise.look(entry), notes) {
        Some(why) => Verdict::broken(why),
        None => promise.judge(),
    }
}

fn broken(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Broken(_))
}

/// The operator reads these from 0 on at a replica.
fn audit(replica: u32, leads: bool, numbers: &[u64]) -> Vec<(u64, u32, Note)> {
    let end = numbers.len() as u64;
    let over = Note::Audited { partition: T0, at: NodeId(replica), leads, start: 0, end };
    vec![(600, OPERATOR, saw(replica, 0, numbers)), (600, OPERATOR, over)]
}

/// A batch of two records is acknowledged at 0, another of one at 2.
fn two_batches() -> Vec<(u64, u32, Note)> {
    let sends = [(1, 6, sends(1, 0, 2)), (2, 6, sends(2, 2, 1))];
    let acked = [(20, 6, acked(1, 0)), (21, 6, acked(2, 2))];
    [vec![(0, 0, leads(1, 0))], sends.to_vec(), acked.to_vec()].concat()
}

fn then(notes: Vec<(u64, u32, Note)>) -> Vec<(u64, u32, Note)> {
    [two_batches(), notes].concat()
}

#[test]
fn the_shape_is_as_the_histories_say() {
    use sim::Shape as _;
    assert_eq!(shape().ids("producer"), [NodeId(6)]);
    assert_eq!(
        (shape().ids("reader"), shape().ids("operator")),
        (vec![NodeId(READER)], vec![NodeId(OPERATOR)])
    );
    assert_eq!(id(0) >> 32, 6);
}

#[test]
fn what_was_acknowledged_is_kept_where_it_was() {
    assert_eq!(kept(&then(audit(0, true, &[0, 1, 2]))), Verdict::Held);
    let follower_behind = [audit(0, true, &[0, 1, 2]), audit(1, false, &[0, 1])].concat();
    assert_eq!(kept(&then(follower_behind)), Verdict::Held, "it shows no more than its watermark");
    let late = [vec![(560, 6, sends(3, 3, 1)), (570, 6, acked(3, 3))], audit(0, true, &[0, 1, 2])]
        .concat();
    assert_eq!(kept(&then(late)), Verdict::Held, "the audit had begun");
}

#[test]
fn what_is_missing_or_elsewhere_in_the_end_is_noticed() {
    assert!(broken(kept(&then(audit(0, true, &[0, 1])))), "the leader does not have it");
    assert!(broken(kept(&then(audit(0, true, &[0, 2, 1])))), "moved");
    let one_follower = [audit(0, true, &[0, 1, 2]), audit(1, false, &[0, 7])].concat();
    assert!(broken(kept(&then(one_follower))), "what a follower shows must be right");
    assert!(matches!(kept(&two_batches()), Verdict::Unknown(_)), "nobody has looked");
    assert!(
        matches!(kept(&then(audit(1, false, &[0, 1, 2]))), Verdict::Unknown(_)),
        "no leader was read"
    );
}

#[test]
fn what_retention_took_is_not_missed() {
    let over = Note::Audited { partition: T0, at: NodeId(0), leads: true, start: 2, end: 3 };
    let audit = vec![(600, OPERATOR, saw(0, 2, &[2])), (600, OPERATOR, over)];
    assert_eq!(kept(&then(audit)), Verdict::Held);
}

#[test]
fn a_leader_that_begins_without_what_was_acknowledged_is_noticed_at_once() {
    let whole = [vec![(50, 1, leads(2, 3))], audit(1, true, &[0, 1, 2])].concat();
    assert_eq!(kept(&then(whole)), Verdict::Held);
    assert!(broken(kept(&then(vec![(50, 1, leads(2, 2))]))));
    let hears_late =
        [vec![(50, 1, leads(3, 3)), (60, 2, leads(2, 0))], audit(1, true, &[0, 1, 2])].concat();
    assert_eq!(
        kept(&then(hears_late)),
        Verdict::Held,
        "its epoch was over when the others were acknowledged"
    );
}

#[test]
fn two_lost_disks_excuse_what_was_acknowledged_and_one_does_not() {
    let disks = [(0, 0, boots(1)), (0, 1, boots(2)), (0, 2, boots(3)), (0, 3, in_sync(&[0, 1, 2]))];
    let lost = |disks: &[(u64, u32, Note)]| [disks.to_vec(), vec![(50, 2, leads(2, 0))]].concat();
    let begun = [disks.to_vec(), two_batches()].concat();
    let one = [begun.clone(), lost(&[(40, 0, boots(7))])].concat();
    assert!(broken(kept(&one)));
    assert!(broken(phantom(
        &[one, vec![(30, READER, saw(0, 0, &[0])), (60, 1, leads(3, 0))]].concat()
    )));
    let two =
        [begun, vec![(30, READER, saw(0, 0, &[0]))], lost(&[(40, 0, boots(7)), (41, 1, boots(8))])]
            .concat();
    assert_eq!((kept(&two), phantom(&two)), (Verdict::Held, Verdict::Held));
}

#[test]
fn what_a_consumer_saw_is_not_taken_back() {
    let seen = |notes: Vec<_>| {
        [vec![(1, 6, sends(1, 0, 2)), (5, READER, saw(0, 0, &[0, 1]))], notes].concat()
    };
    assert_eq!(
        phantom(&seen(audit(1, true, &[0, 1]))),
        Verdict::Held,
        "it need not be acknowledged"
    );
    assert!(broken(phantom(&seen(audit(1, true, &[0])))));
    assert!(broken(phantom(&seen(audit(1, true, &[0, 9])))));
    assert!(
        broken(phantom(&seen(vec![(50, 1, leads(2, 1))]))),
        "as soon as a leader does not have it"
    );
    assert!(matches!(phantom(&seen(Vec::new())), Verdict::Unknown(_)));
    assert!(broken(phantom(&[(5, READER, saw(0, 0, &[0]))])), "nobody sent it");
}

#[test]
fn two_reads_of_an_offset_show_one_record() {
    let mut promise = OneOrder::of(shape());
    let mut look = |node, note| promise.look(&entry(1, node, note));
    assert_eq!(look(READER, saw(0, 0, &[0, 1])), Ok(()));
    assert_eq!(look(OPERATOR, saw(1, 1, &[1, 2])), Ok(()));
    let breach = look(READER, saw(2, 2, &[3])).unwrap_err();
    assert_eq!(breach.evidence, [Evidence::Moment { at: at(1), node: NodeId(OPERATOR) }]);
}

#[test]
fn a_record_of_an_idempotent_producer_has_one_offset() {
    let read = |shape: Shape, notes: &[Note]| {
        let mut promise = NoDuplicate::of(shape);
        notes.iter().try_for_each(|note| promise.look(&entry(1, READER, note.clone())))
    };
    let twice = [sends(1, 0, 1), saw(0, 0, &[0]), saw(1, 0, &[0]), saw(0, 1, &[0])];
    assert_eq!(read(shape(), &twice[..3]), Ok(()), "seen twice, at one place");
    let breach = read(shape(), &twice).unwrap_err();
    assert_eq!(breach.evidence[0], Evidence::Operation(1));
    // With one broker less, the producer of these records is the second one.
    let second = Shape { brokers: 2, replication_factor: 2, producers: 2, ..shape() };
    assert_eq!(read(second, &twice), Ok(()), "it is not idempotent");
}
