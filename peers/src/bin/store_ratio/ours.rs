//! The store of a shard, with a folder of real files for its disk and nothing in between.

use std::path::Path;

use bitcask::{Event, Limits, Store, StoreOp};
use bytes::Bytes;
use host::{Files, Metrics};
use journal::BOUND;
use machine::{DiskCommand, DiskId, Output, Outputs, Switches};

use crate::contestants::Contestant;
use crate::links::Pairs;

pub struct Ours {
    store: Store,
    files: Files,
    out: Outputs<Store>,
    ops: Vec<StoreOp>,
}

impl Ours {
    pub fn open(folder: &Path) -> Ours {
        let files = Files::new(folder.to_owned(), &Metrics::default());
        let store = Store::new(Limits::default(), Switches::ALL_ON);
        if !folder.join(BOUND).exists() {
            let first = Store::first_files().into_iter();
            for (file, bytes) in first {
                let replaced = files.carry_out(DiskCommand::Replace { file, parts: bytes.into() });
                replaced.expect("a new folder has space for its first file");
            }
        }
        let mut ours = Ours { store, files, out: Outputs::default(), ops: Vec::new() };
        ours.store.start(DiskId(1), &mut ours.out);
        assert_eq!(ours.settle(), Some(Event::Ready));
        ours
    }

    /// Carries out what the store asks of its disk until it asks for nothing more; the first event.
    fn settle(&mut self) -> Option<Event> {
        loop {
            let mut commands: Vec<DiskCommand> = Vec::with_capacity(2);
            let mut number = 0;
            while let Some(output) = self.out.take(number) {
                number += 1;
                if let Output::Disk { command, op } = output {
                    commands.push(*command);
                    self.ops.push(op);
                }
            }
            if commands.is_empty() {
                let mut events = std::iter::from_fn(|| self.store.next_event());
                return events.find(|event| *event != Event::Compacted);
            }
            for (op, command) in self.ops.drain(..).zip(commands) {
                let result = self.files.carry_out(command);
                self.store.ended(op, result, &mut self.out);
            }
        }
    }
}

impl Contestant for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn create(&mut self, pairs: &Pairs) {
        let batch = pairs
            .iter()
            .map(|(key, value)| (Bytes::copy_from_slice(key), Some(Bytes::copy_from_slice(value))));
        self.store.commit(batch.collect(), 1, &mut self.out);
        assert_eq!(self.settle(), Some(Event::Durable(1)));
    }

    fn read(&mut self, keys: &[Vec<u8>]) -> u64 {
        let mut bytes = 0;
        for key in keys {
            self.store.get(key, 2, &mut self.out);
            match self.settle() {
                Some(Event::Found(2, Some(value))) => bytes += value.len() as u64,
                other => panic!("{other:?}"),
            }
        }
        bytes
    }
}

impl Ours {
    /// How many links there are.
    pub fn keys(&self) -> usize {
        self.store.keys()
    }
}
