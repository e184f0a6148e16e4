use std::collections::BTreeMap;

use proptest::prelude::*;
use resilience::{Access, KeyQueue, Turn};

fn access(key: u8, changes: bool) -> Access<u8> {
    if changes { Access::Change(key) } else { Access::Read(key) }
}

#[test]
fn reads_wait_for_changes_and_changes_for_each_other() {
    let mut queue = KeyQueue::new(100);
    assert_eq!(queue.enter(0, access(7, false), 0), Turn::Now(0));
    assert_eq!(queue.enter(1, access(7, false), 0), Turn::Now(1), "reads go side by side");
    assert_eq!(queue.enter(2, access(7, true), 0), Turn::Now(2));
    for (job, changes) in [(3, false), (4, false), (5, true), (6, false), (7, true)] {
        assert_eq!(queue.enter(job, access(7, changes), 0), Turn::Later);
    }
    assert_eq!(queue.enter(8, access(8, true), 0), Turn::Now(8), "another key is another line");
    assert_eq!(queue.enter(9, Access::Free, 0), Turn::Now(9));
    assert_eq!(queue.leave(&access(7, false)), [0; 0], "a read that is over lets nobody in");
    assert_eq!(queue.leave(&access(7, true)), [3, 4, 5]);
    assert_eq!(queue.enter(10, access(7, false), 0), Turn::Later);
    assert_eq!(queue.leave(&access(7, true)), [6, 7]);
    assert_eq!(queue.leave(&access(7, true)), [10]);
    assert_eq!(queue.enter(11, access(7, true), 0), Turn::Now(11), "nothing is left behind");
}

#[test]
fn it_takes_so_many_jobs_and_no_more() {
    let mut queue = KeyQueue::new(10);
    assert_eq!(queue.enter(0, access(7, true), 0), Turn::Now(0));
    (1..10).for_each(|job| assert_eq!(queue.enter(job, access(7, false), 1), Turn::Later));
    assert_eq!(queue.enter(10, Access::Free, 1), Turn::Full(10));
    assert_eq!(queue.leave(&access(7, true)).len(), 9);
    assert_eq!(queue.enter(10, Access::Free, 9), Turn::Now(10));
}

proptest! {
    /// Held against the plainest model: of each key, who has begun and who has not.
    #[test]
    fn no_job_begins_beside_a_change_and_each_begins_once_in_order(
        steps in prop::collection::vec((0..3u8, any::<bool>(), any::<bool>()), 0..200),
    ) {
        let mut queue = KeyQueue::new(1_000);
        let mut changing: BTreeMap<u8, usize> = BTreeMap::new();
        let (mut came, mut begun) = (BTreeMap::new(), BTreeMap::new());
        let mut waiting = 0;
        for (number, (key, changes, comes)) in steps.into_iter().enumerate() {
            let began = match comes {
                true => {
                    came.entry(key).or_insert_with(Vec::new).push(number);
                    match queue.enter((number, changes), access(key, changes), 0) {
                        Turn::Now(job) => {
                            prop_assert!(!changing.contains_key(&key), "a change is under way");
                            vec![job]
                        }
                        Turn::Later => {
                            prop_assert!(changing.contains_key(&key), "it waits for nothing");
                            waiting += 1;
                            vec![]
                        }
                        Turn::Full(_) => unreachable!("there are fewer"),
                    }
                }
                false if changing.remove(&key).is_some() => {
                    let began = queue.leave(&access(key, true));
                    waiting -= began.len();
                    began
                }
                false => vec![],
            };
            for (place, (job, changes)) in began.iter().enumerate() {
                begun.entry(key).or_insert_with(Vec::new).push(*job);
                if *changes {
                    prop_assert_eq!(place, began.len() - 1, "nothing begins beside a change");
                    changing.insert(key, *job);
                }
            }
            prop_assert_eq!(queue.waiting(), waiting);
        }
        for (key, begun) in begun {
            prop_assert_eq!(&begun[..], &came[&key][..begun.len()]);
        }
    }
}
