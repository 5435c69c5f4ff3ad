//! `davy seed`: checks the district's data and says what it holds. I/O.

use super::{ConfigArg, bad_input};
use crate::seeds;
use clap::Args;
use rules::registry::Registry;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SeedArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = match seeds::load(&config.district.seeds) {
        Ok(registry) => registry,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            eprintln!("{} errors in {}", errors.len(), config.district.seeds.display());
            return Ok(bad_input());
        }
    };
    let version = blake3::hash(&seeds::canonical(&registry)).to_hex().to_string();
    let count = Count::of(&registry);
    if args.json {
        let body = json!({
            "version": version, "enterprises": count.enterprises, "gateways": count.gateways,
            "equipment": count.equipment, "points": count.points, "samples_per_s": count.samples_per_s,
        });
        println!("{}", serde_json::to_string_pretty(&body)?);
    } else {
        println!("{} {}", registry.district.name.zh, registry.district.name.en);
        println!(
            "  {} enterprises, {} gateways, {} pieces of equipment",
            count.enterprises, count.gateways, count.equipment
        );
        println!("  {} points, {:.0} samples/s at their own periods", count.points, count.samples_per_s);
        println!("  version {version}");
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Default)]
struct Count {
    enterprises: usize,
    gateways: usize,
    equipment: usize,
    points: usize,
    samples_per_s: f64,
}

impl Count {
    fn of(registry: &Registry) -> Count {
        let mut count = Count { enterprises: registry.enterprises.len(), ..Count::default() };
        for enterprise in &registry.enterprises {
            count.gateways = count.gateways.saturating_add(enterprise.gateways.len());
            count.equipment = count.equipment.saturating_add(enterprise.equipment.len());
            for point in enterprise.equipment.iter().flat_map(|e| &e.points) {
                count.points = count.points.saturating_add(1);
                count.samples_per_s += point.period_s.map_or(0.0, |s| 1.0 / f64::from(s.max(1)));
            }
        }
        count
    }
}
