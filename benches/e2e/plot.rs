//! Plots as inline SVG: bars, stacked bars, intervals, curves. Colours work on light and dark paper. Pure.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 150.0;
const ROW: f64 = 26.0;
const COLOURS: [&str; 6] = ["#2a6fb0", "#d98a29", "#4f9d69", "#b5544d", "#7a68a6", "#888888"];

/// A named value, or several that are stacked.
pub struct Bar {
    pub name: String,
    pub values: Vec<f64>,
    /// Which colour the first value has.
    pub colour: usize,
    pub text: String,
}

/// Horizontal bars from zero; `marks` are vertical lines with a name, such as a goal.
#[must_use]
pub fn bars(bars: &[Bar], marks: &[(f64, String)]) -> String {
    let most =
        bars.iter().map(|bar| bar.values.iter().sum::<f64>()).chain(marks.iter().map(|m| m.0)).fold(0.0, f64::max);
    let scale = (WIDTH - LEFT - 170.0) / most.max(f64::MIN_POSITIVE);
    let mut svg = String::new();
    let mut y = 4.0;
    for bar in bars {
        text(&mut svg, LEFT - 8.0, y + 15.0, "end", &bar.name);
        let mut x = LEFT;
        for (n, value) in bar.values.iter().enumerate() {
            let (width, colour) = ((value * scale).max(0.5), colour(bar.colour + n));
            // Writing to a `String` cannot fail.
            write!(svg, "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='18' fill='{colour}'/>").ok();
            x += width;
        }
        text(&mut svg, x + 6.0, y + 14.0, "start", &bar.text);
        y += ROW;
    }
    for (value, name) in marks {
        let x = LEFT + value * scale;
        write!(svg, "<line x1='{x:.1}' y1='0' x2='{x:.1}' y2='{y:.1}' class='mark'/>").ok();
        text(&mut svg, x, y + 12.0, "middle", name);
    }
    frame(&svg, y + if marks.is_empty() { 4.0 } else { 20.0 })
}

/// Points with an interval each, and vertical marks.
#[must_use]
pub fn intervals(rows: &[(String, [f64; 3])], marks: &[(f64, String)]) -> String {
    let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
    let ends = rows.iter().map(|(_, [_, _, high])| finite(*high)).chain(rows.iter().map(|(_, [_, at, _])| *at));
    let most = ends.chain(marks.iter().map(|m| m.0)).fold(0.0, f64::max) * 1.1;
    let scale = (WIDTH - LEFT - 40.0) / most.max(f64::MIN_POSITIVE);
    let mut svg = String::new();
    let mut y = 4.0;
    for (name, [low, at, high]) in rows {
        text(&mut svg, LEFT - 8.0, y + 15.0, "end", name);
        let high = if high.is_finite() { *high } else { most };
        let (from, to, dot, middle) = (LEFT + low * scale, LEFT + high * scale, LEFT + at * scale, y + 10.0);
        write!(svg, "<line x1='{from:.1}' y1='{middle}' x2='{to:.1}' y2='{middle}' class='span'/>").ok();
        write!(svg, "<circle cx='{dot:.1}' cy='{middle}' r='4' fill='{}'/>", colour(0)).ok();
        text(&mut svg, dot, middle - 6.0, "middle", &format!("{at:.2}"));
        y += ROW + 6.0;
    }
    for (value, name) in marks {
        let x = LEFT + value * scale;
        write!(svg, "<line x1='{x:.1}' y1='0' x2='{x:.1}' y2='{y:.1}' class='mark'/>").ok();
        text(&mut svg, x, y + 12.0, "middle", name);
    }
    frame(&svg, y + 20.0)
}

/// A latency curve: quantiles to the right, each nine as wide as the one before; milliseconds upwards.
#[must_use]
pub fn quantiles(curve: &[(f64, f64)], goal_ms: f64) -> String {
    const HEIGHT: f64 = 240.0;
    let most = curve.iter().map(|(_, ms)| *ms).fold(goal_ms, f64::max) * 1.05;
    let place = |quantile: f64| -(1.0 - quantile.min(0.9995)).log10() / 3.3;
    let x = |quantile: f64| 50.0 + place(quantile) * (WIDTH - 80.0);
    let y = |ms: f64| HEIGHT - 24.0 - ms / most * (HEIGHT - 40.0);
    let mut svg = String::new();
    for (quantile, name) in [(0.0, "0"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")] {
        let at = x(quantile);
        write!(svg, "<line x1='{at:.1}' y1='10' x2='{at:.1}' y2='{:.1}' class='grid'/>", HEIGHT - 24.0).ok();
        text(&mut svg, at, HEIGHT - 8.0, "middle", name);
    }
    write!(svg, "<line x1='50' y1='{0:.1}' x2='{1:.1}' y2='{0:.1}' class='mark'/>", y(goal_ms), WIDTH - 20.0).ok();
    text(&mut svg, 46.0, y(goal_ms) + 4.0, "end", &format!("{goal_ms:.0} ms"));
    let points: Vec<String> = curve.iter().map(|(q, ms)| format!("{:.1},{:.1}", x(*q), y(*ms))).collect();
    write!(svg, "<polyline points='{}' fill='none' stroke='{}' stroke-width='2'/>", points.join(" "), colour(0)).ok();
    if let Some((quantile, ms)) = curve.iter().find(|(quantile, _)| *quantile >= 0.99) {
        write!(svg, "<circle cx='{:.1}' cy='{:.1}' r='4' fill='{}'/>", x(*quantile), y(*ms), colour(0)).ok();
        text(&mut svg, x(*quantile) - 8.0, y(*ms) - 8.0, "end", &format!("{ms:.1} ms"));
    }
    frame(&svg, HEIGHT)
}

/// The names of stacked colours, one line.
#[must_use]
pub fn legend(names: &[&str]) -> String {
    let mut html = String::from("<p class='legend'>");
    for (n, name) in names.iter().enumerate() {
        write!(html, "<span style='background:{}'></span> {} ", colour(n), escape(name)).ok();
    }
    html + "</p>"
}

#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn colour(n: usize) -> &'static str {
    COLOURS.get(n % COLOURS.len()).copied().unwrap_or("#888888")
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    write!(svg, "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{}</text>", escape(words)).ok();
}

fn frame(svg: &str, height: f64) -> String {
    format!("<svg viewBox='0 0 {WIDTH} {height:.0}' width='{WIDTH}' role='img'>{svg}</svg>")
}
