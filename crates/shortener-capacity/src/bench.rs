//! `bench`: what a cache is worth, what one core does, and what a hundred billion links would take.
//!
//! The machines by themselves, without sockets, and with disks that are memory: what is measured is their
//! own work. Hit rates follow from the seed alone; times are this computer's.

use std::fmt;
use std::time::Duration;

use machine::{Random, Wall};
use rand::SeedableRng;
use serde::Serialize;
use serde_json::{Value, json};
use url_shortener::{Answer, Ask, Click, Device, INDEX_BYTES, Key, Link, NewLink};

use crate::{CacheSettings, Demand, Direct, Estimate, Hardware, Measurements, Traffic, Zipf};

const SEED: u64 = 1;
const LINKS: usize = 20_000;
const VISITS: u32 = 100_000;
/// Evenly.
const VISITS_PER_S: u64 = 10_000;
const EVERY: Duration = Duration::from_micros(100);
/// As `serve` has it.
const FRESHNESS: Duration = Duration::from_secs(10);
/// Short and many, so that some are not interrupted.
const ROUNDS: usize = 500;
/// Fewer than make a batch of clicks full.
const ROUND: usize = 200;
const GIB: u64 = 1 << 30;

/// What visitors of one kind find.
#[derive(Clone, Debug, Serialize)]
struct Row {
    /// Of Zipf's law.
    exponent: f64,
    /// Links that the cache surely holds; none without one.
    cached: Option<usize>,
    hit_rate: f64,
    /// What the model says that it is.
    modelled_hit_rate: f64,
    store_reads_per_s: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Costs {
    ns_per_redirect_from_the_cache: u64,
    ns_per_redirect_from_the_store: u64,
    ns_per_click: u64,
    creations_per_s: u64,
    disk_bytes_per_link: u64,
    memory_bytes_per_link: u64,
}

/// What was measured, and what follows from it on paper.
#[derive(Clone, Debug)]
pub struct Measurement {
    rows: Vec<Row>,
    costs: Costs,
    /// By the exponent of Zipf's law.
    estimates: [(f64, Estimate); 2],
}

/// Measures this computer; `stopwatch` says how long ago something was, it does not matter what.
pub fn bench(stopwatch: impl Fn() -> Duration) -> Measurement {
    let costs = costs(stopwatch);
    let mut rows = Vec::new();
    for exponent in [0.8, 1.0] {
        let zipf = Zipf::new(LINKS, exponent);
        let caches = [None, Some(LINKS / 100), Some(LINKS / 10), Some(LINKS)];
        rows.extend(caches.map(|cached| row(&zipf, exponent, cached)));
    }
    let estimates = [1.0, 0.8].map(|exponent| (exponent, on_paper(&costs, exponent)));
    Measurement { rows, costs, estimates }
}

impl Measurement {
    /// As one object.
    pub fn to_json(&self) -> Value {
        let paper = self.estimates.map(|(exponent, estimate)| {
            json!({
                "links": PAPER_LINKS, "redirects_per_s": VISITS_PER_S, "exponent": exponent,
                "hit_rate": estimate.hits_in_a_million as f64 / 1e6,
                "disk_bytes": estimate.disk, "memory_bytes": estimate.memory, "shards": estimate.shards,
                "shards_by_memory": estimate.shards_by_memory, "shards_by_disk": estimate.shards_by_disk,
                "shards_by_reads": estimate.shards_by_reads, "store_reads_per_s": estimate.reads,
                "instance_millicores": estimate.instance_millicores,
                "shard_millicores": estimate.shard_millicores,
                "click_millicores": estimate.click_millicores,
                "code_length": estimate.code_length, "guesses_of_seven": estimate.guesses_of_seven,
            })
        });
        json!({
            "links": LINKS, "visits": VISITS, "rows": self.rows, "costs": self.costs, "on_paper": paper,
        })
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.rows)?;
        prices(f, &self.costs)?;
        paper(f, &self.estimates)
    }
}

