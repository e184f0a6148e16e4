//! Charts that the server draws: bars as SVG, without a script, and each with its numbers as a table.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use machine::Wall;
use maud::{Markup, html};

use shortener_api::Timestamp;
use url_shortener::{Device, LinkStats};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Bars of each kind.
const HOURS: u64 = 24;
const DAYS: u64 = 30;

/// One bar.
struct Bar {
    label: String,
    count: u64,
}

/// The last day, by the hour.
pub(crate) fn hours(counts: &BTreeMap<u64, u64>, now: Wall) -> Markup {
    let label = |hour: u64| moment(hour.saturating_mul(HOUR_MS), 11..16);
    let bars = latest(counts, now.millis() / HOUR_MS, HOURS, label);
    over_time("hours", "Last 24 hours", "Hour (UTC)", &bars)
}

/// The last month, by the day.
pub(crate) fn days(counts: &BTreeMap<u64, u64>, now: Wall) -> Markup {
    let label = |day: u64| moment(day.saturating_mul(DAY_MS), 0..10);
    let bars = latest(counts, now.millis() / DAY_MS, DAYS, label);
    over_time("days", "Last 30 days", "Day (UTC)", &bars)
}

/// Where visitors came from.
pub(crate) fn referrers(stats: &LinkStats) -> Markup {
    let known = stats.referrers.iter();
    let mut bars: Vec<Bar> =
        known.map(|(host, count)| Bar { label: host.to_string(), count: *count }).collect();
    let named: u64 = bars.iter().map(|bar| bar.count).sum();
    bars.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    let without = stats.of_people().saturating_sub(named);
    if without > 0 {
        bars.push(Bar { label: "(none said)".to_owned(), count: without });
    }
    shares("Where they came from", "Site", &bars)
}

/// What they came with.
pub(crate) fn devices(stats: &LinkStats) -> Markup {
    shares("What they came with", "Device", &kinds(stats, true))
}

/// The programs that followed the link; nothing if there were none.
pub(crate) fn programs(stats: &LinkStats) -> Markup {
    let bars = kinds(stats, false);
    match bars.is_empty() {
        true => html! {},
        false => shares("Counted apart: programs, not people", "Program", &bars),
    }
}

fn kinds(stats: &LinkStats, people: bool) -> Vec<Bar> {
    let name = |device: &Device| match device {
        Device::Desktop => "Computer",
        Device::Phone => "Phone",
        Device::Tablet => "Tablet",
        Device::Other => "Something else",
        Device::Bot => "Robots and tools",
        Device::Preview => "Previews of the link",
        Device::Prefetch => "Browsers that load ahead",
        Device::Head => "Requests for the address alone (HEAD)",
    };
    let known = stats.devices.iter().filter(|(device, _)| device.is_a_persons() == people);
    let mut bars: Vec<Bar> = known
        .map(|(device, count)| Bar { label: name(device).to_owned(), count: *count })
        .collect();
    bars.sort_by_key(|bar| Reverse(bar.count));
    bars
}

/// The buckets up to the one that is now, empty ones too.
fn latest(
    counts: &BTreeMap<u64, u64>,
    now: u64,
    many: u64,
    label: impl Fn(u64) -> String,
) -> Vec<Bar> {
    let first = now.saturating_sub(many - 1);
    let count = |bucket| counts.get(&bucket).copied().unwrap_or_default();
    (first..=now).map(|bucket| Bar { label: label(bucket), count: count(bucket) }).collect()
}

/// A range of characters of an RFC 3339 time.
fn moment(millis: u64, letters: std::ops::Range<usize>) -> String {
    let text = Timestamp::from(Wall::from_millis(millis)).to_string();
    text.get(letters).unwrap_or(&text).to_owned()
}

fn over_time(id: &str, title: &str, unit: &str, bars: &[Bar]) -> Markup {
    html! {
        section.card aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            @if bars.iter().all(|bar| bar.count == 0) {
                p.faint { "Nobody came in this time." }
            } @else {
                (plot(title, bars))
                details id={ (id) "-table" } {
                    summary id={ (id) "-summary" } { "As a table" }
                    (table(title, unit, bars))
                }
            }
        }
    }
}

/// Bars above their labels, beside a scale.
fn plot(title: &str, bars: &[Bar]) -> Markup {
    let sum: u64 = bars.iter().map(|bar| bar.count).sum();
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or_default();
    let scale = scale(most);
    let about =
        format!("{title}: {sum} clicks, at most {most} in one bar. The table has them all.");
    let axis = [bars.first(), bars.get(bars.len() / 2), bars.last()];
    let length = bars.len() * 10;
    html! {
        figure.plot {
            div.scale aria-hidden="true" { @for mark in &scale { span { (mark) } } }
            svg.bars role="img" aria-label=(about) viewBox={ "0 0 " (length) " 100" }
                preserveAspectRatio="none" {
                @for mark in &scale {
                    @let y = 100 - height(*mark, scale[0]);
                    line.mark x1="0" x2=(length) y1=(y) y2=(y) {}
                }
                @for (at, bar) in bars.iter().enumerate().filter(|(_, bar)| bar.count > 0) {
                    rect x=(at * 10 + 1) y=(100 - height(bar.count, scale[0])) width="8"
                        height=(height(bar.count, scale[0])) {
                        title { (bar.label) ": " (bar.count) }
                    }
                }
            }
            div.axis aria-hidden="true" {
                @for bar in axis.into_iter().flatten() { span { (bar.label) } }
            }
        }
    }
}

