//! From `produce` to `poll`: a thousand records a second of a hundred bytes each, linger 0, one partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;

use crate::brokers::{Broker, Flush};
use crate::client::Topic;
use crate::limits;
use crate::options::Options;

const EVERY: Duration = Duration::from_millis(1);
const LASTS: Duration = Duration::from_secs(6);
/// Does not count.
const WARM_UP: Duration = Duration::from_secs(2);
const WAITS: [u32; 2] = [10, 500];

pub(crate) fn compare(options: &Options) {
    println!("load before: {}", limits::load());
    let [p50, p99] = limits::synced(&options.folder, 4096);
    println!("write and fdatasync of 4 KiB: p50 {p50:.0} us, p99 {p99:.0} us");
    println!("{:<22} {:>18} {:>10} {:>10}", "", "fetch.wait.max.ms", "p50 us", "p99 us");
    let started: [(&str, &dyn Fn() -> Broker); 4] = [
        ("ours", &|| Broker::ours(options, 0, Flush::Os)),
        ("always", &|| Broker::ours(options, 1, Flush::Always)),
        ("tansu", &|| Broker::tansu(options, 2)),
        ("kafka", &|| Broker::kafka(options, 3)),
    ];
    let mut rows = Vec::new();
    for (_, start) in started.iter().filter(|(name, _)| options.wants(name)) {
        let broker = start();
        for wait in WAITS {
            let topic = Topic::new(&broker, &format!("wait-{wait}"), 1, 1);
            let [p50, p99] = measure(&topic, wait);
            println!("{:<22} {wait:>18} {p50:>10.0} {p99:>10.0}", broker.name);
            rows.push(
                json!({ "broker": broker.name, "wait_ms": wait, "p50_us": p50, "p99_us": p99 }),
            );
        }
    }
    println!("load after: {}", limits::load());
    println!("{}", json!({ "rows": rows, "fdatasync_us": { "p50": p50, "p99": p99 } }));
}

fn measure(topic: &Topic<'_>, wait: u32) -> [f64; 2] {
    let began = Instant::now();
    let over = Arc::new(AtomicBool::new(false));
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", topic.broker.servers())
        .set("group.id", "latency")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", wait.to_string())
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(&topic.name, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("it is assigned");
    let consuming = {
        let over = over.clone();
        thread::spawn(move || {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
                let now = began.elapsed();
                let payload = message.payload().expect("a payload");
                let sent = u64::from_le_bytes(payload[..8].try_into().expect("eight bytes"));
                let sent = Duration::from_nanos(sent);
                if sent > WARM_UP {
                    times.push(now - sent);
                }
            }
            times
        })
    };
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", topic.broker.servers())
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()
        .expect("a producer");
    let mut next = Duration::ZERO;
    while next < WARM_UP + LASTS {
        thread::sleep(next.saturating_sub(began.elapsed()));
        let mut payload = [0; 100];
        payload[..8].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_le_bytes());
        let record = BaseRecord::<(), _>::to(&topic.name).partition(0).payload(&payload);
        producer.send(record).map_err(|(why, _)| why).expect("room for a record");
        next += EVERY;
    }
    thread::sleep(Duration::from_secs(1));
    over.store(true, Ordering::Relaxed);
    let mut times = consuming.join().expect("a consumer");
    let all = (LASTS.as_millis() / EVERY.as_millis()) as usize;
    assert!(times.len() * 10 > all * 9, "{} of {all} came", times.len());
    limits::percentiles(&mut times)
}
