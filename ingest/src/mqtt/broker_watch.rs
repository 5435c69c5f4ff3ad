//! What the broker lost: messages it dropped, a session it forgot. Remembers across restarts what it saw last, so that
//! losses during our absence are noticed too. Must not know connections. I/O for the memo, else pure.

use alerting::input::SystemFault;
use chrono::{DateTime, FixedOffset};
use rules::reading::{Micros, SECOND_US, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

pub const BROKER_DROPPED: &str = "DAVY-BROKER-DROPPED";
pub const BROKER_SESSION_LOST: &str = "DAVY-BROKER-SESSION-LOST";
pub const BROKER_REFUSED: &str = "DAVY-BROKER-REFUSED";

/// A loss is an event, not a state: its alarm may return when so long nothing more was lost.
const QUIET_US: i64 = 600 * SECOND_US;

pub struct BrokerWatch {
    path: Option<PathBuf>,
    memo: Memo,
    saved: Memo,
    /// Losses whose alarm has not been let go yet.
    open: BTreeMap<&'static str, Loss>,
}

/// What was last seen of the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memo {
    /// The broker has a session of ours.
    session: bool,
    /// Its count of dropped messages.
    dropped: Option<u64>,
    /// When all was known to be well last.
    at: Micros,
}

/// One loss that is still being shown.
struct Loss {
    /// The last time before it at which all was well; the alarm's span grows from here.
    from: Micros,
    last: Micros,
    messages: u64,
}

/// The broker refuses to give us our topics (`Some`: its reason), or gives them (`None`).
#[must_use]
pub fn subscription(refused: Option<&str>) -> SystemFault {
    let detail = match refused {
        Some(reason) => format!("the broker refuses the subscription to davy/#: {reason}"),
        None => "the broker gives us davy/#".to_owned(),
    };
    SystemFault { code: BROKER_REFUSED.to_owned(), severity: Severity::Red, active: refused.is_some(), detail }
}

impl BrokerWatch {
    /// Reads the memo at `path`, if there is one that can be read.
    #[must_use]
    pub fn open(path: Option<PathBuf>, now: Micros) -> BrokerWatch {
        let memo = path.as_ref().and_then(|path| match fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Memo>(&bytes)
                .inspect_err(|error| tracing::warn!(%error, "memo of the broker not readable, starting afresh"))
                .ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, "memo of the broker not readable, starting afresh");
                None
            }
        });
        let memo = memo.unwrap_or(Memo { at: now, ..Memo::default() });
        // Alarms of an earlier run may still stand; after a quiet while they may return like those of this run.
        let open = [BROKER_DROPPED, BROKER_SESSION_LOST]
            .map(|code| (code, Loss { from: memo.at, last: now, messages: 0 }))
            .into();
        BrokerWatch { path, saved: memo.clone(), memo, open }
    }

    /// The broker let us in, and says whether it still had our session.
    pub fn connected(&mut self, session_present: bool, now: Micros) -> Option<SystemFault> {
        let lost = self.memo.session && !session_present;
        self.memo.session = session_present;
        lost.then(|| {
            let from = self.extend(BROKER_SESSION_LOST, 0, now).from;
            let span = span(from, now);
            fault(BROKER_SESSION_LOST, format!("the broker forgot our session; what gateways sent {span} may be lost"))
        })
    }

    /// The broker confirmed the subscription: from now on it keeps our messages.
    pub fn subscribed(&mut self) {
        self.memo.session = true;
        self.save();
    }

    /// The broker's count of messages it has dropped since it started.
    pub fn dropped(&mut self, total: u64, now: Micros) -> Option<SystemFault> {
        let risen = match self.memo.dropped {
            None => 0,
            Some(before) if total >= before => total.saturating_sub(before),
            // It was restarted and counts anew.
            Some(_) => total,
        };
        self.memo.dropped = Some(total);
        let fault = (risen > 0).then(|| {
            let loss = self.extend(BROKER_DROPPED, risen, now);
            let (messages, from) = (loss.messages, loss.from);
            let plural = if messages == 1 { "" } else { "s" };
            fault(BROKER_DROPPED, format!("the broker dropped {messages} message{plural} {}", span(from, now)))
        });
        self.memo.at = now;
        self.save();
        fault
    }

    /// Time has passed, with the link up or not. Lets alarms return after a quiet while.
    pub fn tick(&mut self, now: Micros, link_up: bool) -> Vec<SystemFault> {
        if link_up {
            self.memo.at = now;
        }
        let is_quiet = |loss: &Loss| now.since(loss.last) >= QUIET_US;
        let over = |code: &str| SystemFault { active: false, ..fault(code, "nothing more was lost".to_owned()) };
        let quiet = self.open.iter().filter(|(_, loss)| is_quiet(loss)).map(|(code, _)| over(code)).collect();
        self.open.retain(|_, loss| !is_quiet(loss));
        quiet
    }

    /// Writes the memo, if it has changed.
    pub fn save(&mut self) {
        let Some(path) = &self.path else { return };
        if self.memo == self.saved {
            return;
        }
        let temporary = path.with_extension("tmp");
        let written = serde_json::to_vec(&self.memo)
            .map_err(io::Error::other)
            .and_then(|bytes| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, path));
        // Not worth more than a word: the memo only widens what we notice.
        match written {
            Ok(()) => self.saved = self.memo.clone(),
            Err(error) => tracing::warn!(%error, "memo of the broker not written"),
        }
    }

    fn extend(&mut self, code: &'static str, messages: u64, now: Micros) -> &Loss {
        let from = self.memo.at;
        let loss = self.open.entry(code).or_insert(Loss { from, last: now, messages: 0 });
        if loss.messages == 0 {
            loss.from = from;
        }
        loss.messages = loss.messages.saturating_add(messages);
        loss.last = now;
        loss
    }
}

