//! Whose data folder it is.

use serde::{Deserialize, Serialize};

use crate::Layout;

/// A worker with a number of its own. What a server with another number or layout mints knows
/// nothing of the high-water mark in the folder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    system: String,
    worker: u64,
    layout: String,
}

impl Owner {
    pub(crate) fn new(worker: u64, layout: &Layout) -> Owner {
        Owner { system: "snowflake".to_owned(), worker, layout: layout.to_string() }
    }

    /// The same bits, whether or not one of the two says them by a name.
    fn has_layout_of(&self, other: &Owner) -> bool {
        let parsed = |owner: &Owner| owner.layout.parse::<Layout>().ok();
        match (parsed(self), parsed(other)) {
            (Some(ours), Some(theirs)) => ours.is_the_same_as(&theirs),
            _ => false,
        }
    }
}

impl host::Owner for Owner {
    fn is(&self, other: &Owner) -> bool {
        (&self.system, self.worker) == (&other.system, other.worker) && self.has_layout_of(other)
    }

    fn name(&self) -> String {
        let Owner { system, worker, layout } = self;
        format!("{system}, worker {worker}, layout {layout}")
    }

    fn arguments(&self) -> String {
        format!("--worker {} --layout {}", self.worker, self.layout)
    }

    fn with_another_folder() -> &'static str {
        "and a worker number never used before with --worker"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::Owner as _;

    #[test]
    fn a_layout_is_its_bits_not_its_name() {
        let spec = "custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12";
        let spelled: Layout = spec.parse().unwrap();
        let (named, spelled) = (Owner::new(3, &Layout::twitter()), Owner::new(3, &spelled));
        assert!(named.is(&spelled) && spelled.is(&named));
        assert!(!named.is(&Owner::new(4, &Layout::twitter())));
        assert!(!named.is(&Owner::new(3, &Layout::wide())));
    }
}
