//! Davy's own alarms: what is wrong with it, with what it leans on, or with a rule. One open alarm for each code, and
//! for each rule that fails. Must not know readings. Pure.

use crate::alarm::{Alarm, AlarmChange, Birth, Cause, Object};
use crate::book::{Book, Seat};
use crate::gateway::GatewayKey;
use crate::slot::{Breach, Side};
use rules::bind::ObjectKey;
use rules::reading::{Micros, Severity};
use rules::registry::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The broker's link is down.
pub const BROKER_LINK: &str = "DAVY-BROKER-LINK";
/// Davy was away.
pub const AWAY: &str = "DAVY-AWAY";
/// A gateway's clock is wrong: rules use the receive time, or a shifted clock (domain.md, SY-02).
pub const CLOCK_SKEW: &str = "SY-02";
/// A gateway, or its last will, said that it is offline.
pub const GATEWAY_OFFLINE: &str = "DAVY-GATEWAY-OFFLINE";
/// Enterprises were online too little on the last day that is closed (SY-01).
pub const ONLINE_LOW: &str = "SY-01";
/// More alarms than anybody can follow (SY-03).
pub const FLOOD: &str = "SY-03";
/// An alarm comes and goes (SY-04).
pub const CHATTER: &str = "SY-04";
/// An alarm stands for more than a day (SY-05).
pub const STALE: &str = "SY-05";
/// A rule could not be evaluated.
pub const RULE_ERROR: &str = "DAVY-RULE-ERROR";
/// A record of the journal could not be digested.
pub const SKIPPED: &str = "DAVY-SKIPPED";

/// The rules of the field that are judged here and in the fold, instead of in packs (domain.md 2.D).
pub const NATIVE_RULES: [&str; 5] = [ONLINE_LOW, CLOCK_SKEW, FLOOD, CHATTER, STALE];

/// The open system alarms. Each is in breach while its cause lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Systems {
    pub(crate) codes: BTreeMap<String, Alarm>,
    /// By rule id.
    pub(crate) rule_errors: BTreeMap<String, RuleError>,
}

/// A rule that fails, and the object on which it failed first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleError {
    pub alarm: Alarm,
    pub object: ObjectKey,
}

/// How a rule fails on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    Once,
    /// So often in a row that it is out of service there.
    Out,
}

/// What is to be said of a system alarm that stands.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    pub code: &'a str,
    /// Of whom, where there are several of a kind.
    pub gateway: Option<&'a GatewayKey>,
    pub severity: Severity,
    pub detail: &'a str,
    pub at: Micros,
}

impl Notice<'_> {
    /// By what its alarm is found again: one stands for each code, or for each code and gateway.
    fn key(&self) -> String {
        key(self.code, self.gateway)
    }
}

/// Whether the alarms of a code are each of one gateway.
#[must_use]
pub fn is_of_gateways(code: &str) -> bool {
    code == CLOCK_SKEW || code == GATEWAY_OFFLINE
}

/// By what a system alarm is found again.
#[must_use]
pub fn key_of_system(alarm: &Alarm) -> String {
    match (&alarm.object.enterprise, &alarm.object.equipment) {
        (Some(enterprise), Some(gateway)) if is_of_gateways(&alarm.rule) => {
            key(&alarm.rule, Some(&GatewayKey { enterprise: enterprise.clone(), gateway: gateway.clone() }))
        }
        _ => alarm.rule.clone(),
    }
}

fn key(code: &str, gateway: Option<&GatewayKey>) -> String {
    match gateway {
        None => code.to_owned(),
        Some(GatewayKey { enterprise, gateway }) => format!("{code} {enterprise}/{gateway}"),
    }
}

impl Systems {
    /// The cause is there: raises the code's alarm, or keeps it in breach.
    pub fn raise(&mut self, notice: &Notice<'_>, book: &mut Book) {
        let key = notice.key();
        let change = match self.codes.get_mut(&key) {
            Some(alarm) => again(alarm, notice),
            None => {
                let (alarm, change) = born(notice, book);
                self.codes.insert(key.clone(), alarm);
                Some(change)
            }
        };
        if let Some(change) = change {
            book.enter(change, Seat::System(key));
        }
    }

    /// The cause is gone for one gateway.
    pub fn clear_of(&mut self, code: &str, gateway: &GatewayKey, at: Micros, book: &mut Book) {
        self.clear(&key(code, Some(gateway)), at, book);
    }

    /// The cause is gone. Nothing if the alarm of that key is not in breach.
    pub fn clear(&mut self, code: &str, at: Micros, book: &mut Book) {
        let Some(alarm) = self.codes.get_mut(code).filter(|alarm| alarm.state.is_in_breach()) else { return };
        let change = alarm.give_back(at, None);
        if !alarm.state.is_open() {
            self.codes.remove(code);
        }
        book.enter(change, Seat::System(code.to_owned()));
    }

    /// A rule failed on an object. One alarm a rule, whatever the number of its points: while it stands, it names those
    /// where the rule went out of service, and else only the first.
    pub fn rule_failed(
        &mut self,
        (rule, object): (&str, &ObjectKey),
        failing: Failing,
        notice: &Notice<'_>,
        book: &mut Book,
    ) {
        let change = match self.rule_errors.get_mut(rule) {
            Some(known) if known.alarm.state.is_in_breach() => {
                if failing == Failing::Once {
                    return;
                }
                known.object = object.clone();
                let is_worse = known.alarm.severity < notice.severity;
                let one_more = Breach::plain(notice.severity, notice.at);
                known.alarm.text = said(notice.detail);
                match is_worse {
                    true => known.alarm.hold(notice.severity, (notice.at, None), Side::Unknown),
                    false => Some(known.alarm.breach_again(&one_more, Side::Unknown, notice.at)),
                }
            }
            Some(known) => {
                known.object = object.clone();
                again(&mut known.alarm, notice)
            }
            None => {
                let (alarm, change) = born(notice, book);
                self.rule_errors.insert(rule.to_owned(), RuleError { alarm, object: object.clone() });
                Some(change)
            }
        };
        if let Some(change) = change {
            book.enter(change, Seat::RuleError(rule.to_owned()));
        }
    }

