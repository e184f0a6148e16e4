//! The table as a picture: the share across; the time upwards, ten times as long at each line.

use std::fmt::Write;
use std::time::Duration;

use crate::Row;

const LEFT: f64 = 70.0;
const BOTTOM: f64 = 330.0;
/// From a millisecond to ten seconds.
const DECADES: [&str; 5] = ["1 ms", "10 ms", "100 ms", "1 s", "10 s"];

fn x(share: u32) -> f64 {
    LEFT + 4.0 * f64::from(share)
}

fn y(time: Duration) -> f64 {
    let decades = (1e3 * time.as_secs_f64()).max(1.0).log10();
    BOTTOM - 75.0 * decades
}

pub(crate) fn svg(rows: &[Row]) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"380\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n",
    );
    for (decade, name) in (0..).zip(DECADES) {
        let height = y(Duration::from_millis(10u64.pow(decade)));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {height}H{}\" stroke=\"#ddd\"/><text x=\"10\" y=\"{}\">{name}</text>",
            x(100),
            height + 4.0
        );
    }
    for (share, ..) in rows {
        let (left, percent) = (x(*share) - 8.0, share / 10);
        let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{percent}%</text>", BOTTOM + 18.0);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\">operations without an answer</text>",
        BOTTOM + 38.0
    );
    line(&mut svg, rows, "as it is, median", "#2b6cb0", |(_, times, _)| times.median());
    line(&mut svg, rows, "as it is, worst", "#90cdf4", |(_, times, _)| times.worst());
    line(&mut svg, rows, "altered, median", "#c05621", |(.., times)| times.median());
    line(&mut svg, rows, "altered, worst", "#fbb782", |(.., times)| times.worst());
    svg + "</svg>\n"
}

fn line(svg: &mut String, rows: &[Row], name: &str, colour: &str, time: fn(&Row) -> Duration) {
    let point = |row: &Row| format!("{:.1},{:.1}", x(row.0), y(time(row)));
    let points: Vec<String> = rows.iter().map(point).collect();
    let end = rows.last().map_or(BOTTOM, |row| y(time(row)));
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
         <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
        points.join(" "),
        x(100) + 8.0,
        end + 4.0
    );
}
