//! A retry storm, and what stops it: how many requests are answered in each 100 ms of one run of
//! `infralab hash-ring run retry-storm`, with the retry budget and without. One cache of two is
//! lost for less than a second. Run: cargo run --release --example retry_storm [SEED]

use std::error::Error;

use sim::{Moment, RunRecord};

/// What the bars of the chart are made of, by eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ROWS: usize = 5;
const SLOT_NS: u64 = 100_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).map_or(Ok(6), |seed| seed.parse())?;
    let systems = infralab::systems();
    let system =
        systems.iter().find(|system| system.name() == "hash-ring").ok_or("no such system")?;
    let with = system.run("retry-storm", seed, &[])?;
    let without = system.run("retry-storm", seed, &["retry-budget".into()])?;
    let most = [&with, &without].into_iter().flat_map(answered).max().unwrap_or(0).max(1);
    for (title, ran) in [("with the retry budget", &with), ("without it", &without)] {
        println!("{title}: {} of {} requests answered", ran.report.operations.ok, requests(ran));
        print!("{}", chart(&answered(ran), most));
        println!("       {}\n", axis(ran));
    }
    for violation in &without.report.violations {
        println!("{}: {}", violation.promise, violation.why);
    }
    let told = with.report.is_clean() && without.report.violation_of("recovers").is_some();
    if told { Ok(()) } else { Err("this seed does not tell the story; try another".into()) }
}

fn requests(ran: &RunRecord) -> u64 {
    let operations = ran.report.operations;
    operations.ok + operations.failed + operations.open
}

/// How many requests are answered in each slot.
fn answered(ran: &RunRecord) -> Vec<usize> {
    let mut slots = vec![0; (ran.report.virtual_time.0 / SLOT_NS) as usize];
    for (at, moment) in &ran.moments {
        let slot = (at.0 / SLOT_NS) as usize;
        if let Moment::Note { text, .. } = moment
            && text.ends_with("is answered")
            && slot < slots.len()
        {
            slots[slot] += 1;
        }
    }
    slots
}

/// Bars, one a slot; the highest would be `most`.
fn chart(slots: &[usize], most: usize) -> String {
    let mut text = String::new();
    for row in (0..ROWS).rev() {
        let bar = |count: &usize| {
            let eighths = (count * ROWS * 8).div_ceil(most);
            EIGHTHS[eighths.saturating_sub(row * 8).min(8)]
        };
        let label = if row == ROWS - 1 { most.to_string() } else { String::new() };
        let bars: String = slots.iter().map(bar).collect();
        text += &format!("{label:>5} │{}\n", bars.trim_end());
    }
    text
}

/// Seconds, and when the cache is lost and back.
fn axis(ran: &RunRecord) -> String {
    let slots = ran.report.virtual_time.0 / SLOT_NS;
    let mut axis: Vec<char> =
        (0..slots).map(|slot| if slot % 10 == 0 { '|' } else { '-' }).collect();
    for (at, moment) in &ran.moments {
        let mark = match moment {
            Moment::Crashed { .. } => 'x',
            Moment::Healed => '^',
            _ => continue,
        };
        if let Some(place) = axis.get_mut((at.0 / SLOT_NS) as usize) {
            *place = mark;
        }
    }
    axis.into_iter().collect::<String>() + " a second each; x lost, ^ back"
}
