//! How the brokers of this process stand, as numbers that are looked up when somebody asks for them.
//!
//! The law: what clients name (topics, groups) is a label here, so no more than [`MOST_SERIES`] of a name are given,
//! and none with a long label; how many were left out is a number too.

use std::fmt::{Display, Write};
use std::sync::Arc;

use host::Node;

use super::Member;
use replicated_log::broker::Standing;

/// Lines of a number.
const MOST_SERIES: usize = 5_000;
/// Bytes of a label: a topic has no longer name.
const LONGEST_LABEL: usize = 249;

/// The numbers of these brokers, in Prometheus' text form.
pub(super) fn numbers(brokers: &[Arc<Node<Member>>]) -> String {
    let standing = brokers.iter().filter_map(|broker| {
        broker.look(|member| match member {
            Member::Broker(broker) => Some(broker.standing()),
            Member::Controller(_) => None,
        })?
    });
    text(&standing.collect::<Vec<_>>())
}

fn text(all: &[Standing]) -> String {
    let sum = |of: fn(&Standing) -> usize| all.iter().map(of).sum::<usize>() as u64;
    let mut text = Text::default();
    text.gauge("log_partitions_led", "Partitions that a broker here leads.", sum(|it| it.leads));
    text.gauge(
        "log_under_replicated_partitions",
        "Partitions that a broker here leads, and of which a replica is not in sync.",
        sum(|it| it.under_replicated),
    );
    text.gauge(
        "log_under_min_isr_partitions",
        "Partitions that a broker here leads, with too few in sync to acknowledge what asks for all.",
        sum(|it| it.under_min_isr),
    );
    text.gauge(
        "log_offline_partitions",
        "Partitions of the cluster that nobody leads, as a broker here knows it.",
        all.iter().map(|it| it.offline).max().unwrap_or(0) as u64,
    );
    let changes = || all.iter().map(|it| it.isr_changes);
    text.counter(
        "log_isr_shrinks_total",
        "How often an in-sync set that a broker here leads lost a member.",
        changes().map(|it| it.shrinks).sum(),
    );
    text.counter(
        "log_isr_expansions_total",
        "How often an in-sync set that a broker here leads won a member.",
        changes().map(|it| it.expansions).sum(),
    );
    let ends = all.iter().flat_map(|it| &it.ends).map(|(topic, partition, end)| {
        Some((labels(&[("topic", topic), ("partition", &partition.to_string())])?, *end))
    });
    text.series(
        "log_partition_end_offset",
        "How far consumers may read, of partitions that a broker here leads.",
        ends,
    );
    let committed = all.iter().flat_map(|it| &it.committed);
    let committed = committed.map(|(group, topic, partition, offset)| {
        let partition = partition.to_string();
        let labels = labels(&[("group", group), ("topic", topic), ("partition", &partition)])?;
        Some((labels, *offset))
    });
    text.series(
        "log_group_offset",
        "How far a group has read, of groups that a broker here coordinates.",
        committed,
    );
    let left_out = text.left_out;
    text.gauge(
        "log_series_left_out",
        "Lines that are too many, or have too long a name.",
        left_out,
    );
    text.text
}

/// Names and values as Prometheus reads them; nothing where one is too long.
fn labels(all: &[(&str, &str)]) -> Option<String> {
    let mut text = String::from("{");
    for (name, value) in all {
        if value.len() > LONGEST_LABEL {
            return None;
        }
        let comma = if text.len() > 1 { "," } else { "" };
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{name}=\"{value}\"");
    }
    text.push('}');
    Some(text)
}

#[derive(Default)]
struct Text {
    text: String,
    left_out: u64,
}

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.begin(name, "gauge", help);
        self.line(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.begin(name, "counter", help);
        self.line(name, "", value);
    }

    fn series(
        &mut self,
        name: &str,
        help: &str,
        lines: impl Iterator<Item = Option<(String, u64)>>,
    ) {
        self.begin(name, "gauge", help);
        for (place, line) in lines.enumerate() {
            match line.filter(|_| place < MOST_SERIES) {
                Some((labels, value)) => self.line(name, &labels, value),
                None => self.left_out += 1,
            }
        }
    }

    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: impl Display, value: u64) {
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use replicated_log::broker::IsrChanges;

    #[test]
    fn what_a_process_leads_is_added_up_and_what_nobody_leads_is_counted_once() {
        let one = Standing {
            leads: 3,
            under_replicated: 2,
            offline: 1,
            isr_changes: IsrChanges { shrinks: 4, expansions: 1 },
            ends: vec![("events".into(), 0, 12)],
            committed: vec![("a \"b\"\n\\".into(), "events".into(), 0, 7)],
            ..Standing::default()
        };
        let other = Standing { leads: 1, offline: 1, ..Standing::default() };
        let text = text(&[one, other]);
        for line in [
            "log_partitions_led 4",
            "log_under_replicated_partitions 2",
            "log_under_min_isr_partitions 0",
            "log_offline_partitions 1",
            "log_isr_shrinks_total 4",
            "# TYPE log_isr_shrinks_total counter",
            r#"log_partition_end_offset{topic="events",partition="0"} 12"#,
            r#"log_group_offset{group="a \"b\"\n\\",topic="events",partition="0"} 7"#,
            "log_series_left_out 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
    }

    #[test]
    fn what_clients_name_does_not_grow_without_bound() {
        let name = |number: usize| format!("group-{number}").into();
        let committed = (0..2 * MOST_SERIES).map(|number| (name(number), "t".into(), 0, 1));
        let many = Standing { committed: committed.collect(), ..Standing::default() };
        let long = "x".repeat(LONGEST_LABEL + 1);
        let long = Standing {
            committed: vec![(long.as_str().into(), "t".into(), 0, 1)],
            ..Standing::default()
        };
        for (standing, lines, left_out) in [(many, MOST_SERIES, MOST_SERIES), (long, 0, 1)] {
            let text = text(&[standing]);
            let found = text.lines().filter(|line| line.starts_with("log_group_offset{")).count();
            assert_eq!(found, lines);
            assert!(text.ends_with(&format!("\nlog_series_left_out {left_out}\n")), "{left_out}");
        }
    }
}
