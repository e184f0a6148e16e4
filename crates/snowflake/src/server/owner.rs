//! Whose data folder it is.

use serde::{Deserialize, Serialize};

use crate::Layout;

/// A worker with a number of its own. What a server with another number or layout mints knows
/// nothing of the high-water mark in the folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fixed {
    system: String,
    worker: u64,
    layout: String,
}

/// A worker that leases its number. What it keeps is who it is, so that it gets its number back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Leased {
    system: String,
}

/// An authority. The leases of another number of workers are not these.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Authority {
    system: String,
    workers: u64,
}

impl Fixed {
    pub(super) fn new(worker: u64, layout: &Layout) -> Fixed {
        Fixed { system: "snowflake".to_owned(), worker, layout: layout.to_string() }
    }

    /// The same bits, whether or not one of the two says them by a name.
    fn has_layout_of(&self, other: &Fixed) -> bool {
        let parsed = |owner: &Fixed| owner.layout.parse::<Layout>().ok();
        match (parsed(self), parsed(other)) {
            (Some(ours), Some(theirs)) => ours.is_the_same_as(&theirs),
            _ => false,
        }
    }
}

impl Leased {
    pub(super) fn new() -> Leased {
        Leased { system: "snowflake with a leased number".to_owned() }
    }
}

impl Authority {
    pub(super) fn new(workers: u64) -> Authority {
        Authority { system: "the authority of snowflake".to_owned(), workers }
    }
}

impl host::Owner for Fixed {
    fn is(&self, other: &Fixed) -> bool {
        (&self.system, self.worker) == (&other.system, other.worker) && self.has_layout_of(other)
    }

    fn name(&self) -> String {
        let Fixed { system, worker, layout } = self;
        format!("{system}, worker {worker}, layout {layout}")
    }

    fn arguments(&self) -> String {
        format!("--worker {} --layout {}", self.worker, self.layout)
    }

    fn with_another_folder() -> &'static str {
        "and a worker number never used before with --worker"
    }
}

impl host::Owner for Leased {
    fn is(&self, other: &Leased) -> bool {
        self.system == other.system
    }

    fn name(&self) -> String {
        self.system.clone()
    }

    fn arguments(&self) -> String {
        "--authority".to_owned()
    }

    fn with_another_folder() -> &'static str {
        "(the worker then leases another number)"
    }
}

impl host::Owner for Authority {
    fn is(&self, other: &Authority) -> bool {
        (&self.system, self.workers) == (&other.system, other.workers)
    }

    fn name(&self) -> String {
        format!("{} over {} workers", self.system, self.workers)
    }

    fn arguments(&self) -> String {
        format!("--workers {}", self.workers)
    }

    fn with_another_folder() -> &'static str {
        "(once no worker holds a lease of this one any more: stop them first)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::Owner;

    #[test]
    fn a_layout_is_its_bits_not_its_name() {
        let spec = "custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12";
        let spelled: Layout = spec.parse().unwrap();
        let (named, spelled) = (Fixed::new(3, &Layout::twitter()), Fixed::new(3, &spelled));
        assert!(named.is(&spelled) && spelled.is(&named));
        assert!(!named.is(&Fixed::new(4, &Layout::twitter())));
        assert!(!named.is(&Fixed::new(3, &Layout::wide())));
    }
}
