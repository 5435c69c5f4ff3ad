//! How the parts of Davy are: each says so itself, everybody else reads. Must not know what a part does. Logs changes.
//! Pure but for the log.

use rules::reading::Micros;
use std::collections::BTreeMap;

/// The parts that can be away one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    Engine,
    Journal,
    Broker,
    /// Projection of alarms, quarantine and names.
    DatabaseBusiness,
    /// Projection of readings.
    DatabaseReadings,
}

impl Component {
    pub const ALL: [Component; 5] = [
        Component::Engine,
        Component::Journal,
        Component::Broker,
        Component::DatabaseBusiness,
        Component::DatabaseReadings,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Component::Engine => "engine",
            Component::Journal => "journal",
            Component::Broker => "broker",
            Component::DatabaseBusiness => "database_business",
            Component::DatabaseReadings => "database_readings",
        }
    }

    /// Without it readings are not accepted or not judged. The database is not among them: that is the promise.
    #[must_use]
    pub fn needed(self) -> bool {
        matches!(self, Component::Engine | Component::Journal | Component::Broker)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Up,
    /// Works, but behind: a backlog is being drained (broker, database) or the journal replayed (engine).
    CatchingUp,
    /// Stands by its own decision until a person mends it; the detail names the refusal.
    Refused,
    Down,
}

impl Condition {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Condition::Up => "up",
            Condition::CatchingUp => "catching-up",
            Condition::Refused => "refused",
            Condition::Down => "down",
        }
    }
}

/// What a component says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub condition: Condition,
    /// For people; never secret; may be empty.
    pub detail: String,
    /// The newest record it has done, where that is news: projected (lanes), replayed (engine).
    pub done_seq: Option<u64>,
    /// How many records it is behind the journal (lanes) or behind the end of the replay (engine).
    pub lag_records: u64,
    /// How old the oldest thing not done yet is, microseconds.
    pub lag_us: i64,
}

impl Report {
    #[must_use]
    pub fn up() -> Report {
        Report { condition: Condition::Up, detail: String::new(), done_seq: None, lag_records: 0, lag_us: 0 }
    }

    #[must_use]
    pub fn down(detail: impl Into<String>) -> Report {
        Report { condition: Condition::Down, detail: detail.into(), ..Report::up() }
    }
}

/// The last report, and what is remembered of those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub report: Report,
    /// The newest record it ever said it had done; 0 at first.
    pub done_seq: u64,
    /// `None` while it has not said anything yet.
    pub since: Option<Micros>,
}

#[derive(Debug, Default)]
pub struct Healths(BTreeMap<Component, Health>);

impl Healths {
    pub fn report(&mut self, component: Component, report: Report, now: Micros) {
        let before = self.0.get(&component).map(|h| (h.report.condition, h.since));
        let since = match before {
            Some((condition, since)) if condition == report.condition => since,
            _ => {
                tracing::info!(
                    component = component.name(),
                    from = before.map_or("unknown", |b| b.0.name()),
                    to = report.condition.name(),
                    detail = report.detail,
                    "component changed"
                );
                Some(now)
            }
        };
        let done_seq = report.done_seq.unwrap_or(self.done_seq(component));
        self.0.insert(component, Health { report, done_seq, since });
    }

    /// The newest record `component` has done; 0 while nobody knows.
    #[must_use]
    pub fn done_seq(&self, component: Component) -> u64 {
        self.0.get(&component).map_or(0, |h| h.done_seq)
    }

    /// It works, and nothing waits for it.
    #[must_use]
    pub fn is_up(&self, component: Component) -> bool {
        self.0.get(&component).is_some_and(|h| h.report.condition == Condition::Up && h.report.lag_records == 0)
    }

    /// Every component; one that has said nothing yet is down.
    #[must_use]
    pub fn all(&self) -> Vec<(Component, Health)> {
        let silent = || Health { report: Report::down("has not reported yet"), done_seq: 0, since: None };
        Component::ALL.into_iter().map(|c| (c, self.0.get(&c).cloned().unwrap_or_else(silent))).collect()
    }

    pub fn ready(&self) -> Result<(), Vec<Component>> {
        let in_the_way: Vec<Component> = Component::ALL.into_iter().filter(|c| c.needed() && !self.works(*c)).collect();
        if in_the_way.is_empty() { Ok(()) } else { Err(in_the_way) }
    }

    /// A broker that drains its backlog delivers; an engine that replays the journal does not judge yet.
    fn works(&self, component: Component) -> bool {
        match self.0.get(&component).map(|h| h.report.condition) {
            Some(Condition::Up) => true,
            Some(Condition::CatchingUp) => component != Component::Engine,
            Some(Condition::Refused | Condition::Down) | None => false,
        }
    }
}
