//! Rule packs: TOML text to checked rules, with every mistake of every pack told at once.
//! Must not know points or state. Pure.

use crate::bounds;
use crate::conditions::{self, Setting};
use crate::fields::{At, Faults, Fields};
use crate::near::did_you_mean;
use crate::reading::Severity;
use crate::rule::{Per, Rule, TagOverride};
use crate::sandbox;
use crate::set::{LoadError, Source, Vocabulary};
use crate::words::{self, check_event, check_slot, check_usual};
use crate::written::written;
use rhai::Engine;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use toml::de::DeTable;

const RULE_KEYS: [&str; 27] = [
    "id",
    "sector",
    "on",
    "name",
    "when",
    "clear",
    "delay_on",
    "delay_off",
    "latch",
    "severity",
    "severity_max",
    "per",
    "limit",
    "count_on",
    "count_off",
    "limits",
    "ceiling",
    "suppress",
    "action",
    "basis",
    "lead",
    "by_tag",
    "rise",
    "event",
    "slot",
    "only",
    "times",
];
/// A pack is written by hand; more is a file of another kind.
const PACK_MAX: usize = 1 << 20;
/// More readings than this are no count but a delay.
const COUNT_MAX: u32 = 1_000;
/// Ids stand in topics, file names and on the page.
const ID_MAX: usize = 32;

/// Loads all packs; the rules are in the order in which they were written.
pub(crate) fn load(sources: &[Source], known: &Vocabulary) -> Result<Vec<Rule>, Vec<LoadError>> {
    let mut loader = Loader {
        engine: Arc::new(sandbox::engine()),
        known,
        places: BTreeMap::new(),
        rules: Vec::new(),
        errors: Vec::new(),
    };
    for source in sources {
        loader.pack(source);
    }
    if loader.errors.is_empty() { Ok(loader.rules) } else { Err(loader.errors) }
}

struct Loader<'a> {
    engine: Arc<Engine>,
    known: &'a Vocabulary,
    /// Where each rule id was first seen.
    places: BTreeMap<String, String>,
    rules: Vec<Rule>,
    errors: Vec<LoadError>,
}

/// Which readings a rule looks at, and on what its alarm stands.
struct Watch {
    sector: Option<String>,
    on: Vec<String>,
    per: Per,
}

struct Grades {
    severity: Severity,
    severity_max: Severity,
    by_tag: BTreeMap<String, TagOverride>,
}

