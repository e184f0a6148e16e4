//! The comparison as a picture.

use std::fmt::Write;

use crate::compare::{Row, tells};

const LINE: usize = 26;
const LABELS: usize = 110;
const BARS: usize = 280;
const PANEL: usize = BARS + 90;
const TOP: usize = 60;

/// The rows as an SVG of two panels: how full the fullest node is, and how many keys move when a node
/// comes. A fine line marks the best there can be; algorithms that placed too few keys are left out. It
/// follows the reader's light or dark colours.
pub fn plot(rows: &[Row]) -> String {
    let rows: Vec<&Row> = rows.iter().filter(|row| tells(row, rows)).collect();
    let (width, height) = (LABELS + 2 * PANEL, TOP + LINE * rows.len() + 20);
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">"#
    );
    svg.push_str(STYLE);
    for (at, row) in rows.iter().enumerate() {
        let (x, y) = (LABELS - 10, TOP + LINE * at + 16);
        let _ =
            writeln!(svg, r#"<text x="{x}" y="{y}" text-anchor="end">{}</text>"#, row.algorithm);
    }
    let nodes = rows.first().map_or(0, |row| row.nodes);
    let balance = Panel {
        x: LABELS,
        title: format!("the fullest of {nodes} nodes, in averages"),
        best: 1.0,
        values: rows.iter().map(|row| row.peak_to_mean).collect(),
        label: |value| format!("{value:.2}"),
    };
    let movement = Panel {
        x: LABELS + PANEL,
        title: "keys that move when a node comes".to_owned(),
        best: rows.first().map_or(0.0, |row| row.optimum_adding),
        values: rows.iter().map(|row| row.moved_by_adding).collect(),
        label: |value| format!("{:.2}%", value * 100.0),
    };
    balance.draw(&mut svg);
    movement.draw(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.bar { fill: #3b7dd8 }
.best { stroke: #d1495b; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .bar { fill: #6ea3e8 } }
</style>
";

struct Panel {
    x: usize,
    title: String,
    /// Where the fine line is.
    best: f64,
    values: Vec<f64>,
    label: fn(f64) -> String,
}

impl Panel {
    fn draw(&self, svg: &mut String) {
        let most = self.values.iter().copied().fold(self.best, f64::max).max(f64::MIN_POSITIVE);
        let length = |value: f64| value / most * BARS as f64;
        let Panel { x, title, .. } = self;
        let _ = writeln!(svg, r#"<text class="title" x="{x}" y="30">{title}</text>"#);
        for (at, value) in self.values.iter().enumerate() {
            let (y, width) = (TOP + LINE * at, length(*value));
            let (label_x, label_y) = (*x as f64 + width + 6.0, y + 16);
            let label = (self.label)(*value);
            let _ = writeln!(
                svg,
                r#"<rect class="bar" x="{x}" y="{y}" width="{width:.1}" height="20" rx="2"/>"#
            );
            let _ = writeln!(svg, r#"<text x="{label_x:.1}" y="{label_y}">{label}</text>"#);
        }
        let (line, end) = (*x as f64 + length(self.best), TOP + LINE * self.values.len());
        let top = TOP - 8;
        let _ = writeln!(
            svg,
            r#"<line class="best" x1="{line:.1}" y1="{top}" x2="{line:.1}" y2="{end}"/>"#
        );
    }
}
