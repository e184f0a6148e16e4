//! How long the shortener's store takes for a batch, and for a read, besides the disk: its operations
//! end at once, in memory.
//!
//! `cargo bench --bench url_shortener`

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Output, Outputs, Protocol};
use std::collections::BTreeMap;
use url_shortener::{Embeds, Event, Limits, Store, StoreOp};

/// A machine that is nothing but a store.
#[derive(Clone, Debug)]
struct Alone;

impl Protocol for Alone {
    type Message = ();
    type Timer = ();
    type Op = StoreOp;
    type Note = ();
}

impl Embeds for Alone {
    fn op(op: StoreOp) -> StoreOp {
        op
    }
}

/// A store whose files are in memory.
struct Rig {
    store: Store,
    files: BTreeMap<String, Vec<u8>>,
    out: Outputs<Alone>,
    links: u64,
}

impl Rig {
    fn new() -> Rig {
        let store = Store::new(Limits::default(), true);
        let mut rig = Rig { store, files: BTreeMap::new(), out: Outputs::default(), links: 0 };
        rig.store.start(&mut rig.out);
        assert_eq!(rig.settle(), Some(Event::Ready));
        rig
    }

    fn settle(&mut self) -> Option<Event> {
        loop {
            let outputs: Vec<_> = self.out.drain().collect();
            if outputs.is_empty() {
                return self.store.next_event();
            }
            for output in outputs {
                if let Output::Disk { command, op } = output {
                    let result = self.perform(*command);
                    self.store.ended(op, result, &mut self.out);
                }
            }
        }
    }

    fn perform(&mut self, command: DiskCommand) -> DiskResult {
        match command {
            DiskCommand::Write { file, offset, bytes } => {
                let file = self.files.entry(file.into()).or_default();
                file.truncate(offset as usize);
                file.extend_from_slice(&bytes);
            }
            DiskCommand::Replace { file, bytes } => {
                self.files.insert(file.into(), bytes.to_vec());
            }
            DiskCommand::Read { file, offset, length } => {
                let file = self.files.get(&*file).ok_or(DiskError::NotFound)?;
                let end = file.len().min((offset + length) as usize);
                let bytes = Bytes::copy_from_slice(&file[offset as usize..end]);
                return Ok(DiskAnswer::Bytes(bytes));
            }
            DiskCommand::List => {
                return Ok(DiskAnswer::Names(self.files.keys().cloned().collect()));
            }
            DiskCommand::Sync { .. } | DiskCommand::Truncate { .. } => {}
            DiskCommand::Delete { file } => {
                self.files.remove(&*file);
            }
        }
        Ok(DiskAnswer::Done)
    }

    /// So many links that nobody has made before.
    fn batch(&mut self, links: u64) -> Vec<(Bytes, Option<Bytes>)> {
        let link = |number: u64| (key(number), Some(Bytes::from(vec![number as u8; 90])));
        self.links += links;
        (self.links - links..self.links).map(link).collect()
    }

    fn commit(&mut self, batch: Vec<(Bytes, Option<Bytes>)>) {
        self.store.commit(batch, 1, &mut self.out);
        assert_eq!(self.settle(), Some(Event::Durable(1)));
    }
}

fn key(number: u64) -> Bytes {
    format!("/{:08x}", number.wrapping_mul(0x9E37_79B1) as u32).into()
}

fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    for links in [1, 1_000] {
        let rig = std::cell::RefCell::new(Rig::new());
        group.throughput(Throughput::Elements(links));
        group.bench_function(format!("commit {links}"), |bench| {
            let batch = || rig.borrow_mut().batch(links);
            bench.iter_batched(
                batch,
                |batch| rig.borrow_mut().commit(batch),
                BatchSize::SmallInput,
            );
        });
    }
    let mut rig = Rig::new();
    let batch = rig.batch(30_000);
    rig.commit(batch);
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    group.bench_function("get, of 30000", |bench| {
        bench.iter(|| {
            number = (number + 7_919) % 30_000;
            rig.store.get(&key(number), 2, &mut rig.out);
            assert!(matches!(rig.settle(), Some(Event::Found(2, Some(_)))));
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = store
}
criterion_main!(benches);