impl Loader<'_> {
    fn pack(&mut self, source: &Source) {
        let mut faults = Faults::new(source);
        self.parse(source, &mut faults);
        faults.list.sort_by_key(|error| error.line);
        self.errors.append(&mut faults.list);
    }

    fn parse(&mut self, source: &Source, faults: &mut Faults) {
        if source.text.len() > PACK_MAX {
            let problem = format!("the pack has {} bytes, of at most {PACK_MAX}", source.text.len());
            return faults.at(0, problem, "split it into several packs");
        }
        // The text comes from people: a parser that gives up must not take the process with it.
        let parsed = catch_unwind(AssertUnwindSafe(|| DeTable::parse_recoverable(&source.text)));
        let Ok((table, errors)) = parsed else {
            return faults.at(0, "the TOML parser gave up", "check that the file is a rule pack");
        };
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            faults.at(offset, format!("not TOML: {}", error.message()), "mend the syntax here; see https://toml.io");
        }
        // What a recovering parser makes of the rest would only give echoes of the same mistake.
        if !errors.is_empty() {
            return;
        }
        let fields = Fields::new(table.get_ref(), 0);
        fields.refuse_unknown(&["rule"], faults);
        for table in fields.tables("rule", faults) {
            faults.rule = None;
            if let Some(rule) = self.rule(&table, faults) {
                self.rules.push(rule);
            }
        }
    }

    /// One `[[rule]]`; `None` if anything in it is wrong, which has been noted then.
    fn rule(&mut self, fields: &Fields, faults: &mut Faults) -> Option<Rule> {
        let before = faults.list.len();
        let id = self.id(fields, faults);
        fields.refuse_unknown(&RULE_KEYS, faults);
        let (name, action) = (fields.text("name", faults), fields.text("action", faults));
        let basis = fields.strs("basis", faults).map(|list| list.value).unwrap_or_default();
        let watch = self.watch(fields, faults);
        let bounds = bounds::read(fields, faults);
        self.check_units(fields, &watch, faults);
        let grades = grades(fields, &watch, self.known, faults);
        let (count_on, count_off) =
            (fields.count("count_on", COUNT_MAX, 1, faults), fields.count("count_off", COUNT_MAX, 1, faults));
        let delay_on_us = fields.span_us("delay_on", faults).unwrap_or(0);
        let delay_off_us = fields.span_us("delay_off", faults).unwrap_or(0);
        let words = words::read(fields, (grades.severity, grades.severity_max), faults);
        if words.event {
            check_event(fields, (delay_on_us, delay_off_us), &grades.by_tag, faults);
        }
        let setting = Setting {
            engine: &self.engine,
            known: self.known,
            per: watch.per,
            limits: &bounds.limits,
            severity_max: grades.severity_max,
        };
        let conditions = conditions::read(fields, &setting, faults)?;
        check_slot(fields, &words, (watch.per, &conditions), faults);
        check_usual(fields, &words, &conditions, faults);
        (faults.list.len() == before).then(|| Rule {
            id,
            sector: watch.sector,
            name,
            on: watch.on,
            kind: conditions.kind,
            per: watch.per,
            limit: bounds.limit,
            count_on,
            count_off,
            delay_on_us,
            delay_off_us,
            only: words.only,
            times: words.times,
            rise: words.rise,
            event: words.event,
            latch: words.latch,
            slot_us: words.slot_us,
            suppress: words.suppress,
            lead: words.lead,
            severity: grades.severity,
            severity_max: grades.severity_max,
            limits: bounds.limits,
            ceiling: bounds.ceiling,
            by_tag: grades.by_tag,
            action,
            basis: basis.into_iter().map(|text| text.value.to_owned()).collect(),
            when: conditions.when,
            clear: conditions.clear,
            written: written(fields),
        })
    }

    /// The id, from here on named in every mistake of the rule; empty if there is none.
    fn id(&mut self, fields: &Fields, faults: &mut Faults) -> String {
        if !fields.has("id") {
            fields.missing("id", "id = \"HC-11\"", faults);
        }
        let Some(At { value: id, offset }) = fields.str("id", faults) else { return String::new() };
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if id.is_empty() || id.len() > ID_MAX || !id.bytes().all(plain) {
            let problem = format!("`id` is \"{}\", which is no rule id", id.escape_debug());
            faults.at(offset, problem, format!("use up to {ID_MAX} of A-Z, 0-9 and -, as in \"HC-11\""));
            return String::new();
        }
        faults.rule = Some(id.to_owned());
        if id.starts_with("DAVY-") {
            faults.at(offset, "`id` begins with DAVY-, which names Davy's own alarms", "choose another prefix");
        }
        let place = faults.place_of(offset);
        if let Some(first) = self.places.get(id) {
            faults.at(offset, format!("`id` is used already at {first}"), "give every rule an id of its own");
        } else {
            self.places.insert(id.to_owned(), place);
        }
        id.to_owned()
    }

    fn watch(&self, fields: &Fields, faults: &mut Faults) -> Watch {
        let sector = fields.str("sector", faults);
        if let Some(At { value, offset }) = sector
            && !self.known.sectors.contains(value)
        {
            let near = did_you_mean(value, self.known.sectors.iter().map(String::as_str));
            let remedy = "name a sector of the registry, or leave `sector` out for all of them";
            faults.at(offset, format!("unknown sector `{value}`{near}"), remedy);
        }
        let per = match fields.str("per", faults) {
            None => Per::Point,
            Some(At { value: "point", .. }) => Per::Point,
            Some(At { value: "equipment", .. }) => Per::Equipment,
            Some(At { value: "enterprise", .. }) => Per::Enterprise,
            Some(At { value, offset }) => {
                let near = did_you_mean(value, ["point", "equipment", "enterprise"]);
                let remedy = "use \"point\", \"equipment\" or \"enterprise\"";
                faults.at(offset, format!("`per` is \"{value}\", which is no object{near}"), remedy);
                Per::Point
            }
        };
        let sector = sector.map(|sector| sector.value.to_owned());
        Watch { sector, on: self.on(fields, faults), per }
    }

    /// The tag types of `on`; empty for `["*"]`, and empty after a mistake.
    fn on(&self, fields: &Fields, faults: &mut Faults) -> Vec<String> {
        if !fields.has("on") {
            fields.missing("on", "on = [\"gas.lel\"]", faults);
        }
        let Some(list) = fields.strs("on", faults) else { return Vec::new() };
        let words = list.value;
        if words.is_empty() {
            faults.at(list.offset, "`on` is empty", "name the tag types that the rule watches, or [\"*\"] for all");
        }
        if let [At { value: "*", .. }] = words.as_slice() {
            return Vec::new();
        }
        let mut on: Vec<String> = Vec::new();
        for At { value: tag, offset } in words {
            if tag == "*" {
                faults.at(
                    offset,
                    "`on` has \"*\" beside other tag types",
                    "write on = [\"*\"], or name tag types only",
                );
            } else if on.iter().any(|other| other == tag) {
                faults.at(offset, format!("`on` names `{tag}` twice"), "name it once");
            } else if !self.known.tag_types.contains_key(tag) {
                let near = did_you_mean(tag, self.known.tag_types.keys().map(String::as_str));
                let remedy = "name a tag type of the registry, or add it there first";
                faults.at(offset, format!("`on` names an unknown tag type `{tag}`{near}"), remedy);
            } else {
                on.push(tag.to_owned());
            }
        }
        on
    }

    /// A number without a unit is a limit only if all points it is for have the same unit.
    fn check_units(&self, fields: &Fields, watch: &Watch, faults: &mut Faults) {
        let Some(given) = fields.get("limits").or(fields.get("ceiling")) else { return };
        let at = given.span().start;
        let mut units: Vec<&String> = watch.on.iter().filter_map(|tag| self.known.tag_types.get(tag)).collect();
        units.dedup();
        if let [one, other, ..] = units.as_slice() {
            let problem = format!("limits are given for tag types of different units, {one} and {other}");
            faults.at(at, problem, "write one rule for each unit");
        }
        if fields.strs("on", faults).is_some_and(|on| on.value.iter().any(|tag| tag.value == "*")) {
            faults.at(at, "limits are given for all tag types", "name the tag types in `on`, or leave the limits out");
        }
    }
}

