//! `compare` and `bench`: that they measure what they name, not how fast this computer is.

use serde_json::Value;

use crate::lab::{Scratch, json, lab};

/// Each column has a line that begins with its name.
fn explained(header: &str, columns: &str) {
    for column in header.split_whitespace() {
        assert!(columns.lines().any(|line| line.starts_with(column)), "{column} in {columns}");
    }
}

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
    let (table, columns) = text.split_once("\n\n").expect("the columns are explained");
    assert_eq!(table.lines().count(), names.len() + 1);
    assert!(names.iter().all(|name| table.contains(name)), "{text}");
    explained(table.lines().next().unwrap(), columns);
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

#[test]
fn the_comparison_of_placements_can_be_read_seen_and_parsed() {
    let scratch = Scratch::new("placements");
    let plot = scratch.text("plot.svg");
    let compare = ["hash-ring", "compare", "--nodes", "20", "--keys", "20000"];
    let compared = json(&[&compare[..], &["--json", "--plot", &plot]].concat());
    assert_eq!((&compared["nodes"], &compared["keys"]), (&20.into(), &20_000.into()));
    let rows = compared["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["algorithm"].as_str().unwrap()).collect();
    assert_eq!(names, crate::places::ALGORITHMS);
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key} in {row}"));
        assert!(number("peak_to_mean") >= 1.0 && number("deviation") > 0.0, "{row}");
        assert!(number("lookup_ns") > 0.0 && number("build_ms") >= 0.0, "{row}");
        assert!(number("bytes_per_node") >= 0.0 && number("strays") >= 0.0, "{row}");
        assert!((number("optimum_adding") - 1.0 / 21.0).abs() < 1e-12, "{row}");
        assert!((number("optimum_removing") - 1.0 / 20.0).abs() < 1e-12, "{row}");
        let moves_all = row["algorithm"] == "modulo";
        let moved = number("moved_by_adding") / number("optimum_adding");
        assert!(moves_all == (moved > 5.0), "{row}");
    }
    let svg = std::fs::read_to_string(&plot).unwrap();
    let text = lab(&compare).stdout;
    for name in names {
        assert!(text.contains(name) && svg.contains(&format!(">{name}</text>")), "{name}");
    }
    let columns = text.split_once("\n\nfullest").expect("the columns are explained").1;
    for column in ["standard deviation", "comes, goes", "for nothing", "look-up", "build", "B/node"]
    {
        assert!(columns.lines().any(|line| line.starts_with(column)), "{column} in {columns}");
    }
    let nowhere = scratch.text("no/folder.svg");
    let said = lab(&[&compare[..], &["--plot", &nowhere]].concat());
    assert!(said.code == Some(4) && said.stdout.contains("maglev"), "{said:?}");
}

#[test]
fn what_the_comparison_says_of_balance_follows_from_the_seed() {
    let peaks = |seed| {
        let compare = ["hash-ring", "compare", "--nodes", "9", "--keys", "9000", "--json"];
        let compared = json(&[&compare[..], &["--seed", seed]].concat());
        let rows = compared["rows"].as_array().unwrap().clone();
        rows.into_iter().map(|row| row["peak_to_mean"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(peaks("3"), peaks("3"));
    assert_ne!(peaks("3"), peaks("4"));
}

/// Where a key is a look at every node, ten thousand nodes leave time for too few keys to judge by.
#[test]
fn what_was_not_measured_is_not_told() {
    let compare = ["hash-ring", "compare", "--nodes", "20000", "--keys", "60000"];
    let text = lab(&compare).stdout;
    let row = text.lines().find(|line| line.starts_with("rendezvous")).unwrap();
    assert!(row.contains("too many looks") && !row.contains('%'), "{row}");
}

/// Hit rates follow from the seed alone, so they can be compared; times are this computer's.
#[test]
fn the_model_of_caches_says_what_they_do_and_the_sum_on_paper_follows_from_it() {
    let bench = json(&["url-shortener", "bench", "--json"]);
    let rows = bench["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    for row in rows {
        let rate = |name: &str| row[name].as_f64().unwrap_or_else(|| panic!("{name} in {row}"));
        assert!((rate("hit_rate") - rate("modelled_hit_rate")).abs() < 0.02, "{row}");
    }
    let paper = bench["on_paper"].as_array().unwrap();
    for (bill, (exponent, hits)) in paper.iter().zip([(1.0, 0.341), (0.8, 0.018)]) {
        let number = |name: &str| bill[name].as_f64().unwrap_or_else(|| panic!("{name} in {bill}"));
        assert_eq!(number("exponent"), exponent);
        assert!((number("hit_rate") - hits).abs() < 0.001, "{bill}");
        let reads = (1.0 - number("hit_rate")) * number("redirects_per_s");
        assert!((number("store_reads_per_s") - reads).abs() <= 1.0, "{bill}");
        let clicks = bench["costs"]["ns_per_click"].as_f64().unwrap() / 100.0;
        assert!((number("click_millicores") - clicks).abs() <= 1.0, "{bill}");
        assert_eq!((number("code_length"), number("guesses_of_seven")), (10.0, 35.0));
    }
}

#[test]
fn raft_bench_shows_whether_a_leader_keeps_its_place() {
    let bench =
        ["raft", "bench", "--steady", "1", "--value-bytes", "5000", "--keys", "40", "--json"];
    let seen = json(&bench);
    assert_eq!((&seen["keys"], &seen["value_bytes"]), (&40.into(), &5000.into()));
    assert!(seen["puts"].as_u64().unwrap() > 40, "{seen}");
    assert!(seen["last_term"].as_u64().unwrap() >= seen["first_term"].as_u64().unwrap(), "{seen}");
    for time in ["longest_gap_ms", "longest_sync_ms"] {
        assert!(seen[time].as_f64().unwrap() > 0.0, "{seen}");
    }
    let refused = lab(&["raft", "bench", "--keys", "40"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
