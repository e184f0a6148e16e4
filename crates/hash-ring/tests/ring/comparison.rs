//! The comparison: it measures what the algorithms promise, the same each time.

use std::time::Duration;

use hash_ring::Algorithm;
use hash_ring::compare::{Row, compare};
use hash_ring::plot::plot;
use hash_ring::table::table;

/// A clock that goes on by a millisecond whenever it is read.
fn ticking() -> impl FnMut() -> Duration {
    let mut now = Duration::ZERO;
    move || {
        now += Duration::from_millis(1);
        now
    }
}

fn rows() -> Vec<Row> {
    compare(50, 50_000, 7, &mut ticking()).expect("rows")
}

fn row(rows: &[Row], algorithm: Algorithm) -> &Row {
    rows.iter().find(|row| row.algorithm == algorithm.name()).expect("a row")
}

#[test]
fn every_algorithm_has_its_row() {
    let rows = rows();
    let names: Vec<_> = rows.iter().map(|row| row.algorithm).collect();
    let all: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    assert_eq!(names, all);
    assert_eq!(rows, self::rows(), "with the same clock the same numbers");
}

#[test]
fn the_numbers_tell_the_algorithms_apart() {
    let rows = rows();
    for algorithm in crate::fleets::LITTLE_MOVEMENT {
        assert_eq!(row(&rows, algorithm).strays, 0.0, "{algorithm:?}");
    }
    let modulo = row(&rows, Algorithm::Modulo);
    assert!(modulo.moved_by_adding > 0.9 && modulo.strays > 0.9);
    let maglev = row(&rows, Algorithm::Maglev);
    assert!(maglev.strays > 0.0 && maglev.moved_by_adding < 2.0 * maglev.optimum_adding);
    let (ring, bounded) = (row(&rows, Algorithm::Ring), row(&rows, Algorithm::Bounded));
    assert!(bounded.peak_to_mean <= 1.2501 && ring.deviation > maglev.deviation);
    assert_eq!(row(&rows, Algorithm::Jump).bytes_per_node, 0.0);
    assert!(
        rows.iter().all(|row| row.keys == 50_000 && row.build_ms == 1.0 && row.lookup_ns > 0.0)
    );
}

#[test]
fn the_table_and_the_picture_name_everything() {
    let rows = rows();
    let (table, picture) = (table(&rows), plot(&rows));
    assert_eq!(table.lines().count(), rows.len() + 5);
    assert_eq!(picture.matches(r#"class="bar""#).count(), 2 * rows.len());
    for algorithm in Algorithm::ALL {
        assert!(table.contains(algorithm.name()) && picture.contains(algorithm.name()));
    }
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
}

#[test]
fn a_comparison_needs_a_node_to_remove() {
    for nodes in [0, 1] {
        assert!(compare(nodes, 10, 7, &mut ticking()).is_err(), "{nodes}");
    }
}