fn grades(fields: &Fields, watch: &Watch, known: &Vocabulary, faults: &mut Faults) -> Grades {
    if !fields.has("severity") {
        fields.missing("severity", "severity = \"orange\"", faults);
    }
    let severity = grade(fields, "severity", faults);
    let most = grade(fields, "severity_max", faults);
    let severity_max = most.or(severity).map_or(Severity::Red, |at| at.value);
    if let Some(At { value, offset }) = severity
        && value > severity_max
    {
        let problem = format!("`severity` {} lies above `severity_max` {}", value.name(), severity_max.name());
        faults.at(offset, problem, "raise `severity_max`, or lower `severity`");
    }
    let severity = severity.map_or(Severity::Blue, |at| at.value);
    let mut by_tag = BTreeMap::new();
    if let Some(table) = fields.table("by_tag", faults) {
        if watch.per != Per::Point {
            let remedy = "leave it out, or set `per = \"point\"`";
            faults.at(table.start, "`by_tag` is given for a rule that stands on more than a point", remedy);
        }
        for tag in table.keys() {
            if !known.tag_types.contains_key(tag.value)
                || !(watch.on.is_empty() || watch.on.iter().any(|on| on == tag.value))
            {
                let near = did_you_mean(tag.value, watch.on.iter().map(String::as_str));
                let problem = format!("`by_tag` names `{}`, which is not in `on`{near}", tag.value);
                faults.at(tag.offset, problem, "use a tag type of `on`, in quotes");
            }
            if let Some(inner) = table.table(tag.value, faults) {
                by_tag.insert(tag.value.to_owned(), tag_override(&inner, severity_max, faults));
            }
        }
    }
    Grades { severity, severity_max, by_tag }
}

fn tag_override(fields: &Fields, severity_max: Severity, faults: &mut Faults) -> TagOverride {
    fields.refuse_unknown(&["severity", "delay_on", "delay_off"], faults);
    let severity = grade(fields, "severity", faults);
    if let Some(At { value, offset }) = severity
        && value > severity_max
    {
        let problem = format!("`severity` {} lies above `severity_max` {}", value.name(), severity_max.name());
        faults.at(offset, problem, "raise `severity_max`, or lower this severity");
    }
    TagOverride {
        severity: severity.map(|at| at.value),
        delay_on_us: fields.span_us("delay_on", faults),
        delay_off_us: fields.span_us("delay_off", faults),
    }
}

fn grade(fields: &Fields, key: &str, faults: &mut Faults) -> Option<At<Severity>> {
    let At { value, offset } = fields.str(key, faults)?;
    let severity = Severity::parse(value);
    if severity.is_none() {
        let near = did_you_mean(value, Severity::ALL.map(Severity::name));
        let problem = format!("`{key}` is \"{value}\", which is no severity{near}");
        faults.at(offset, problem, "use \"blue\", \"yellow\", \"orange\" or \"red\"");
    }
    severity.map(|value| At { value, offset })
}
