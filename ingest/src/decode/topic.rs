//! The topics of the MQTT contract: `davy/v1/{enterprise}/{gateway}/{format}`, and whatever a ThingsBoard client knows
//! below the format `tb`. Must not know registries. Pure.

/// Everything that Davy subscribes to.
pub const FILTER: &str = "davy/#";
/// Our own JSON.
pub const FORMAT_JSON: &str = "json";
/// ThingsBoard's JSON. The only format with topics of its own below it: its clients publish to fixed ones, and the
/// broker's `mount_point` puts ours in front.
pub const FORMAT_TB: &str = "tb";
/// Gateway status, by last will.
pub const FORMAT_STATUS: &str = "status";
/// How far a gateway may trim its buffer; said by Davy.
pub const RECEIPT: &str = "receipt";
/// The alarms of a gateway's enterprise; said by Davy.
pub const WARNING: &str = "warning";
/// What Davy itself says to gateways.
const OUTGOING: [&str; 2] = [RECEIPT, WARNING];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    Gateway {
        enterprise: &'a str,
        gateway: &'a str,
        format: &'a str,
        /// What follows the format, without its slash; nothing but below `tb`.
        below: &'a str,
    },
    /// On its way to a gateway: not for us, though we see it.
    Outgoing,
    Foreign,
}

/// Where a topic belongs. Whether the names in it are known is not asked here.
#[must_use]
pub fn parse(topic: &str) -> Topic<'_> {
    // The sixth part is all that follows the format, with its slashes.
    let mut parts = topic.splitn(6, '/');
    let mut level = || parts.next().filter(|level| !level.is_empty());
    let (Some("davy"), Some("v1"), Some(enterprise), Some(gateway), Some(format)) =
        (level(), level(), level(), level(), level())
    else {
        return Topic::Foreign;
    };
    match parts.next() {
        None if OUTGOING.contains(&format) => Topic::Outgoing,
        None => Topic::Gateway { enterprise, gateway, format, below: "" },
        Some(below) if format == FORMAT_TB && below.split('/').all(|level| !level.is_empty()) => {
            Topic::Gateway { enterprise, gateway, format, below }
        }
        Some(_) => Topic::Foreign,
    }
}

/// The topic of a gateway, for one format or for what Davy says to it.
#[must_use]
pub fn of_gateway(enterprise: &str, gateway: &str, format: &str) -> String {
    format!("davy/v1/{enterprise}/{gateway}/{format}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_five_levels_with_names_are_ours() {
        let ours = Topic::Gateway { enterprise: "hc-001", gateway: "gw-1", format: "json", below: "" };
        assert_eq!(parse(&of_gateway("hc-001", "gw-1", FORMAT_JSON)), ours);
        assert_eq!(parse("davy/v1/hc-001/gw-1/receipt"), Topic::Outgoing);
        assert_eq!(parse("davy/v1/hc-001/gw-1/warning"), Topic::Outgoing);
        for foreign in
            ["", "davy", "davy/v1/a/b", "davy/v1/a/b/json/x", "davy/v1/a/b/", "davy/v1//b/json", "davy/v2/a/b/json"]
        {
            assert_eq!(parse(foreign), Topic::Foreign, "{foreign}");
        }
    }

    #[test]
    fn thingsboard_has_topics_below_its_own() {
        let ours = |below| Topic::Gateway { enterprise: "a", gateway: "b", format: "tb", below };
        assert_eq!(parse("davy/v1/a/b/tb"), ours(""));
        assert_eq!(parse("davy/v1/a/b/tb/v1/gateway/telemetry"), ours("v1/gateway/telemetry"));
        for foreign in ["davy/v1/a/b/tb/", "davy/v1/a/b/tb//x", "davy/v1/a/b/tb/x/", "davy/v1/a/b/status/tb"] {
            assert_eq!(parse(foreign), Topic::Foreign, "{foreign}");
        }
    }
}
