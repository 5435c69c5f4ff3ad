//! Gateway status: `online` or `offline`, bare or as `{"status":"online"}`. A gateway says the one when it connects and
//! leaves the other as its last will. Must not know what becomes of it. Pure.

use super::Whole;
use alerting::gateway::GatewayStatus;
use alerting::input::Reason;
use serde::Deserialize;
use std::borrow::Cow;

/// Fields may grow; an older Davy reads past them.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
}

pub fn read(payload: &[u8]) -> Result<GatewayStatus, Whole> {
    let text = std::str::from_utf8(payload).map_err(|_| malformed("it is not text"))?.trim();
    // An array would be read as the fields in their order.
    let wrapped = || serde_json::from_str::<Wrapped<'_>>(text).ok().filter(|_| text.starts_with('{'));
    word(text).or_else(|| word(&wrapped()?.status)).ok_or_else(|| malformed("expected online or offline"))
}

fn word(word: &str) -> Option<GatewayStatus> {
    match word {
        "online" => Some(GatewayStatus::Online),
        "offline" => Some(GatewayStatus::Offline),
        _ => None,
    }
}

fn malformed(problem: &str) -> Whole {
    (Reason::Malformed, format!("not the status of a gateway: {problem}"))
}
