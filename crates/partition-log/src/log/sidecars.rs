//! Facts on their way: put beside a file when that is sealed, taken away with it.
//!
//! Of a file whose facts are true, the length says so: it was read in full as long as it was the newest, and nothing is
//! appended to it behind a cut. So they need not wait until what they tell of is durable.

use bytes::Bytes;
use journal::Bound;
use machine::{DiskCommand, FileName, Outputs};

use super::facts::{Facts, SUFFIX};
use super::{HoldsLogs, Log, LogOp};
use log_protocol::words::Offset;

/// What waits, and how much was asked of the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Sidecars {
    /// Facts of files that are sealed.
    sealed: Vec<(u64, Bytes)>,
    /// Files that are gone.
    dropped: Vec<u64>,
    under_way: usize,
}

impl Sidecars {
    pub(super) fn ended(&mut self) {
        self.under_way -= 1;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// These files go.
    pub(super) fn drop(&mut self, files: &[u64]) {
        self.sealed.retain(|(sealed, _)| !files.contains(sealed));
        self.dropped.extend(files);
    }
}

impl Log {
    /// The next file begins with this offset: the one before has all that it will have.
    pub(super) fn seal(&mut self, base: Offset) {
        // Of what was appended while a cut was being looked for, epochs and producers tell too.
        if self.end == base
            && let Some(segment) = self.segments.last()
        {
            let facts = Facts::of(segment, &self.epochs, &self.producers);
            self.sidecars.sealed.push((segment.file, facts.encode(self.number)));
        }
    }

    /// Gives the disk what can be given.
    pub(super) fn put_facts<P: HoldsLogs>(&mut self, out: &mut Outputs<P>) {
        for (file, facts) in std::mem::take(&mut self.sidecars.sealed) {
            let (file, parts) = (self.facts_name(file), facts.into());
            self.ask(DiskCommand::Replace { file, parts }, out);
        }
        for file in std::mem::take(&mut self.sidecars.dropped) {
            self.ask(DiskCommand::Delete { file: self.facts_name(file) }, out);
        }
    }

    /// At boot: facts that a crash left behind go as their files did.
    pub(super) fn drop_facts(&mut self, bound: &Bound) {
        let prefix = format!("{}-", super::prefix(self.number));
        let numbers = bound.names().iter().filter_map(|name| {
            name.strip_prefix(&prefix)?.strip_suffix(SUFFIX)?.parse::<u64>().ok()
        });
        let files = self.files.files();
        let gone: Vec<u64> = numbers.filter(|file| !files.contains_key(file)).collect();
        self.sidecars.drop(&gone);
    }

    pub(super) fn facts_name(&self, file: u64) -> FileName {
        format!("{}{SUFFIX}", self.files.name(file)).into()
    }

    fn ask<P: HoldsLogs>(&mut self, command: DiskCommand, out: &mut Outputs<P>) {
        self.sidecars.under_way += 1;
        out.disk(command, self.op::<P>(LogOp::Sidecar));
    }
}
