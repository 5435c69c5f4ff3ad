//! What the meters of an enterprise show of the loads it has declared: its incomer draws them, its circuits their parts,
//! and who does not produce draws no more than at rest. Pure.

use rules::registry::{Enterprise, Equipment, Point, Status};

/// Amperes a kilowatt of a three-phase load at 400 V and a power factor of 0.95.
const AMPERES_A_KW: f64 = 1.52;

/// What the point shows of it; `None` where it shows no load, or none was declared.
pub fn shown(enterprise: &Enterprise, equipment: &Equipment, point: &Point) -> Option<f64> {
    let declared = enterprise.declared?;
    let role = equipment.circuit_role.as_deref()?;
    let is_producing = enterprise.status == Status::Producing;
    let whole = match enterprise.status {
        Status::Producing => declared.production_kw,
        Status::Stopped | Status::OrderedToStop | Status::Disused => declared.idle_kw,
        Status::Closed | Status::Banned => 0.0,
    };
    let part = match role {
        "general" => 1.0,
        "production" if is_producing => 0.75,
        "dust_removal" | "ventilation" | "env_protection" if is_producing => 0.08,
        "dcs_ups" if is_producing => 0.02,
        _ => 0.0,
    };
    match point.tag.as_str() {
        "pwr.p" | "pwr.demand" | "pwr.e_imp" => Some(whole * part),
        "pwr.i_a" | "pwr.i_b" | "pwr.i_c" => Some(whole * part * AMPERES_A_KW),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::tests::district;

    #[test]
    fn who_stands_still_draws_what_he_said_and_who_is_closed_draws_nothing() {
        let registry = district();
        for enterprise in registry.enterprises.iter().filter(|enterprise| enterprise.declared.is_some()) {
            let declared = enterprise.declared.unwrap();
            for equipment in &enterprise.equipment {
                for point in equipment.points.iter().filter(|point| point.tag == "pwr.p") {
                    let load = shown(enterprise, equipment, point).unwrap();
                    let most = match enterprise.status {
                        Status::Producing => declared.production_kw,
                        Status::Closed | Status::Banned => 0.0,
                        _ => declared.idle_kw,
                    };
                    assert!((0.0..=most).contains(&load), "{} {}: {load}", enterprise.id, point.id);
                    assert!(equipment.rated_kw.is_none_or(|rated| load * 1.1 < rated), "{}: {load}", enterprise.id);
                }
            }
        }
    }
}
