//! Every metric of Davy, in one table, and the start of logging. Others count through the fields; nobody else
//! registers a metric. Must not know what the figures mean for an alarm. I/O: writes the log.

mod coverage;
mod table;

use crate::downlink::counters::DownlinkCounters;
use crate::engine::fold::Cost;
use crate::engine::shed::GivenUp;
use crate::hub::Hub;
use crate::hub::health::{Component, Condition};
use crate::mqtt::counters::MqttCounters;
use crate::store::counters::CareCounters;
use alerting::alarm::Cause;
use alerting::effect::{Business, Effects};
use coverage::CoverageGauges;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};
use rules::reading::Severity;
use std::io::IsTerminal;
use table::Table;
use tracing_subscriber::EnvFilter;

/// The six verbs of the loop (`engine.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Wait,
    Keep,
    Answer,
    Think,
    Tell,
    Project,
}

impl Verb {
    pub const ALL: [Verb; 6] = [Verb::Wait, Verb::Keep, Verb::Answer, Verb::Think, Verb::Tell, Verb::Project];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verb::Wait => "wait",
            Verb::Keep => "keep",
            Verb::Answer => "answer",
            Verb::Think => "think",
            Verb::Tell => "tell",
            Verb::Project => "project",
        }
    }
}

/// Fsync and the verbs: from 50 us to 5 s, twice finer around the 20 ms that no verb may hold the loop.
const LOOP_SECONDS: &[f64] =
    &[50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 20e-3, 40e-3, 100e-3, 250e-3, 1.0, 5.0];
/// HTTP: the acknowledgement of an alarm waits for one fsync, a chart for the database.
const HTTP_SECONDS: &[f64] = &[1e-3, 5e-3, 20e-3, 100e-3, 300e-3, 1.0, 5.0, 15.0];

/// Every metric. Cheap to share: everybody holds an `Arc<Telemetry>`.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    pub mqtt: MqttCounters,
    pub downlink: DownlinkCounters,
    pub care: CareCounters,
    batches: IntCounter,
    inputs: IntCounter,
    held_inputs: IntCounter,
    readings_fast: IntCounter,
    readings_late: IntCounter,
    readings_duplicate: IntCounter,
    /// By `alerting::input::Reason`.
    quarantined: IntCounterVec,
    clock_offset: Gauge,
    gateway_messages: IntGauge,
    gateway_missing: IntGauge,
    replayed_rows: IntCounter,
    replayed_readings: IntCounter,
    inbox_depth: IntGauge,
    journal_append_seconds: Histogram,
    journal_fsync_seconds: Histogram,
    journal_bytes: IntCounter,
    journal_head_seq: IntGauge,
    verb_seconds: HistogramVec,
    housekeeping_seconds: Histogram,
    alarms_raised: IntCounterVec,
    open_alarms: IntGaugeVec,
    coverage: CoverageGauges,
    hazards: IntGaugeVec,
    spool_lag_records: IntGaugeVec,
    spool_lag_seconds: GaugeVec,
    applied_seq: IntGaugeVec,
    projection_rejected: IntCounter,
    component_up: GaugeVec,
    pub stream_clients: IntGauge,
    pub stream_dropped: IntCounter,
    pub http_requests: IntCounterVec,
    pub http_seconds: Histogram,
    history_shed_records: IntCounter,
    history_shed_bytes: IntCounter,
    disk_used_bytes: IntGauge,
    disk_quota_bytes: Gauge,
}

