//! The figures of a report as a table: for the terminal, and for benches/README.md. Pure.

use crate::measure::Measured;
use crate::pipeline::Kind;
use crate::report::Report;
use crate::scenario::{HOLD_MAX_S, Rates};

/// One figure with its goal and its command.
struct Line {
    what: String,
    figure: String,
    goal: &'static str,
    command: String,
}

#[must_use]
pub fn plain(report: &Report) -> String {
    let lines = lines(report);
    let width = |of: fn(&Line) -> usize| lines.iter().map(of).max().unwrap_or(0);
    let (what, figure) = (width(|l| l.what.chars().count()), width(|l| l.figure.chars().count()));
    let row = |l: &Line| format!("{:what$}  {:figure$}  {}", l.what, l.figure, l.goal);
    lines.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = format!("{}\n\n| what | figure | goal | command |\n|---|---|---|---|\n", place(report));
    for line in lines(report) {
        text.push_str(&format!("| {} | {} | {} | `{}` |\n", line.what, line.figure, line.goal, line.command));
    }
    text.push_str(
        "\n| CPU, us a reading | generator | broker | pipeline | PostgreSQL | all |\n|---|---|---|---|---|---|\n",
    );
    for rates in &report.rates {
        for kind in [Kind::Davy, Kind::Naive] {
            if let Some(cpu) = cpu(rates, kind) {
                text.push_str(&format!("| {}, {} a message | {cpu} |\n", kind.name(), rates.readings));
            }
        }
    }
    text
}

/// Where and how it was measured, one paragraph.
#[must_use]
pub fn place(report: &Report) -> String {
    let (m, f) = (&report.machine, &report.fixed);
    format!(
        "{}, {} cores, {} GiB, Linux {}, journal on {}, database on {}; PostgreSQL {} (fsync {}, synchronous_commit {}), \
         TimescaleDB {}, mosquitto {}, {}, commit {}; load average before the run {}. Districts of {} points, the six \
         rules on; {} pairs, {} s of load each after {} s of warm-up.",
        m.cpu,
        m.cores,
        m.memory_gib,
        m.kernel,
        f.journal_filesystem,
        f.database_filesystem,
        f.postgresql,
        f.fsync,
        f.synchronous_commit,
        f.timescaledb,
        m.mosquitto,
        m.rustc,
        m.commit,
        m.load,
        report.points,
        report.effort.pairs,
        report.effort.seconds,
        report.effort.warm_up_s,
    )
}

fn lines(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    for rates in &report.rates {
        lines.extend(of_rates(rates, report.fixed.timescaledb != "none"));
    }
    if let Some(latency) = &report.latency {
        lines.push(Line {
            what: format!("red alarm, publish to event stream, at {:.0} readings/s", latency.readings_per_s),
            figure: format!(
                "p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms of {}",
                latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.max_ms, latency.alarms
            ),
            goal: "p99 <= 200 ms",
            command: "davy bench e2e --only rates,latency --readings 50".to_owned(),
        });
        lines.push(Line {
            what: "the generator's send lag in it".to_owned(),
            figure: lag(&latency.measured),
            goal: "",
            command: "davy bench e2e --only rates,latency --readings 50".to_owned(),
        });
    }
    for backlog in &report.backlogs {
        let one = &backlog.measured;
        lines.push(Line {
            what: format!("backlog of {} readings, {}", one.readings, backlog.order),
            figure: format!("{:.1} s ({:.0} readings/s)", one.seconds, one.readings_per_s),
            goal: "<= 30 s",
            command: "davy bench e2e --only backlog".to_owned(),
        });
    }
    for hold in report.holds.iter().flat_map(|holds| holds.verbs.iter().map(move |hold| (holds.points, hold))) {
        let (points, hold) = hold;
        let share = hold.share_within * 100.0;
        lines.push(Line {
            what: format!("loop, `{}`, {points} points", hold.verb),
            figure: format!(
                "mean {:.2} ms, all below {:.1} ms, {share:.2} % within {:.0} ms, of {:.0}",
                hold.mean_ms,
                hold.max_below_ms,
                HOLD_MAX_S * 1e3,
                hold.count
            ),
            goal: if hold.verb == "fdatasync" { "(the disk)" } else { "all within 20 ms" },
            command: "davy bench e2e --only loop".to_owned(),
        });
    }
    lines
}

fn of_rates(rates: &Rates, timescaledb: bool) -> [Line; 3] {
    let command = format!("davy bench e2e --only rates --readings {}", rates.readings);
    let rate = |kind: Kind, per_s: f64| Line {
        what: format!("{}, {} readings a message", kind.name(), rates.readings),
        figure: format!("{per_s:.0} readings/s"),
        goal: "",
        command: command.clone(),
    };
    let ratio = &rates.ratio;
    let goal = match (rates.readings, timescaledb) {
        (50, true) => ">= 1.8",
        (50, false) => ">= 1.5",
        (1, _) => ">= 0.9",
        _ => "",
    };
    let line = Line {
        what: format!("davy / naive, {} readings a message", rates.readings),
        figure: format!(
            "median {:.2}, mean {:.2}, 95 % {:.2} to {:.2}, n = {}",
            ratio.median,
            ratio.mean,
            ratio.low,
            ratio.high,
            ratio.pairs.len()
        ),
        goal,
        command: command.clone(),
    };
    [rate(Kind::Davy, rates.davy_per_s), rate(Kind::Naive, rates.naive_per_s), line]
}

fn lag(one: &Measured) -> String {
    let ms = |us: u64| f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1e3;
    let lag = one.send_lag;
    format!("p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", ms(lag.p50_us), ms(lag.p99_us), ms(lag.max_us))
}

/// The processes in the order of a reading's way.
pub const PROCESSES: [&str; 4] = ["generator", "broker", "pipeline", "postgres"];

/// The means of all measurements of a kind, by process, microseconds a reading.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn mean_cpu(rates: &Rates, kind: Kind) -> Option<[f64; 4]> {
    let of_kind: Vec<&Measured> = rates.measured.iter().filter(|one| one.kind == kind).collect();
    let mean = |name: &str| of_kind.iter().filter_map(|one| one.cpu_us.get(name)).sum::<f64>() / of_kind.len() as f64;
    (!of_kind.is_empty()).then(|| PROCESSES.map(mean))
}

fn cpu(rates: &Rates, kind: Kind) -> Option<String> {
    let means = mean_cpu(rates, kind)?;
    let all: f64 = means.iter().sum();
    let cells: Vec<String> = means.iter().chain([&all]).map(|us| format!("{us:.2}")).collect();
    Some(cells.join(" | "))
}