fn create(direct: &mut Direct, number: usize) -> Key {
    // 74 bytes, as long as addresses that people share are.
    let link = Link::new(
        &format!("https://www.example.com/articles/2026/what-a-cache-is-worth?article={number:06}"),
        Wall(0),
    );
    let new = NewLink { alias: None, domain: "".into(), link, made_at: None };
    match direct.ask(Ask::Create(new)) {
        Some(Answer::Link(key, _)) => key,
        other => panic!("nothing fails here, but: {other:?}"),
    }
}

fn visit(direct: &mut Direct, key: &Key, visitor: u64) {
    let (key, device) = (key.clone(), Device::Desktop);
    let click = Click { key, at_ms: 0, visitor, referrer: None, device };
    let answer = direct.ask(Ask::Visit(click));
    assert!(matches!(answer, Some(Answer::Redirect { .. })), "nothing fails here: {answer:?}");
}

fn row(zipf: &Zipf, exponent: f64, cached: Option<usize>) -> Row {
    let freshness = cached.map_or(Duration::ZERO, |_| FRESHNESS);
    let mut direct = Direct::new(SEED, cached.unwrap_or(1), freshness);
    let links: Vec<Key> = (0..LINKS).map(|number| create(&mut direct, number)).collect();
    let mut random = Random::seed_from_u64(SEED);
    let mut visits = |direct: &mut Direct| {
        let before = direct.reads();
        for number in 0..VISITS {
            visit(direct, &links[zipf.draw(&mut random)], number.into());
            direct.advance(EVERY);
        }
        direct.reads() - before
    };
    // The first fill the cache.
    visits(&mut direct);
    let reads = visits(&mut direct) as f64;
    let store_reads_per_s = reads / (EVERY * VISITS).as_secs_f64();
    let hit_rate = 1.0 - reads / f64::from(VISITS);
    let traffic = Traffic { links: LINKS as u64, exponent, visits: VISITS_PER_S };
    let cache = CacheSettings { cached: cached.unwrap_or(0) as u64, freshness };
    let modelled_hit_rate = traffic.hit_rate(cache);
    Row { exponent, cached, hit_rate, modelled_hit_rate, store_reads_per_s }
}

fn costs(stopwatch: impl Fn() -> Duration) -> Costs {
    let mut direct = Direct::new(SEED, ROUND, FRESHNESS);
    let mut links: Vec<Key> = Vec::new();
    let timed = |what: &mut dyn FnMut()| {
        let began = stopwatch();
        what();
        stopwatch() - began
    };
    let mut best = [Duration::MAX; 4];
    let mut note = |kind: usize, elapsed: Duration| best[kind] = best[kind].min(elapsed);
    for _ in 0..LINKS / ROUND {
        note(
            0,
            timed(&mut || (0..ROUND).for_each(|_| links.push(create(&mut direct, links.len())))),
        );
    }
    let disk_bytes_per_link = direct.shard_bytes().div_ceil(links.len() as u64);
    for _ in 0..ROUNDS {
        // A copy that is too old is read anew.
        direct.advance(FRESHNESS);
        for kind in [1, 2] {
            let mut visits = || (0..ROUND).for_each(|at| visit(&mut direct, &links[at], at as u64));
            note(kind, timed(&mut visits));
            note(3, timed(&mut || direct.advance(Duration::from_millis(20))));
        }
    }
    let [creation, from_the_store, from_the_cache, clicks] =
        best.map(|best| best.as_nanos() as u64 / ROUND as u64);
    Costs {
        ns_per_redirect_from_the_cache: from_the_cache,
        ns_per_redirect_from_the_store: from_the_store,
        ns_per_click: clicks,
        creations_per_s: 1_000_000_000 / creation.max(1),
        disk_bytes_per_link,
        memory_bytes_per_link: INDEX_BYTES,
    }
}

const PAPER_LINKS: u64 = 100_000_000_000;
/// As `serve` has them.
const PAPER_CACHE: CacheSettings = CacheSettings { cached: 100_000, freshness: FRESHNESS };
/// Of so many guesses one may hit.
const GUESSES: u64 = 1_000_000;
/// 64 GiB and 4 TB of NVMe, three quarters of each in use.
const HARDWARE: Hardware =
    Hardware { memory: 48 * GIB, disk: 3_000_000_000_000, reads_per_second: 100_000 };

