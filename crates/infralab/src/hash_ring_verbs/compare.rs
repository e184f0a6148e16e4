//! `compare`: every algorithm, measured in the same way.

use hash_ring::{Nodes, compare};
use serde_json::json;

use super::CompareArguments;
use crate::clock::stopwatch;
use crate::exit::{Failure, Outcome, print};
use crate::progress;

/// What the table says, column by column.
const COLUMNS: &str = "\
fullest / mean      the keys of the fullest node, in averages; chance alone makes it more than 1
standard deviation  of the numbers of keys, in averages
comes, goes         of all keys, those that move when a node comes or goes; x1.00 is as few as can be
for nothing         of the keys that move, those that neither leave a node that goes nor reach one that comes
look-up             time for a key, its hashing left out
build               time to begin with a list of nodes
B/node              bytes of memory for each node
";

/// How to use it, and what it says.
pub(super) fn help() -> String {
    format!(
        "Example: infralab hash-ring compare --nodes 1000 --plot compare.svg\n\nColumns:\n{COLUMNS}"
    )
}

pub(super) fn compare(arguments: &CompareArguments) -> Outcome {
    let CompareArguments { nodes, keys, seed, json, plot } = arguments;
    let (stopwatch, busy) = (stopwatch(), progress::busy("measuring every algorithm"));
    let rows =
        compare::compare(*nodes, *keys, *seed, &mut || stopwatch()).map_err(Failure::input)?;
    drop(busy);
    let list = Nodes::numbered(*nodes).map_err(Failure::input)?.bytes() as f64 / f64::from(*nodes);
    let found = if *json {
        let all = json!({
            "nodes": nodes, "keys": keys, "seed": seed, "rows": rows,
            "list_of_nodes_bytes_per_node": list,
        });
        print(&format!("{all}\n"))?
    } else {
        let table = compare::table(&rows);
        print(&format!(
            "{table}\n{COLUMNS}\nThe list of nodes, which all of them need, is not counted: {list:.0} bytes a node.\n"
        ))?
    };
    // After the results: a file that cannot be written must not cost them.
    if let Some(file) = plot {
        std::fs::write(file, compare::plot(&rows))
            .map_err(|why| Failure::environment(file.display(), why))?;
    }
    Ok(found)
}
