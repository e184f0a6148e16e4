//! `compare`: every algorithm, measured in the same way.

use hash_ring::{Nodes, compare};
use serde_json::json;

use super::CompareArguments;
use crate::exit::{Failure, Outcome, print};
use crate::stopwatch::stopwatch;

pub(super) fn compare(arguments: &CompareArguments) -> Outcome {
    let CompareArguments { nodes, keys, seed, json, plot } = arguments;
    let stopwatch = stopwatch();
    let rows =
        compare::compare(*nodes, *keys, *seed, &mut || stopwatch()).map_err(Failure::input)?;
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
            "{table}\nThe list of nodes, which all of them need, is not counted: {list:.0} bytes a node.\n"
        ))?
    };
    // After the results: a file that cannot be written must not cost them.
    if let Some(file) = plot {
        std::fs::write(file, compare::plot(&rows))
            .map_err(|why| Failure::environment(file.display(), why))?;
    }
    Ok(found)
}