impl Telemetry {
    /// Registers every metric. An error here is a mistake in this file; `app` stops with it.
    pub fn new() -> Result<Telemetry, prometheus::Error> {
        let registry = Registry::new();
        let t = Table(&registry);
        Ok(Telemetry {
            mqtt: mqtt_counters(&t)?,
            downlink: downlink_counters(&t)?,
            care: care_counters(&t)?,
            batches: t.counter("davy_batches_total", "journal records stepped")?,
            inputs: t.counter("davy_inputs_total", "inputs stepped: deliveries, commands, ticks and the rest")?,
            held_inputs: t.counter("davy_held_inputs_total", "inputs set aside because the data directory was full")?,
            readings_fast: t.counter("davy_readings_accepted_total", "readings newer than all of their point")?,
            readings_late: t.counter("davy_readings_late_total", "readings stored behind newer ones, not judged")?,
            readings_duplicate: t.counter("davy_readings_duplicate_total", "readings known already, dropped")?,
            quarantined: t.counters("davy_quarantined_total", "messages and readings refused", &["reason"])?,
            clock_offset: t
                .float_gauge("davy_clock_offset_seconds", "how far the wall is ahead of the loop's clock")?,
            gateway_messages: t.gauge("davy_gateway_messages", "numbered messages received of all gateways")?,
            gateway_missing: t.gauge("davy_gateway_missing_messages", "numbered messages that never came")?,
            replayed_rows: t.counter("davy_quarantine_replayed_total", "rows of quarantine read after all")?,
            replayed_readings: t.counter("davy_quarantine_replayed_readings_total", "readings that came of them")?,
            inbox_depth: t.gauge("davy_inbox_depth", "items waiting for the engine")?,
            journal_append_seconds: t.seconds("davy_journal_append_seconds", "time to write one record")?,
            journal_fsync_seconds: t.seconds("davy_journal_fsync_seconds", "time to make one record durable")?,
            journal_bytes: t.counter("davy_journal_bytes_total", "bytes appended to the journal")?,
            journal_head_seq: t.gauge("davy_journal_head_seq", "number of the newest record")?,
            verb_seconds: t.histograms(
                "davy_verb_seconds",
                "time of each verb of the loop, per batch, without fsync",
                &["verb"],
            )?,
            housekeeping_seconds: t.seconds(
                "davy_housekeeping_seconds",
                "time the loop stood still between batches: copying the state for a snapshot, giving up old files",
            )?,
            alarms_raised: t.counters("davy_alarms_raised_total", "alarms raised", &["severity"])?,
            hazards: t.gauges("davy_hazards", "hazards in the ledger", &["state"])?,
            coverage: CoverageGauges {
                ratio: t.float_gauges("davy_coverage_ratio", "coverage of the newest day", &["sector", "metric"])?,
                units: t.gauges("davy_coverage_units", "enterprises in their sectors", &["sector", "state"])?,
            },
            open_alarms: t.gauges("davy_open_alarms", "alarms open now", &["severity"])?,
            spool_lag_records: t.gauges("davy_spool_lag_records", "records the database is behind", &["lane"])?,
            spool_lag_seconds: t.float_gauges(
                "davy_spool_lag_seconds",
                "age of the oldest record not applied",
                &["lane"],
            )?,
            applied_seq: t.gauges("davy_applied_seq", "newest record applied to the database", &["lane"])?,
            projection_rejected: t
                .counter("davy_projection_rejected_total", "effects the database refuses for ever")?,
            component_up: t.float_gauges(
                "davy_component_up",
                "1 up, 0.5 catching up, 0 down or refused",
                &["component"],
            )?,
            stream_clients: t.gauge("davy_stream_clients", "event streams open")?,
            stream_dropped: t.counter("davy_stream_dropped_total", "event streams dropped for being too slow")?,
            http_requests: t.counters("davy_http_requests_total", "HTTP requests", &["route", "status"])?,
            http_seconds: t.histogram("davy_http_request_seconds", "time to the head of an answer", HTTP_SECONDS)?,
            history_shed_records: t
                .counter("davy_history_shed_records_total", "records whose readings were given up for want of room")?,
            history_shed_bytes: t
                .counter("davy_history_shed_bytes_total", "bytes of readings given up for want of room")?,
            disk_used_bytes: t.gauge("davy_disk_used_bytes", "bytes of the data directory in use")?,
            disk_quota_bytes: t.float_gauge("davy_disk_quota_bytes", "bytes the data directory may use")?,
            registry,
        })
    }

    /// Counts what one record of so many inputs brought.
    pub fn count(&self, effects: &Effects, inputs: usize) {
        let readings = &effects.readings;
        self.batches.inc();
        self.inputs.inc_by(inputs as u64);
        self.readings_fast.inc_by(readings.fast.len() as u64);
        self.readings_late.inc_by(readings.late.len() as u64);
        self.readings_duplicate.inc_by(u64::from(readings.duplicates));
        for business in &effects.business {
            match business {
                Business::Alarm(change) if change.cause == Cause::Raised => {
                    self.alarms_raised.with_label_values(&[change.alarm.severity.name()]).inc();
                }
                Business::Quarantined(q) => {
                    self.quarantined.with_label_values(&[q.reject.reason.name()]).inc();
                }
                Business::Replayed { readings, .. } => {
                    self.replayed_rows.inc();
                    self.replayed_readings.inc_by(u64::from(*readings));
                }
                _ => {}
            }
        }
    }

