//! Each check finds what it is for, and nothing else.

use std::collections::BTreeMap;

use check::order::{Anomaly, Did, End, Request, log, once, session, staleness, unique};

#[test]
fn unique_names_the_second() {
    assert_eq!(unique([3, 1, 2]), Ok(()));
    assert_eq!(unique([3, 1, 3, 1]), Err(Anomaly::Duplicated(3)));
}

#[test]
fn sessions_go_forward_key_by_key() {
    use Did::{Read, Wrote};
    assert_eq!(session([("a", Read(1)), ("b", Read(9)), ("a", Wrote(2)), ("a", Read(2))]), Ok(()));
    let back = [("a", Read(2)), ("a", Read(1))];
    assert_eq!(session(back), Err(Anomaly::ReadWentBack("a", 1, 2)));
    let missed = [("a", Wrote(2)), ("a", Read(1))];
    assert_eq!(session(missed), Err(Anomaly::OwnWriteMissed("a", 1, 2)));
    let wrote = [("a", Wrote(2)), ("a", Wrote(2))];
    assert_eq!(session(wrote), Err(Anomaly::WriteWentBack("a", 2, 2)));
}

/// Entries 1 and 2 one after the other, 3 while 2 was under way, 4 without an answer, 5 refused.
fn appends() -> BTreeMap<u32, Request> {
    let request = |invoked, end| Request { invoked, end };
    BTreeMap::from([
        (1, request(0, End::Acknowledged { at: 10 })),
        (2, request(20, End::Acknowledged { at: 40 })),
        (3, request(30, End::Acknowledged { at: 50 })),
        (4, request(5, End::Open)),
        (5, request(6, End::Refused)),
    ])
}

#[test]
fn a_log_is_whole_and_in_order() {
    for good in [&[1, 2, 3][..], &[1, 3, 2], &[4, 1, 2, 3], &[1, 2, 3, 4]] {
        assert_eq!(log(&appends(), good), Ok(()), "{good:?}");
    }
    for (bad, anomaly) in [
        (&[1, 3][..], Anomaly::Lost(2)),
        (&[1, 2, 2, 3], Anomaly::Duplicated(2)),
        (&[1, 2, 3, 4, 4], Anomaly::Duplicated(4)),
        (&[2, 1, 3], Anomaly::Reordered(1, 2)),
        (&[3, 2, 4, 1], Anomaly::Reordered(1, 2)),
        (&[1, 2, 3, 5], Anomaly::Phantom(5)),
        (&[1, 2, 3, 6], Anomaly::Phantom(6)),
    ] {
        assert_eq!(log(&appends(), bad), Err(anomaly), "{bad:?}");
    }
}

#[test]
fn effects_happen_once_in_any_order() {
    assert_eq!(once(&appends(), &[3, 2, 1]), Ok(()));
    assert_eq!(once(&appends(), &[3, 4, 2, 1]), Ok(()));
    assert_eq!(once(&appends(), &[3, 1, 2, 1]), Err(Anomaly::Duplicated(1)));
    assert_eq!(once(&appends(), &[3, 1]), Err(Anomaly::Lost(2)));
    assert_eq!(once(&appends(), &[5]), Err(Anomaly::Phantom(5)));
}

#[test]
fn a_read_may_be_stale_up_to_the_bound() {
    // Version 1 was replaced at 100, version 2 at 200; 3 is the newest.
    let replaced = BTreeMap::from([(1, 100), (2, 200)]);
    assert_eq!(staleness("k", &replaced, 3, 9_999, 0), Ok(()));
    assert_eq!(staleness("k", &replaced, 1, 90, 0), Ok(()));
    assert_eq!(staleness("k", &replaced, 1, 150, 50), Ok(()));
    assert_eq!(staleness("k", &replaced, 1, 151, 50), Err(Anomaly::Stale("k", 1)));
    assert_eq!(staleness("k", &replaced, 2, 300, 0), Err(Anomaly::Stale("k", 100)));
}
