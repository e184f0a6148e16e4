//! `compare` and `bench`: that they measure what they name, not how fast this computer is.

use serde_json::Value;

use crate::lab::{json, lab};

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn compare_has_a_row_for_every_scheme() {
    let compared = json(&["snowflake", "compare", "--json"]);
    let names = names(&compared["rows"]);
    for name in ["snowflake", "ticket server", "ulid", "uuid v4", "uuid v7", "shard in the key"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let text = lab(&["snowflake", "compare"]).stdout;
    assert_eq!(text.lines().count(), names.len() + 1);
    assert!(names.iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn what_compare_says_of_order_follows_from_the_seed() {
    let order = |seed| {
        let compared = json(&["snowflake", "compare", "--seed", seed, "--json"]);
        let rows = compared["rows"].as_array().unwrap().clone();
        rows.into_iter().map(|row| row["inversions_all"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(order("3"), order("3"));
    assert_ne!(order("3"), order("4"));
}

#[test]
fn bench_measures_floors_snowflakes_and_the_others() {
    let bench = json(&["snowflake", "bench", "--json"]);
    let names = names(&bench["rows"]);
    let all =
        ["floor: clock read", "floor: fetch_add", "snowflake, one owner", "snowflake, shared"];
    for name in all.into_iter().chain(["snowflake, blocks of 64", "uuid v4"]) {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for row in bench["rows"].as_array().unwrap() {
        assert!(row["ns_per_id"].as_f64().unwrap() > 0.0, "{row}");
    }
    let reached = bench["twitter_ids_per_ms"]["reached"].as_f64().unwrap();
    assert!(reached > 0.0 && reached <= 4096.0, "{reached} ids in a tick that has room for 4096");
    assert_eq!(bench["twitter_ids_per_ms"]["limit"], 4096);
}