    /// So many inputs wait aside because there is no room for them.
    pub fn held(&self, inputs: usize) {
        self.held_inputs.inc_by(inputs as u64);
    }

    /// Items waiting in the inbox after a batch was taken.
    pub fn waiting(&self, items: usize) {
        self.inbox_depth.set(signed(items as u64));
    }

    /// A record is durable; the data directory holds `used` of `limit` bytes.
    pub fn kept(&self, cost: Cost, used: u64, limit: u64) {
        self.journal_bytes.inc_by(cost.bytes);
        self.journal_append_seconds.observe(cost.append_s);
        self.journal_fsync_seconds.observe(cost.sync_s);
        self.disk_used_bytes.set(signed(used));
        self.disk_quota_bytes.set(limit as f64);
    }

    /// How far the wall is ahead of the loop's clock; negative: behind.
    pub fn clock_away(&self, away_us: i64) {
        self.clock_offset.set(away_us as f64 / 1e6);
    }

    /// Readings were given up before the database had them.
    pub fn history_shed(&self, given_up: GivenUp) {
        let GivenUp { span, bytes } = given_up;
        self.history_shed_records.inc_by(span.to_seq.saturating_sub(span.from_seq).saturating_add(1));
        self.history_shed_bytes.inc_by(bytes);
    }

    /// So many effects were set aside since the last time.
    pub fn rejected(&self, effects: u64) {
        self.projection_rejected.inc_by(effects);
    }

    /// One pass of one verb, seconds.
    pub fn verb(&self, verb: Verb, seconds: f64) {
        self.verb_seconds.with_label_values(&[verb.name()]).observe(seconds);
    }

    /// What came between two batches, seconds.
    pub fn housekeeping(&self, seconds: f64) {
        self.housekeeping_seconds.observe(seconds);
    }

    /// The page of `/metrics`, Prometheus text format. What the hub knows is read at this moment.
    pub fn page(&self, hub: &Hub) -> Result<Vec<u8>, prometheus::Error> {
        for (severity, open) in Severity::ALL.into_iter().zip(hub.open_counts()) {
            self.open_alarms.with_label_values(&[severity.name()]).set(signed(open));
        }
        self.coverage.set(hub);
        let counts = hub.ledger(|ledger| ledger.counts());
        for (state, count) in ["lead", "major", "general", "not_founded"].into_iter().zip(counts) {
            self.hazards.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        if let Some(standing) = hub.standing() {
            self.journal_head_seq.set(signed(standing.seq));
        }
        let (received, missing) = hub.gateway_totals();
        self.gateway_messages.set(signed(received));
        self.gateway_missing.set(signed(missing));
        for (component, health) in hub.healths() {
            let up = match health.report.condition {
                Condition::Up => 1.0,
                Condition::CatchingUp => 0.5,
                Condition::Refused | Condition::Down => 0.0,
            };
            self.component_up.with_label_values(&[component.name()]).set(up);
            let lane = match component {
                Component::DatabaseBusiness => "business",
                Component::DatabaseReadings => "readings",
                Component::Engine | Component::Journal | Component::Broker => continue,
            };
            self.applied_seq.with_label_values(&[lane]).set(signed(health.done_seq));
            self.spool_lag_records.with_label_values(&[lane]).set(signed(health.report.lag_records));
            self.spool_lag_seconds.with_label_values(&[lane]).set(health.report.lag_us as f64 / 1e6);
        }
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }
}

/// Logs to standard error: `level` is `error` to `trace`, or a filter such as `info,ingest::store=debug`.
/// A second call in one process is refused.
pub fn start_logging(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).map_err(|e| anyhow::anyhow!("log.level \"{level}\": {e}"))?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_target(false)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|e| anyhow::anyhow!("logging cannot start: {e}"))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the broker's end counts.
fn mqtt_counters(t: &Table<'_>) -> Result<MqttCounters, prometheus::Error> {
    Ok(MqttCounters {
        connected: t.gauge("davy_broker_link", "1 while subscribed at the broker")?,
        disconnects: t.counter("davy_broker_disconnects_total", "connections and attempts to connect that ended")?,
        stalls: t.counter("davy_broker_stalls_total", "connections given up because nothing came any more")?,
        deliveries: t.counter("davy_deliveries_total", "MQTT messages taken from the broker")?,
        delivery_bytes: t.counter("davy_delivery_bytes_total", "payload bytes taken from the broker")?,
        redelivered: t.counter("davy_redelivered_total", "messages the broker may have sent before")?,
        shed: t.counter("davy_shed_total", "QoS 0 messages that found no room")?,
        ignored: t.counter("davy_ignored_total", "messages below our prefix that are not for us")?,
        acks: t.counter("davy_acks_total", "messages acknowledged to the broker")?,
        acks_late: t.counter("davy_acks_late_total", "acknowledgements after the end of their connection")?,
        broker_dropped: t.gauge("davy_broker_dropped_messages", "messages the broker says it dropped")?,
    })
}

