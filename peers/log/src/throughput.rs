//! Produce and consume with acks=all, one broker, one partition: ours, tansu and Kafka in turn.

use serde_json::json;

use crate::brokers::{Broker, Flush};
use crate::client::{Rate, Topic, consume, produce};
use crate::limits;
use crate::options::Options;

/// Sizes of a record, and how many times fewer of them there are.
const SIZES: [(u32, u64); 2] = [(100, 1), (1024, 4)];
/// What Kafka's compiler sees before anything counts.
const WARM_UP: u64 = 4;

/// All that was measured of one broker at one size.
struct Row {
    broker: usize,
    size: u32,
    produced: Vec<Rate>,
    consumed: Vec<Rate>,
}

pub(crate) fn compare(options: &Options) {
    println!("load before: {}", limits::load());
    let _full = limits::FullOfPages::new(&options.folder);
    let started: [(&str, &dyn Fn() -> Broker); 3] = [
        ("ours", &|| Broker::ours(options, 0, Flush::Os)),
        ("tansu", &|| Broker::tansu(options, 1)),
        ("kafka", &|| Broker::kafka(options, 2)),
    ];
    let wanted = started.iter().filter(|(name, _)| options.wants(name));
    let brokers: Vec<Broker> = wanted.map(|(_, start)| start()).collect();
    let mut rows: Vec<Row> = Vec::new();
    for (size, _) in SIZES {
        rows.extend((0..brokers.len()).map(|broker| Row {
            broker,
            size,
            produced: Vec::new(),
            consumed: Vec::new(),
        }));
    }
    for (number, broker) in brokers.iter().enumerate() {
        let runs = if broker.name.starts_with("Kafka") { WARM_UP } else { 1 };
        for run in 0..runs {
            let topic = Topic::new(broker, &format!("warm-{number}-{run}"), 1, 1);
            produce(&topic, options.records / 2, 100, &["-p", "0"]);
            consume(&topic, options.records / 2);
        }
    }
    // None is deleted before the end: pages that its files had would go back to a virtual machine's host, and the next
    // who writes would wait for others.
    let mut topics = Vec::new();
    for round in 0..options.rounds {
        for (size, fewer) in SIZES {
            // Who is first in one round is last in the next.
            for turn in 0..brokers.len() {
                let number = (turn + round) % brokers.len();
                let broker = &brokers[number];
                let topic = Topic::new(broker, &format!("t-{round}-{size}"), 1, 1);
                let records = options.records / fewer;
                let produced = produce(&topic, records, size, &["-p", "0"]);
                let consumed = consume(&topic, records);
                eprintln!(
                    "{:<22} {size:>5} B  {:>9.0} {:>9.0} records/s, {:.3} {:.3} s a million",
                    broker.name,
                    produced.per_second,
                    consumed.per_second,
                    produced.worked,
                    consumed.worked
                );
                topics.push(topic);
                let row = rows.iter_mut().find(|row| (row.broker, row.size) == (number, size));
                let row = row.expect("one each");
                row.produced.push(produced);
                row.consumed.push(consumed);
            }
        }
    }
    report(options, &brokers, &mut rows);
}

fn report(options: &Options, brokers: &[Broker], rows: &mut [Row]) {
    println!("load after: {}; {} rounds, medians", limits::load(), options.rounds);
    println!(
        "{:<22} {:>6} {:>12} {:>14} {:>12} {:>14}",
        "", "bytes", "produce/s", "broker s/1M", "consume/s", "broker s/1M"
    );
    let mut all = Vec::new();
    for row in rows {
        let (produced, consumed) = (median(&mut row.produced), median(&mut row.consumed));
        let name = &brokers[row.broker].name;
        println!(
            "{name:<22} {:>6} {:>12.0} {:>14.3} {:>12.0} {:>14.3}",
            row.size, produced.per_second, produced.worked, consumed.per_second, consumed.worked
        );
        all.push(json!({
            "broker": name, "bytes": row.size,
            "produce_per_s": produced.per_second, "produce_s_per_million": produced.worked,
            "consume_per_s": consumed.per_second, "consume_s_per_million": consumed.worked,
        }));
    }
    println!("{}", json!({ "rows": all }));
}

/// Of each of the two by itself.
fn median(rates: &mut [Rate]) -> Rate {
    let mut middle = |of: fn(&Rate) -> f64| {
        rates.sort_by(|one, other| of(one).total_cmp(&of(other)));
        of(&rates[rates.len() / 2])
    };
    Rate { per_second: middle(|rate| rate.per_second), worked: middle(|rate| rate.worked) }
}
