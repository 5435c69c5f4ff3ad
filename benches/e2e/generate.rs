//! `davy-bench generate`: the load, a process of its own. Takes phases on standard input, publishes them over a few
//! connections, and says on standard output what was sent. Its clock decides what is due; how late a message really
//! left is part of the answer. Must not know who listens. I/O.

use crate::district::District;
use crate::payload::{Template, share};
use crate::plan::{Flame, Lag, Order, Pace, Phase, Sent, Times, Until, Word};
use crate::wire::{WINDOW, Wire};
use anyhow::{Context, anyhow, bail};
use clap::Args;
use hdrhistogram::Histogram;
use ingest::clock::{Stopwatch, wall};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Bytes handed to the kernel at once at saturation.
const BLOCK_BYTES: usize = 32 << 10;

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Port of the broker on loopback.
    #[arg(long)]
    port: u16,
    /// What the gateways send, as the runner wrote it.
    #[arg(long, value_name = "FILE")]
    district: PathBuf,
    /// Connections that share the gateways.
    #[arg(long, default_value_t = 4)]
    connections: usize,
}

/// Readings of the running phase that are in the database, as the runner says.
type Committed = Arc<AtomicU64>;

pub fn run(args: &GenerateArgs) -> anyhow::Result<()> {
    let district = District::load(&args.district)?;
    let committed = Committed::default();
    let phases = listen(&committed)?;
    let mut alarms = Alarms { wire: Wire::open(args.port, "gen-alarms")?, used: 0 };
    let mut lanes = Vec::new();
    for nth in 0..args.connections {
        lanes.push(Lane::open(args, nth)?);
    }
    println!("\"ready\"");
    // Ends when the runner closes our standard input.
    for phase in phases {
        committed.store(0, Ordering::SeqCst);
        let sent = play(&district, &phase, &mut lanes, (&mut alarms, &committed))?;
        println!("{}", serde_json::to_string(&sent)?);
        std::io::stdout().flush()?;
    }
    lanes.into_iter().try_for_each(|lane| lane.wire.close())?;
    alarms.wire.close()
}

fn listen(committed: &Committed) -> anyhow::Result<Receiver<Phase>> {
    // The runner never asks for a phase before the last one is answered.
    let (tell, told) = sync_channel(1);
    let committed = Arc::clone(committed);
    std::thread::Builder::new().name("gen-orders".to_owned()).spawn(move || -> anyhow::Result<()> {
        for line in std::io::stdin().lock().lines() {
            match serde_json::from_str(&line?)? {
                Word::Go(phase) => tell.send(phase)?,
                Word::Committed(readings) => committed.store(readings, Ordering::SeqCst),
            }
        }
        Ok(())
    })?;
    Ok(told)
}

fn play(
    district: &District,
    phase: &Phase,
    lanes: &mut [Lane],
    (alarms, committed): (&mut Alarms, &Committed),
) -> anyhow::Result<Sent> {
    for lane in lanes.iter_mut() {
        lane.take_up(district, phase.readings);
    }
    let begin = Begin { wall_us: wall().0, watch: Stopwatch::start() };
    let course = Course { phase, begin, lanes: lanes.len() as u64, committed };
    let answers: Vec<anyhow::Result<Share>> = std::thread::scope(|scope| {
        let course = &course;
        let flames = phase.flames_per_s.map(|per_s| scope.spawn(move || alarms.play(district, course, per_s)));
        let mut running: Vec<_> = lanes.iter_mut().map(|lane| scope.spawn(move || lane.play(course))).collect();
        running.extend(flames);
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a connection of the generator panicked")))
        };
        running.into_iter().map(join).collect()
    });
    let mut sent = Sent { first_us: begin.wall_us, ..Sent::default() };
    let mut lag = histogram()?;
    for share in answers {
        let share = share?;
        sent.messages += share.messages;
        sent.accepted_messages += share.messages;
        sent.accepted_readings += share.readings;
        sent.last_us = sent.last_us.max(share.last_us);
        sent.flames.extend(share.flames);
        lag.add(&share.lag)?;
    }
    sent.lag = Lag { p50_us: lag.value_at_quantile(0.5), p99_us: lag.value_at_quantile(0.99), max_us: lag.max() };
    Ok(sent)
}

