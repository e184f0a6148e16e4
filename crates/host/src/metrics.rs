//! What is counted, in the text form that Prometheus reads.
//!
//! The law: counting is one atomic addition; names and help are written once, where the number is
//! made. Nothing in here is about a client.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A number that only grows, or, as a gauge, one that is set.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Of a gauge: so many less.
    pub fn less(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// Of a gauge: it is so many now.
    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// What it is at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All numbers of a server. Clones are the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<&'static str, Family>>>);

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    /// By label, such as `kind="sync"`; without one by nothing.
    counts: BTreeMap<String, Count>,
}

impl Metrics {
    /// The counter of this name. Asked for again it is the same one.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Count {
        self.find(name, "counter", help, String::new())
    }

    /// One of several counters of a name, told apart by the value of a label. Labels and values are
    /// words of the program, never of a client: each makes a number that stays.
    pub fn labelled(
        &self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        value: &str,
    ) -> Count {
        self.find(name, "counter", help, format!("{{{label}={value:?}}}"))
    }

    /// The gauge of this name.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Count {
        self.find(name, "gauge", help, String::new())
    }

    /// All of them, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, Family { kind, help, counts }) in &*self.families() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (label, count) in counts {
                let _ = writeln!(text, "{name}{label} {}", count.get());
            }
        }
        text
    }

    fn find(
        &self,
        name: &'static str,
        kind: &'static str,
        help: &'static str,
        label: String,
    ) -> Count {
        let mut families = self.families();
        let family = families.entry(name);
        let family = family.or_insert_with(|| Family { kind, help, counts: BTreeMap::new() });
        family.counts.entry(label).or_default().clone()
    }

    fn families(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Family>> {
        // A map is whole between any two calls on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_these_lines() {
        let metrics = Metrics::default();
        metrics.counter("lab_frames_total", "Frames that came.").add(3);
        metrics.counter("lab_frames_total", "Frames that came.").one();
        metrics.labelled("lab_disk_total", "Operations.", "kind", "sync").one();
        metrics.labelled("lab_disk_total", "Operations.", "kind", "read").add(2);
        metrics.gauge("lab_open", "Connections.").set(7);
        assert_eq!(
            metrics.text(),
            "# HELP lab_disk_total Operations.\n\
             # TYPE lab_disk_total counter\n\
             lab_disk_total{kind=\"read\"} 2\n\
             lab_disk_total{kind=\"sync\"} 1\n\
             # HELP lab_frames_total Frames that came.\n\
             # TYPE lab_frames_total counter\n\
             lab_frames_total 4\n\
             # HELP lab_open Connections.\n\
             # TYPE lab_open gauge\n\
             lab_open 7\n"
        );
    }
}