/// The labels of the scale, from the top down to zero: a round number that no bar exceeds, and its half
/// if that is a whole number.
fn scale(most: u64) -> Vec<u64> {
    let powers = (0..20).filter_map(|power| 10_u64.checked_pow(power));
    let round = powers.flat_map(|power| [1, 2, 4, 6, 8].map(|digit| power.saturating_mul(digit)));
    let top = round.into_iter().find(|round| *round >= most.max(1)).unwrap_or(most);
    if top % 2 == 0 { vec![top, top / 2, 0] } else { vec![top, 0] }
}

/// In percent of the highest bar. A count above zero is always visible.
fn height(count: u64, most: u64) -> u64 {
    let height = u128::from(count) * 100 / u128::from(most);
    let height = u64::try_from(height).unwrap_or(100);
    if count > 0 { height.max(2) } else { 0 }
}

fn table(title: &str, unit: &str, bars: &[Bar]) -> Markup {
    html! {
        table {
            caption { (title) }
            thead { tr { th scope="col" { (unit) } th.number scope="col" { "Clicks" } } }
            tbody {
                @for bar in bars.iter().rev() {
                    tr { th scope="row" { (bar.label) } td.number { (bar.count) } }
                }
            }
        }
    }
}

/// A table whose rows are bars.
fn shares(title: &str, unit: &str, bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or_default().max(1);
    html! {
        section.card {
            h2 { (title) }
            @if bars.is_empty() {
                p.faint { "Nobody came yet." }
            } @else {
                table.shares {
                    thead {
                        tr {
                            th scope="col" { (unit) }
                            td aria-hidden="true" {}
                            th.number scope="col" { "Clicks" }
                        }
                    }
                    tbody {
                        @for bar in bars {
                            tr {
                                th.wrap scope="row" { (bar.label) }
                                td aria-hidden="true" {
                                    svg viewBox="0 0 100 10" preserveAspectRatio="none" {
                                        rect.track width="100" height="10" rx="2" {}
                                        rect width=(height(bar.count, most)) height="10" rx="2" {}
                                    }
                                }
                                td.number { (bar.count) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bar_is_now_and_empty_ones_are_there() {
        let now = Wall::from_millis(30 * DAY_MS + 5 * HOUR_MS + 1);
        let hour = now.millis() / HOUR_MS;
        let counts = BTreeMap::from([(hour, 3), (hour - 23, 1), (hour - 24, 9), (hour + 1, 9)]);
        let bars = latest(&counts, hour, HOURS, |hour| moment(hour * HOUR_MS, 11..16));
        assert_eq!(bars.len(), 24);
        assert_eq!((bars[23].label.as_str(), bars[23].count), ("05:00", 3));
        assert_eq!((bars[0].label.as_str(), bars[0].count), ("06:00", 1));
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), 4);
    }

    #[test]
    fn a_scale_ends_at_a_round_number_above_all_bars() {
        for (most, marks) in [
            (0, &[1, 0][..]),
            (1, &[1, 0]),
            (3, &[4, 2, 0]),
            (5, &[6, 3, 0]),
            (9, &[10, 5, 0]),
            (41, &[60, 30, 0]),
            (1_000, &[1_000, 500, 0]),
        ] {
            assert_eq!(scale(most), marks, "{most}");
        }
        assert!(scale(u64::MAX)[0] == u64::MAX && scale(u64::MAX).ends_with(&[0]));
    }

    #[test]
    fn a_chart_of_nothing_is_a_sentence_and_no_picture() {
        let (counts, now) = (BTreeMap::new(), Wall::from_millis(DAY_MS * 365));
        for chart in [hours(&counts, now), days(&counts, now)] {
            let text = chart.into_string();
            assert!(text.contains("Nobody came") && !text.contains("<svg"), "{text}");
        }
        let one = hours(&BTreeMap::from([(now.millis() / HOUR_MS, 1)]), now).into_string();
        assert_eq!(
            one.matches("<rect").count(),
            1,
            "hours in which nobody came have no bar: {one}"
        );
    }

    #[test]
    fn heights_are_shares_of_the_most_and_whatever_is_there_is_seen() {
        assert_eq!([0, 1, 50, 100].map(|count| height(count, 100)), [0, 2, 50, 100]);
        assert_eq!(height(1, u64::MAX), 2);
        assert_eq!(height(u64::MAX, u64::MAX), 100);
    }

    #[test]
    fn names_of_others_are_shown_as_text() {
        let stats = LinkStats {
            clicks: 3,
            devices: BTreeMap::from([(Device::Phone, 3)]),
            referrers: vec![("<script>alert(1)</script>\"'".into(), 2)],
            ..LinkStats::default()
        };
        let text = referrers(&stats).into_string();
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;alert(1)"), "{text}");
        assert!(text.contains("(none said)"));
    }
}