/// What the way back to the gateways counts.
fn downlink_counters(t: &Table<'_>) -> Result<DownlinkCounters, prometheus::Error> {
    Ok(DownlinkCounters {
        connected: t.gauge("davy_downlink_link", "1 while the client that talks to gateways is connected")?,
        disconnects: t.counter("davy_downlink_disconnects_total", "its connections and attempts that ended")?,
        receipts: t.counter("davy_downlink_receipts_total", "receipts that the broker took")?,
        warnings: t.counter("davy_downlink_warnings_total", "warnings that the broker took, for each gateway one")?,
        refused: t.counter("davy_downlink_refused_total", "messages to gateways that the broker refused")?,
        dropped: t.counter("davy_downlink_dropped_total", "messages to gateways that found no room")?,
        waiting: t.gauge("davy_downlink_waiting", "messages to gateways that wait")?,
    })
}

/// What the caretaker of the archive counts.
fn care_counters(t: &Table<'_>) -> Result<CareCounters, prometheus::Error> {
    Ok(CareCounters {
        up: t.gauge("davy_care_up", "1 while the archive's caretaker succeeds")?,
        pending_minutes: t.gauge("davy_rollup_pending_minutes", "minutes whose rollup is not right yet")?,
        minutes: t.counter("davy_rollup_minutes_total", "minutes rolled up")?,
        hours: t.counter("davy_rollup_hours_total", "hours rolled up")?,
        dropped: t.counter("davy_retention_dropped_total", "days of readings and months of rollups dropped for age")?,
        compacted: t.counter("davy_compacted_total", "closed days of readings compacted")?,
        tiers: t.gauges("davy_archive_tier", "1 for the tier the database was found to be", &["tier"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::health::Report;
    use crate::hub::tests::{alarm, change, refused};
    use alerting::alarm::AlarmState;
    use alerting::effect::{Columns, StoredReadings};
    use rules::reading::Micros;

    #[test]
    fn a_step_is_counted_by_class_reason_and_severity() {
        let telemetry = Telemetry::new().unwrap();
        let fast = Columns { point: vec![1, 2, 3], ..Columns::default() };
        let late = Columns { point: vec![1], ..Columns::default() };
        let business = vec![refused(b"{"), change(alarm(1, Severity::Red, AlarmState::Unacknowledged))];
        let readings = StoredReadings { fast, late, duplicates: 2 };
        telemetry.count(&Effects { business, readings, ..Effects::default() }, 4);
        telemetry.verb(Verb::Think, 0.015);
        let hub = Hub::new();
        let lag = Report { done_seq: Some(90), lag_records: 10, lag_us: 1_500_000, ..Report::up() };
        hub.report(Component::DatabaseBusiness, lag, Micros(1));
        let page = String::from_utf8(telemetry.page(&hub).unwrap()).unwrap();
        for line in [
            "davy_batches_total 1",
            "davy_inputs_total 4",
            "davy_readings_accepted_total 3",
            "davy_readings_late_total 1",
            "davy_readings_duplicate_total 2",
            "davy_quarantined_total{reason=\"malformed\"} 1",
            "davy_alarms_raised_total{severity=\"red\"} 1",
            "davy_verb_seconds_bucket{verb=\"think\",le=\"0.02\"} 1",
            "davy_verb_seconds_bucket{verb=\"think\",le=\"0.01\"} 0",
            "davy_applied_seq{lane=\"business\"} 90",
            "davy_spool_lag_seconds{lane=\"business\"} 1.5",
            "davy_component_up{component=\"database_business\"} 1",
            "davy_component_up{component=\"broker\"} 0",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
    }
}
