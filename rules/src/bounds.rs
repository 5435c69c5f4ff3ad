//! Limits and their ceilings as a pack states them: a limit weaker than its ceiling never stands.
//! Must not know points; the same comparison is used when rules are bound to them. Pure.

use crate::fields::{Faults, Fields};
use crate::near::did_you_mean;
use crate::registry::{LimitName, Limits};

/// The limits of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// The limit shown.
    pub limit: Option<LimitName>,
    pub limits: Limits,
    pub ceiling: Limits,
}

/// Whether `limit` would let more pass than `ceiling` allows.
pub(crate) fn is_weaker(name: LimitName, limit: f64, ceiling: f64) -> bool {
    match name {
        LimitName::H | LimitName::Hh => limit > ceiling,
        LimitName::L | LimitName::Ll => limit < ceiling,
    }
}

/// Reads `limit`, `limits` and `ceiling` of a rule.
pub(crate) fn read(fields: &Fields, faults: &mut Faults) -> Bounds {
    let limits = table(fields, "limits", faults);
    let ceiling = table(fields, "ceiling", faults);
    refuse_disorder(fields, &limits, faults);
    for name in LimitName::ALL {
        let Some(most) = ceiling.get(name) else { continue };
        let at = place(fields, "limits").max(place(fields, "ceiling"));
        let name_of = name.name();
        match limits.get(name) {
            Some(limit) if is_weaker(name, limit, most) => {
                let at = place(fields, "limits");
                let problem = format!("limits.{name_of} = {limit} is weaker than ceiling.{name_of} = {most}");
                faults.at(at, problem, format!("set limits.{name_of} to {most} or stricter"));
            }
            Some(_) => {}
            // Otherwise a point without a limit of its own would go unwatched, which is weaker than any limit.
            None => {
                let problem = format!("ceiling.{name_of} is given without limits.{name_of}");
                faults.at(at, problem, format!("add `limits = {{ {name_of} = {most:?} }}` or a stricter value"));
            }
        }
    }
    Bounds { limit: shown(fields, faults), limits, ceiling }
}

fn shown(fields: &Fields, faults: &mut Faults) -> Option<LimitName> {
    let text = fields.str("limit", faults)?;
    let named = LimitName::ALL.into_iter().find(|name| name.name() == text.value);
    if named.is_none() {
        let problem = format!("`limit` is \"{}\", which is no limit", text.value);
        faults.at(text.offset, problem, "use \"ll\", \"l\", \"h\" or \"hh\"");
    }
    named
}

fn table(fields: &Fields, key: &str, faults: &mut Faults) -> Limits {
    let mut limits = Limits::default();
    let Some(inner) = fields.table(key, faults) else { return limits };
    let known = LimitName::ALL.map(LimitName::name);
    for key_at in inner.keys().filter(|key_at| !known.contains(&key_at.value)) {
        let near = did_you_mean(key_at.value, known);
        faults.at(key_at.offset, format!("unknown limit `{}`{near}", key_at.value), "use ll, l, h and hh");
    }
    for name in LimitName::ALL {
        limits.set(name, inner.number(name.name(), faults).map(|number| number.value));
    }
    limits
}

/// `ll <= l <= h <= hh`, as far as they are given.
fn refuse_disorder(fields: &Fields, limits: &Limits, faults: &mut Faults) {
    let given: Vec<(LimitName, f64)> =
        LimitName::ALL.into_iter().filter_map(|name| limits.get(name).map(|limit| (name, limit))).collect();
    for pair in given.windows(2) {
        let &[(low, below), (high, above)] = pair else { continue };
        if below > above {
            let problem = format!("limits.{} = {below} lies above limits.{} = {above}", low.name(), high.name());
            faults.at(place(fields, "limits"), problem, "order them: ll, l, h, hh");
        }
    }
}

fn place(fields: &Fields, key: &str) -> usize {
    fields.get(key).map_or(fields.start, |value| value.span().start)
}
