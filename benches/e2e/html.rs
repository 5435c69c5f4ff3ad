//! The report as one HTML file without anything from elsewhere: machine, table, plots. Pure.

use crate::measure::Measured;
use crate::pipeline::Kind;
use crate::plot::{Bar, bars, escape, intervals, legend, quantiles};
use crate::report::Report;
use crate::scenario::{HOLD_MAX_S, Rates};
use crate::table::{PROCESSES, mean_cpu, place, plain};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;\
color-scheme:light dark}h1,h2{line-height:1.2}pre{overflow-x:auto;padding:.6rem;border:1px solid #8884}\
svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}\
.mark{stroke:#c33;stroke-dasharray:4 3}.grid{stroke:#8884}.span{stroke:currentColor;stroke-width:2}\
.legend span{display:inline-block;width:.8em;height:.8em;margin-left:.8em}";

#[must_use]
pub fn page(report: &Report) -> String {
    let mut body = format!(
        "<h1>Davy, end to end</h1><p>{}</p><p><code>{}</code>, {:.0} s in all.</p><pre>{}</pre>",
        escape(&place(report)),
        escape(&report.command),
        report.seconds,
        escape(&plain(report))
    );
    body.push_str(
        "<p>The broker confirmed every reading counted here (PUBACK), every one is in the database exactly once, and \
         the rate is readings through the time from the first message to the last commit, draining included.</p>",
    );
    if !report.rates.is_empty() {
        body.push_str(&ratios(&report.rates, report.fixed.timescaledb != "none"));
    }
    report.rates.iter().for_each(|rates| body.push_str(&of_rates(rates)));
    if let Some(latency) = &report.latency {
        body.push_str(&format!(
            "<h2>Red alarm, from publishing to the event stream</h2><p>{} alarms beside {:.0} readings/s, timed from \
             the moment each flame was to be sent.</p>{}",
            latency.alarms,
            latency.readings_per_s,
            quantiles(&latency.curve, 200.0)
        ));
    }
    if !report.backlogs.is_empty() {
        let rows: Vec<Bar> = report.backlogs.iter().map(|b| seconds(b.order, &b.measured)).collect();
        body.push_str("<h2>An hour of 500 readings/s at once</h2>");
        body.push_str(&bars(&rows, &[(30.0, "30 s".to_owned())]));
    }
    body.push_str(&loop_holds(report));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Davy, end to end</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
}

fn ratios(rates: &[Rates], timescaledb: bool) -> String {
    let rows: Vec<_> = rates
        .iter()
        .map(|r| (format!("{} a message", r.readings), [r.ratio.low, r.ratio.mean, r.ratio.high]))
        .collect();
    let goal = if timescaledb { 1.8 } else { 1.5 };
    let marks = [(1.0, "naive".to_owned()), (goal, format!("{goal}"))];
    format!("<h2>Davy / naive</h2><p>Mean of the pairs with its 95 % interval.</p>{}", intervals(&rows, &marks))
}

fn of_rates(rates: &Rates) -> String {
    let colour = |kind| if kind == Kind::Davy { 0 } else { 1 };
    let rows: Vec<Bar> = rates
        .measured
        .iter()
        .enumerate()
        .map(|(n, one)| Bar {
            name: format!("pair {}, {}", n / 2 + 1, one.kind.name()),
            values: vec![one.readings_per_s],
            colour: colour(one.kind),
            text: format!("{:.0}/s", one.readings_per_s),
        })
        .collect();
    let cpu: Vec<Bar> = [Kind::Davy, Kind::Naive]
        .into_iter()
        .filter_map(|kind| {
            let means = mean_cpu(rates, kind)?;
            let all: f64 = means.iter().sum();
            Some(Bar { name: kind.name().to_owned(), values: means.to_vec(), colour: 0, text: format!("{all:.2} us") })
        })
        .collect();
    let mut html = format!("<h2>{} readings a message</h2>{}", rates.readings, bars(&rows, &[]));
    html.push_str(&format!("<h3>CPU a reading, by process</h3>{}{}", legend(&PROCESSES), bars(&cpu, &[])));
    if let Some(davy) = rates.measured.iter().find(|one| one.kind == Kind::Davy) {
        html.push_str(&format!("<h3>Davy's loop, wall time a reading by verb</h3>{}", parts(&davy.verb_us)));
        html.push_str(&format!("<h3>Davy's CPU a reading, by thread</h3>{}", parts(&davy.thread_us)));
    }
    html
}

fn parts<'a>(of: impl IntoIterator<Item = (&'a String, &'a f64)>) -> String {
    let rows: Vec<Bar> = of
        .into_iter()
        .map(|(name, us)| Bar { name: name.clone(), values: vec![*us], colour: 0, text: format!("{us:.3} us") })
        .collect();
    bars(&rows, &[])
}

fn seconds(name: &str, one: &Measured) -> Bar {
    Bar { name: name.to_owned(), values: vec![one.seconds], colour: 0, text: format!("{:.1} s", one.seconds) }
}

fn loop_holds(report: &Report) -> String {
    let Some(holds) = &report.holds else { return String::new() };
    let rows: Vec<Bar> = holds
        .verbs
        .iter()
        .map(|hold| Bar {
            name: hold.verb.to_owned(),
            values: vec![hold.mean_ms],
            colour: 0,
            text: format!(
                "mean {:.2} ms, all below {:.1} ms, {:.2} % within {:.0} ms",
                hold.mean_ms,
                hold.max_below_ms,
                hold.share_within * 100.0,
                HOLD_MAX_S * 1e3
            ),
        })
        .collect();
    let marks = [(HOLD_MAX_S * 1e3, "20 ms".to_owned())];
    format!("<h2>What holds the loop, {} points</h2>{}", holds.points, bars(&rows, &marks))
}
