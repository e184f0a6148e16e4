//! Three brokers, each a process, every record at all of them and synced before it is acknowledged: how much goes
//! through beside what one stream on loopback and one file can do, and what memory the brokers have meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::brokers::{Broker, Flush};
use crate::client::{Topic, produce};
use crate::limits;
use crate::options::Options;

const SIZE: u32 = 1024;
const REPLICAS: i32 = 3;

pub(crate) fn measure(options: &Options) {
    println!("load before: {}", limits::load());
    let (loopback, sequential) = (limits::loopback(), limits::sequential(&options.folder));
    println!("loopback, one stream: {loopback:.0} MiB/s; one file, synced: {sequential:.0} MiB/s");
    let broker = Broker::three(options, 0, Flush::Always);
    let topic = Topic::new(&broker, "replicated", 3, REPLICAS);
    let records = options.mib << 20 >> SIZE.ilog2();
    let (over, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let rate = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let memory = broker.memory().into_iter().max().unwrap_or(0);
                most.fetch_max(memory, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        });
        let rate = produce(&topic, records, SIZE, &[]);
        over.store(true, Ordering::Relaxed);
        rate
    });
    let again = limits::sequential(&options.folder);
    let (mib, most) = (rate.per_second / 1024.0, most.into_inner());
    let written = mib * f64::from(REPLICAS);
    println!("one file, synced, once more: {again:.0} MiB/s; load after: {}", limits::load());
    println!(
        "{mib:.0} MiB/s acknowledged: {:.1}% of loopback; {written:.0} MiB/s written, {:.0}% of a file; \
         {:.2} s of processors a GiB",
        100.0 * mib / loopback,
        200.0 * written / (sequential + again),
        rate.worked * 1.048_576,
    );
    println!("{} MiB passed through; RssAnon of a broker at most {most} MiB", options.mib);
    let files = [sequential, again];
    println!(
        "{}",
        json!({ "mib_per_s": mib, "loopback_mib_per_s": loopback, "file_mib_per_s": files,
                "passed_mib": options.mib, "rss_anon_mib": most })
    );
}