fn fault(code: &str, detail: String) -> SystemFault {
    SystemFault { code: code.to_owned(), severity: Severity::Red, active: true, detail }
}

/// "between 2025-11-24 08:00:00 and 2025-11-24 08:00:10", in local time.
fn span(from: Micros, to: Micros) -> String {
    format!("between {} and {}", local(from), local(to))
}

fn local(at: Micros) -> String {
    const SHANGHAI_S: i32 = 8 * 3_600;
    match (DateTime::from_timestamp_micros(at.0), FixedOffset::east_opt(SHANGHAI_S)) {
        (Some(utc), Some(zone)) => utc.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        _ => format!("{} us", at.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Micros = Micros(1_763_942_400_000_000);

    fn after(seconds: i64) -> Micros {
        T0.plus(seconds * SECOND_US)
    }

    #[test]
    fn a_rise_is_named_with_its_span_and_grows_until_it_is_quiet() {
        let mut watch = BrokerWatch::open(None, T0);
        assert_eq!(watch.dropped(40, after(1)), None, "what was dropped before us is not our loss");
        assert_eq!(watch.dropped(40, after(10)), None);
        let first = watch.dropped(43, after(20)).unwrap();
        assert_eq!(first.severity, Severity::Red);
        assert_eq!(first.detail, "the broker dropped 3 messages between 2025-11-24 08:00:10 and 2025-11-24 08:00:20");
        let more = watch.dropped(44, after(30)).unwrap();
        assert_eq!(more.detail, "the broker dropped 4 messages between 2025-11-24 08:00:10 and 2025-11-24 08:00:30");
        assert!(watch.tick(after(600), true).iter().all(|fault| fault.code != BROKER_DROPPED));
        let over = watch.tick(after(630), true);
        assert!(over.iter().any(|fault| fault.code == BROKER_DROPPED && !fault.active));
        // A broker that restarted counts from nothing.
        assert_eq!(watch.dropped(0, after(700)), None);
        assert!(watch.dropped(1, after(710)).unwrap().detail.contains("1 message between 2025-11-24 08:11:40"));
    }

    #[test]
    fn losses_during_our_absence_are_noticed() {
        let dir = std::env::temp_dir().join(format!("davy-broker-watch-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("broker.json");
        let mut watch = BrokerWatch::open(Some(path.clone()), T0);
        assert_eq!(watch.connected(false, T0), None, "the first session is new to both");
        watch.subscribed();
        assert_eq!(watch.dropped(5, after(1)), None);
        let mut watch = BrokerWatch::open(Some(path.clone()), after(1_000));
        assert!(watch.connected(false, after(1_000)).unwrap().detail.contains("08:00:01 and 2025-11-24 08:16:40"));
        watch.subscribed();
        assert!(watch.dropped(7, after(1_001)).unwrap().detail.contains("dropped 2 messages"));
        fs::write(&path, "not json").unwrap();
        assert_eq!(BrokerWatch::open(Some(path), T0).memo, Memo { at: T0, ..Memo::default() });
        fs::remove_dir_all(dir).unwrap();
    }
}