/// When a phase began, on both clocks: what is due goes by the watch, which nobody sets.
#[derive(Clone, Copy)]
struct Begin {
    wall_us: i64,
    watch: Stopwatch,
}

impl Begin {
    #[allow(clippy::cast_possible_truncation)]
    fn at_us(&self, seconds: f64) -> i64 {
        self.wall_us + (seconds * 1e6) as i64
    }

    fn now_us(&self) -> i64 {
        self.at_us(self.watch.seconds())
    }

    /// Waits until so many seconds after the beginning.
    fn wait(&self, seconds: f64) {
        loop {
            let left = seconds - self.watch.seconds();
            if left <= 0.0 {
                return;
            }
            std::thread::park_timeout(Duration::from_secs_f64(left));
        }
    }
}

/// A phase under way, for all connections.
struct Course<'a> {
    phase: &'a Phase,
    begin: Begin,
    /// Connections that share the load.
    lanes: u64,
    /// Readings of the phase that are in the database, as the runner says.
    committed: &'a Committed,
}

/// What one connection sent in a phase, all of it confirmed.
struct Share {
    messages: u64,
    readings: u64,
    last_us: i64,
    lag: Histogram<u64>,
    flames: Vec<Flame>,
}

impl Share {
    fn new(course: &Course<'_>) -> anyhow::Result<Share> {
        let last_us = course.begin.wall_us;
        Ok(Share { messages: 0, readings: 0, last_us, lag: histogram()?, flames: Vec::new() })
    }
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// One connection and the gateways on it.
struct Lane {
    wire: Wire,
    nth: usize,
    of: usize,
    readings: usize,
    templates: Vec<Template>,
    /// Messages of each gateway so far.
    numbers: Vec<u64>,
}

impl Lane {
    fn open(args: &GenerateArgs, nth: usize) -> anyhow::Result<Lane> {
        let wire = Wire::open(args.port, &format!("gen-{nth}"))?;
        Ok(Lane { wire, nth, of: args.connections, readings: 0, templates: Vec::new(), numbers: Vec::new() })
    }

    fn take_up(&mut self, district: &District, readings: usize) {
        if self.readings != readings {
            self.templates = share(district, readings, self.nth, self.of);
            self.readings = readings;
        }
        let gateways = self.templates.iter().map(|template| template.gateway + 1).max().unwrap_or(0);
        self.numbers.resize(gateways.max(self.numbers.len()), 0);
    }

    fn play(&mut self, course: &Course<'_>) -> anyhow::Result<Share> {
        let mut share = Share::new(course)?;
        if self.templates.is_empty() {
            return Ok(share);
        }
        let with_live = matches!(course.phase.times, Times::Buffered { order: Order::WithLive, .. });
        let mut out = Vec::with_capacity(2 * BLOCK_BYTES);
        let mut live = 0;
        while !self.is_over(course, share.messages - live) {
            let mut held = 0;
            while out.len() < BLOCK_BYTES && held < WINDOW / 4 {
                let buffered = share.messages - live;
                if self.is_over(course, buffered) || !self.is_due(course, &mut share, held) {
                    break;
                }
                let is_live = with_live && (share.messages + 1).is_multiple_of(Order::LIVE_EVERY + 1);
                let n = if is_live { None } else { Some(buffered) };
                self.write(course, &mut out, (held, n), &mut share);
                live += u64::from(is_live);
                held += 1;
            }
            self.wire.wait(WINDOW - WINDOW / 4)?;
            self.wire.send(&out, held)?;
            out.clear();
            if let Pace::Saturation { ahead } = course.phase.pace {
                hold_back(course, &share, ahead / course.lanes)?;
            }
        }
        self.wire.wait(0)?;
        share.last_us = course.begin.now_us();
        Ok(share)
    }

    /// `buffered` = messages so far that were not live ones among a buffer.
    fn is_over(&self, course: &Course<'_>, buffered: u64) -> bool {
        match course.phase.until {
            Until::Seconds(seconds) => course.begin.watch.seconds() >= seconds,
            Until::Rounds(rounds) => buffered >= rounds * self.templates.len() as u64,
        }
    }

