//! The schemes that snowflakes are compared with do what they are known for.

use std::collections::BTreeSet;
use std::time::Duration;

use snowflake::alternatives::{Scheme, Shards, Tickets, Twins, Ulids, UuidV4, UuidV7};
use snowflake::compare::{Row, compare, table};
use uuid::Uuid;

use crate::strategies::START;

fn rows() -> Vec<Row> {
    let mut now = Duration::ZERO;
    compare(7, &mut || {
        now += Duration::from_millis(2);
        now
    })
}

fn row(name: &str) -> Row {
    rows().into_iter().find(|row| row.name == name).unwrap()
}

#[test]
fn the_comparison_follows_from_its_seed() {
    assert_eq!(rows(), rows());
    assert_eq!(table(&rows()).lines().count(), rows().len() + 1);
    // 2 ms for 20,000 ids, by the stopwatch above.
    assert!(rows().iter().all(|row| row.ns_per_id == 100.0));
}

#[test]
fn clocks_give_order_but_for_their_skew_and_chance_gives_none() {
    assert_eq!(row("ticket server").inversions_all, 0.0);
    for name in ["snowflake", "shard in the key", "ulid", "uuid v7"] {
        let row = row(name);
        // Clocks 2 ms apart in a run of 80 ms: of all pairs, few are closer than that.
        assert!((0.001..0.03).contains(&row.inversions_all), "{row:?}");
        assert!(row.inversions_adjacent > row.inversions_all * 5.0, "{row:?}");
    }
    assert!((0.45..0.55).contains(&row("uuid v4").inversions_all));
    assert!(row("tickets in blocks").inversions_all > row("twin ticket servers").inversions_all);
}

#[test]
fn a_round_trip_is_for_every_id_or_block_or_worker() {
    assert_eq!(row("ticket server").round_trips_per_1000, 1_000.0);
    assert_eq!(row("twin ticket servers").round_trips_per_1000, 1_000.0);
    assert!((10.0..=11.0).contains(&row("tickets in blocks").round_trips_per_1000));
    assert_eq!(row("snowflake").round_trips_per_1000, 1.0);
    assert_eq!(row("uuid v4").round_trips_per_1000, 0.0);
}

#[test]
fn sizes_are_those_of_the_formats() {
    let size = |name| (row(name).bits, row(name).text_length);
    assert_eq!(size("snowflake"), (63, 19));
    assert_eq!(size("shard in the key"), (64, 20));
    assert_eq!(size("ulid"), (128, 26));
    assert_eq!(size("uuid v4"), (128, 36));
}

/// Within a millisecond, across one, and when the clock goes back.
#[test]
fn timestamped_ids_of_a_worker_go_up() {
    fn goes_up(mut scheme: impl Scheme) {
        let readings = [0, 0, 0, 1, 2, 1, 0, 3].map(|ms| START + Duration::from_millis(ms));
        // The largest random numbers, so that adding one has to carry.
        let ids: Vec<u128> =
            readings.into_iter().map(|now| scheme.mint(0, now, u128::MAX).unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{}: {ids:x?}", scheme.about().name);
    }
    goes_up(UuidV7::new(1));
    goes_up(Ulids::new(1));
}

#[test]
fn uuids_are_what_they_say() {
    let random = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
    let four = Uuid::from_u128(UuidV4.mint(0, START, random).unwrap());
    assert_eq!((four.get_version_num(), four.get_variant()), (4, uuid::Variant::RFC4122));
    let seven = Uuid::from_u128(UuidV7::new(1).mint(0, START, random).unwrap());
    assert_eq!((seven.get_version_num(), seven.get_variant()), (7, uuid::Variant::RFC4122));
    assert_eq!(seven.as_u128() >> 80, u128::from(START.millis()));
}

/// The example of RFC 9562, appendix A.6: rand_a is 0xCC3, rand_b 0x18C4DC0C0C07398F.
#[test]
fn uuid_v7_of_the_rfc() {
    let now = machine::Wall::from_millis(0x017F_22E2_79B0);
    let id = UuidV7::new(1).mint(0, now, 0xCC3 << 62 | 0x18C4_DC0C_0C07_398F).unwrap();
    assert_eq!(UuidV7::new(1).text(id), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

#[test]
fn either_twin_may_be_down() {
    let mut twins = Twins::new(2);
    let mut ids = BTreeSet::new();
    for down in [None, Some(0), None, Some(1), None] {
        twins.set_down(down);
        for worker in [0, 1, 0, 1] {
            let id = twins.mint(worker, START, 0).unwrap();
            assert!(ids.insert(id), "{id} twice");
            assert!(down.is_none_or(|down| id % 2 == down as u128), "{id} with {down:?} down");
        }
    }
}

#[test]
fn a_block_of_tickets_is_one_visit() {
    let mut tickets = Tickets::new(2, 10);
    let mut mint = |worker| tickets.mint(worker, START, 0).unwrap();
    assert_eq!([mint(0), mint(1), mint(0), mint(1)], [1, 11, 2, 12]);
    assert_eq!(tickets.round_trips(), 2);
}

/// The limit that its inventors accepted: a shard's counter is taken modulo 1024 and nothing more.
#[test]
fn a_shard_repeats_itself_after_1024_ids_in_a_millisecond() {
    let mut shards = Shards::new(1);
    let ids: Vec<u128> = (0..1_025).map(|_| shards.mint(0, START, 0).unwrap()).collect();
    assert_eq!(ids[..1_024].iter().collect::<BTreeSet<_>>().len(), 1_024);
    assert_eq!(ids[0], ids[1_024]);
}