fn on_paper(costs: &Costs, exponent: f64) -> Estimate {
    let measured = Measurements {
        disk_bytes_per_link: costs.disk_bytes_per_link,
        memory_bytes_per_link: costs.memory_bytes_per_link,
        shard_ns_per_read: costs.ns_per_redirect_from_the_store,
        instance_ns_per_redirect: costs.ns_per_redirect_from_the_cache,
        ns_per_click: costs.ns_per_click,
    };
    let traffic = Traffic { links: PAPER_LINKS, exponent, visits: VISITS_PER_S };
    measured.estimate(Demand { traffic, cache: PAPER_CACHE, guesses: GUESSES }, HARDWARE)
}

fn table(f: &mut fmt::Formatter<'_>, rows: &[Row]) -> fmt::Result {
    write!(
        f,
        "{LINKS} links, 10000 redirects a second for {} s, copies used for {} s\n\n\
         {:>8} {:>8} {:>10} {:>10} {:>15}\n",
        (EVERY * VISITS).as_secs(),
        FRESHNESS.as_secs(),
        "zipf",
        "cache",
        "hit rate",
        "modelled",
        "store reads/s"
    )?;
    for Row { exponent, cached, hit_rate, modelled_hit_rate, store_reads_per_s } in rows {
        let cached = cached.map_or("none".into(), |links| links.to_string());
        let (percent, modelled) = (hit_rate * 100.0, modelled_hit_rate * 100.0);
        writeln!(
            f,
            "{exponent:>8.1} {cached:>8} {percent:>9.1}% {modelled:>9.1}% {store_reads_per_s:>15.0}"
        )?;
    }
    Ok(())
}

fn prices(f: &mut fmt::Formatter<'_>, costs: &Costs) -> fmt::Result {
    let Costs {
        ns_per_redirect_from_the_cache: hit,
        ns_per_redirect_from_the_store: miss,
        ns_per_click: click,
        creations_per_s,
        disk_bytes_per_link: disk,
        memory_bytes_per_link: memory,
    } = costs;
    write!(
        f,
        "\nOne core, without sockets, disks in memory:\n\
         {hit:>9} ns a redirect from the cache\n\
         {miss:>9} ns a redirect that the store is asked for\n\
         {click:>9} ns a click afterwards: logged, sent and counted, each of another link\n\
         {creations_per_s:>9} creations a second\n\
         {disk:>9} bytes on disk a link (an address of 74 bytes)\n\
         {memory:>9} bytes in memory a link, at most (its place in the index)\n"
    )
}

fn paper(f: &mut fmt::Formatter<'_>, estimates: &[(f64, Estimate); 2]) -> fmt::Result {
    let (_, estimate) = &estimates[0];
    let (disk, memory) = (estimate.disk as f64 / 1e12, estimate.memory as f64 / 1e12);
    let Estimate { shards_by_memory, shards_by_disk, shards, .. } = estimate;
    let Estimate { code_length, guesses_of_seven, .. } = estimate;
    let cores = |millicores: u64| millicores as f64 / 1e3;
    write!(
        f,
        "\n100 billion links and {VISITS_PER_S} redirects a second on paper:\n\
         {disk:>9.1} TB on disks, {memory:.1} TB in memory: one copy, replication not counted\n\
         {shards:>9} shards of 64 GiB and 4 TB, three quarters full: {shards_by_memory} by memory, \
         {shards_by_disk} by disk\n\
         {code_length:>9} letters a code, so that one guess in a million hits a link; of seven, which \
         the service picks, one in {guesses_of_seven} does\n\
         {:>9.3} cores of instances and {:.3} for clicks, the network not counted\n",
        cores(estimate.instance_millicores),
        cores(estimate.click_millicores),
    )?;
    for (exponent, estimate) in estimates {
        let (hits, shard) =
            (estimate.hits_in_a_million as f64 / 1e4, cores(estimate.shard_millicores));
        let Estimate { reads, shards_by_reads, .. } = estimate;
        writeln!(
            f,
            "     zipf {exponent:.1}: caches answer {hits:.1}%; {reads} reads of all shards a second \
             ({shards_by_reads} by reads), {shard:.3} cores"
        )?;
    }
    Ok(())
}
