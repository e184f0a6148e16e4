//! The comparison as text.

use std::fmt::Write;

use crate::compare::{Row, tells};

/// The rows as text, a line each.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let Some(first) = rows.first() else {
        return text;
    };
    let most = rows.iter().map(|row| row.keys).max().unwrap_or_default();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{} nodes of the same weight, {most} keys\n{HEAD}", first.nodes);
    for row in rows {
        let Row { algorithm, lookup_ns, build_ms, bytes_per_node, .. } = row;
        let keys = if tells(row, rows) { told(row) } else { format!("{:>54}", "too many looks") };
        let _ = writeln!(
            text,
            "{algorithm:<10} {keys} {lookup_ns:>8.1} ns {build_ms:>7.2} ms {bytes_per_node:>8.1}"
        );
    }
    let adding = moved(first.optimum_adding, first.optimum_adding);
    let removing = moved(first.optimum_removing, first.optimum_removing);
    let _ = writeln!(text, "{:<10} {:>7.3} {:>8.1}% {adding} {removing}", "at best", 1.0, 0.0);
    text
}

const HEAD: &str = "
           fullest  standard  keys that move when a node      for
            / mean deviation         comes           goes nothing     look-up      build   B/node";

/// How even and how steady.
fn told(row: &Row) -> String {
    let adding = moved(row.moved_by_adding, row.optimum_adding);
    let removing = moved(row.moved_by_removing, row.optimum_removing);
    let (deviation, strays) = (row.deviation * 100.0, row.strays * 100.0);
    format!("{:>7.3} {deviation:>8.1}% {adding} {removing} {strays:>6.1}%", row.peak_to_mean)
}

/// A part of the keys, and how many times it is what must move.
fn moved(part: f64, optimum: f64) -> String {
    let digits = if optimum < 0.005 { 4 } else { 2 };
    let times = part / optimum;
    let digits_of_times = if times < 100.0 { 2 } else { 0 };
    format!("{:>7.digits$}% x{times:<4.digits_of_times$}", part * 100.0)
}