    /// At a rate: waits for the next message to be due, unless others wait to leave. Notes how late it is.
    fn is_due(&self, course: &Course<'_>, share: &mut Share, held: u64) -> bool {
        let Pace::Rate { messages_per_s } = course.phase.pace else { return true };
        #[allow(clippy::cast_precision_loss)]
        let due_s = (share.messages * course.lanes + self.nth as u64) as f64 / messages_per_s;
        if due_s > course.begin.watch.seconds() {
            if held > 0 {
                return false;
            }
            course.begin.wait(due_s);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        share.lag.saturating_record(((course.begin.watch.seconds() - due_s) * 1e6) as u64);
        true
    }

    /// `held` = messages in `out` already. `buffered` = its number in the buffer; `None` = a live message.
    fn write(
        &mut self,
        course: &Course<'_>,
        out: &mut Vec<u8>,
        (held, buffered): (u64, Option<u64>),
        share: &mut Share,
    ) {
        let count = self.templates.len() as u64;
        let n = buffered.unwrap_or(share.messages);
        let Some(template) = usize::try_from(n % count).ok().and_then(|at| self.templates.get_mut(at)) else { return };
        let time_ms = match (course.phase.times, buffered) {
            (Times::Buffered { rounds, step_ms, order }, Some(n)) => {
                let round = n / count % rounds.max(1);
                let back = if order == Order::NewestFirst { round + 1 } else { rounds - round };
                course.begin.wall_us / 1_000 - step_ms * i64::try_from(back).unwrap_or(i64::MAX)
            }
            // No two readings of a point carry the same time.
            _ => (course.begin.now_us() / 1_000).max(template.last_ms + 1),
        };
        let newest_ms = template.last_ms.max(time_ms);
        let number = self.numbers.get_mut(template.gateway);
        let number = number.map_or(0, |number| {
            *number += 1;
            *number
        });
        template.write(out, self.wire.next_id(held), time_ms, number);
        // Live messages among a buffer must not collide with one another either.
        template.last_ms = newest_ms;
        share.messages += 1;
        share.readings += template.readings as u64;
    }
}

/// Waits while our part of what the database does not have yet is larger than `ahead`.
fn hold_back(course: &Course<'_>, share: &Share, ahead: u64) -> anyhow::Result<()> {
    let a_message = (share.readings / share.messages.max(1)).max(1);
    let ours = || course.committed.load(Ordering::SeqCst) / course.lanes;
    let waiting = Stopwatch::start();
    while share.readings.saturating_sub(ours()) / a_message > ahead {
        if waiting.seconds() > 300.0 {
            bail!("nothing was committed for five minutes");
        }
        // The runner says by standard input how far the database is; this is how often we look.
        std::thread::park_timeout(Duration::from_millis(2));
    }
    Ok(())
}

/// The connection of the flame detectors.
struct Alarms {
    wire: Wire,
    /// Detectors that have shown a flame already.
    used: usize,
}

impl Alarms {
    fn play(&mut self, district: &District, course: &Course<'_>, per_s: f64) -> anyhow::Result<Share> {
        let Until::Seconds(seconds) = course.phase.until else { bail!("flames are sent for so many seconds") };
        let begin = course.begin;
        let mut share = Share::new(course)?;
        let mut out = Vec::new();
        let plants = district.enterprises.len().max(1);
        loop {
            #[allow(clippy::cast_precision_loss)]
            let due_s = (share.messages as f64 + 0.5) / per_s;
            if due_s >= seconds {
                break;
            }
            let plant = district.enterprises.get(self.used % plants).context("a district without plants")?;
            let point = plant.flames.get(self.used / plants).context("more flames than detectors")?;
            begin.wait(due_s);
            let intended_us = begin.at_us(due_s);
            Template::flame(plant, point).write(&mut out, self.wire.next_id(0), intended_us / 1_000, 0);
            let sent_us = begin.now_us();
            self.wire.send(&out, 1)?;
            out.clear();
            self.used += 1;
            share.messages += 1;
            share.readings += 1;
            share.lag.saturating_record((sent_us - intended_us).max(0).unsigned_abs());
            let (enterprise, point) = (plant.id.clone(), point.clone());
            share.flames.push(Flame { enterprise, point, intended_us, sent_us });
        }
        self.wire.wait(0)?;
        share.last_us = begin.now_us();
        Ok(share)
    }
}