    /// A rule could be evaluated on an object.
    pub fn rule_worked(&mut self, rule: &str, object: &ObjectKey, at: Micros, book: &mut Book) {
        let Some(known) = self.rule_errors.get_mut(rule) else { return };
        if known.object != *object || !known.alarm.state.is_in_breach() {
            return;
        }
        let change = known.alarm.give_back(at, None);
        if !known.alarm.state.is_open() {
            self.rule_errors.remove(rule);
        }
        book.enter(change, Seat::RuleError(rule.to_owned()));
    }

    /// Another version of a rule is in force: whatever was wrong with it is to be seen anew.
    pub fn rule_mended(&mut self, rule: &str, at: Micros, book: &mut Book) {
        if let Some(object) = self.rule_errors.get(rule).map(|known| known.object.clone()) {
            self.rule_worked(rule, &object, at, book);
        }
    }

    /// Gateways that are in service no more have nobody left to end their alarms.
    pub fn close_gateways(&mut self, is_there: &dyn Fn(&str, &str) -> bool, at: Micros, book: &mut Book) {
        self.codes.retain(|_, alarm| {
            let (Some(enterprise), Some(gateway)) = (&alarm.object.enterprise, &alarm.object.equipment) else {
                return true;
            };
            let stays = !is_of_gateways(&alarm.rule) || is_there(enterprise, gateway);
            if !stays {
                book.end(alarm.close(Cause::RuleRemoved, at));
            }
            stays
        });
    }

    /// Whether any rule is known to fail: spares the look-up for every reading.
    #[must_use]
    pub fn has_rule_errors(&self) -> bool {
        !self.rule_errors.is_empty()
    }

    /// Every open alarm with its seat.
    pub fn iter(&self) -> impl Iterator<Item = (&Alarm, Seat)> + '_ {
        let codes = self.codes.iter().map(|(code, alarm)| (alarm, Seat::System(code.clone())));
        let errors = self.rule_errors.iter().map(|(rule, known)| (&known.alarm, Seat::RuleError(rule.clone())));
        codes.chain(errors)
    }

    /// Lets a person or recovery touch an alarm; a closed alarm leaves.
    pub fn touch(
        &mut self,
        seat: &Seat,
        book: &mut Book,
        change: impl FnOnce(&mut Alarm) -> Option<AlarmChange>,
    ) -> bool {
        let alarm = match seat {
            Seat::System(code) => self.codes.get_mut(code),
            Seat::RuleError(rule) => self.rule_errors.get_mut(rule).map(|known| &mut known.alarm),
            Seat::Slot(_) => None,
        };
        let Some(change) = alarm.and_then(change) else { return false };
        self.codes.retain(|_, alarm| alarm.state.is_open());
        self.rule_errors.retain(|_, known| known.alarm.state.is_open());
        book.enter(change, seat.clone());
        true
    }
}

fn born(notice: &Notice<'_>, book: &mut Book) -> (Alarm, AlarmChange) {
    let birth = Birth {
        rule: notice.code.to_owned(),
        name: name_of(notice.code),
        object: notice.gateway.map_or_else(Object::default, |gateway| Object {
            enterprise: Some(gateway.enterprise.clone()),
            equipment: Some(gateway.gateway.clone()),
            point: None,
        }),
        limit: None,
        rule_set: String::new(),
        text: said(notice.detail),
    };
    let breach = Breach::plain(notice.severity, notice.at);
    Alarm::raise(book.next_id(), birth, &breach, notice.at)
}

fn again(alarm: &mut Alarm, notice: &Notice<'_>) -> Option<AlarmChange> {
    alarm.text = said(notice.detail);
    if alarm.state.is_in_breach() {
        return alarm.hold(notice.severity, (notice.at, None), Side::Unknown);
    }
    Some(alarm.breach_again(&Breach::plain(notice.severity, notice.at), Side::Unknown, notice.at))
}

fn said(detail: &str) -> Text {
    Text { zh: detail.to_owned(), en: detail.to_owned() }
}

fn name_of(code: &str) -> Text {
    let (zh, en) = match code {
        BROKER_LINK => ("与消息服务器的连接中断", "The link to the broker is down"),
        AWAY => ("本系统曾停止运行", "Davy was away"),
        CLOCK_SKEW => ("设备时钟偏差", "Device clock skew"),
        GATEWAY_OFFLINE => ("网关离线", "Gateway offline"),
        ONLINE_LOW => ("企业在线率不达标", "Enterprise online rate low"),
        FLOOD => ("报警洪泛", "Alarm flood"),
        CHATTER => ("抖动报警", "Chattering alarm"),
        STALE => ("长期报警", "Stale alarm"),
        RULE_ERROR => ("规则无法计算", "A rule cannot be evaluated"),
        SKIPPED => ("一条日志记录被跳过", "A record of the journal was skipped"),
        _ => ("系统故障", "Something is wrong with Davy or with what it leans on"),
    };
    Text { zh: zh.to_owned(), en: en.to_owned() }
}
