//! How long a store takes for a batch, and for a read, besides the disk: its operations
//! end at once, in memory.
//!
//! `cargo bench --bench bitcask`

use bitcask::{Event, Limits, Store};
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use machine::{DiskId, MemoryDisk, Output, Outputs, Switches};

/// A store whose files are in memory.
struct Rig {
    store: Store,
    disk: MemoryDisk,
    out: Outputs<Store>,
    keys: u64,
}

impl Rig {
    fn new() -> Rig {
        let store = Store::new(Limits::default(), Switches::ALL_ON);
        let disk = MemoryDisk::with(Store::first_files());
        let mut rig = Rig { store, disk, out: Outputs::default(), keys: 0 };
        rig.store.start(DiskId(1), &mut rig.out);
        assert_eq!(rig.settle(), Some(Event::Ready));
        rig
    }

    fn settle(&mut self) -> Option<Event> {
        loop {
            let outputs: Vec<_> = self.out.drain().collect();
            if outputs.is_empty() {
                let mut events = std::iter::from_fn(|| self.store.next_event());
                return events.find(|event| *event != Event::Compacted);
            }
            for output in outputs {
                if let Output::Disk { command, op } = output {
                    let result = self.disk.perform(*command);
                    self.store.ended(op, result, &mut self.out);
                }
            }
        }
    }

    /// So many keys that are new.
    fn batch(&mut self, keys: u64) -> Vec<(Bytes, Option<Bytes>)> {
        let change = |number: u64| (key(number), Some(Bytes::from(vec![number as u8; 90])));
        self.keys += keys;
        (self.keys - keys..self.keys).map(change).collect()
    }

    fn commit(&mut self, batch: Vec<(Bytes, Option<Bytes>)>) {
        self.store.commit(batch, 1, &mut self.out);
        assert_eq!(self.settle(), Some(Event::Durable(1)));
    }
}

fn key(number: u64) -> Bytes {
    format!("/{:08x}", number.wrapping_mul(0x9E37_79B1) as u32).into()
}

fn bitcask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bitcask");
    for keys in [1, 1_000] {
        let rig = std::cell::RefCell::new(Rig::new());
        group.throughput(Throughput::Elements(keys));
        group.bench_function(format!("commit {keys}"), |bench| {
            let batch = || rig.borrow_mut().batch(keys);
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
    targets = bitcask
}
criterion_main!(benches);
