//! State to bytes and back. Canonical: the same state gives the same bytes, whatever its derived parts look like; those
//! are left out and made anew. Checked on the way out and on the way in. Must not know files. Pure.

use crate::anchors::Anchors;
use crate::answers::{Answers, Given};
use crate::book::{Book, SavedBook};
use crate::coverage::Coverage;
use crate::figures::Figures;
use crate::filings::Filings;
use crate::findings::Growing;
use crate::gateways::Gateways;
use crate::hazards::Hazards;
use crate::input::{Content, FoldLimits};
use crate::intern::Intern;
use crate::means::Means;
use crate::memory::Memory;
use crate::memory::held::{self, Named};
use crate::nuisance::Nuisances;
use crate::out_of_service::OutOfService;
use crate::outage::Outage;
use crate::points::Points;
use crate::redelivery::Redeliveries;
use crate::rulebook::Rulebook;
use crate::slot::Slot;
use crate::state::{SlotKey, State, Versions};
use crate::system::Systems;
use crate::usual::Usual;
use rules::reading::Micros;
use rules::registry::Registry;
use rules::set::RuleSet;
use rules::view::PointKey;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The layout of the bytes; stands before them.
pub const FORMAT: u32 = 4;

/// Why a snapshot does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("snapshot format {0} is not known to this version, which reads formats 2, 3 and {FORMAT}")]
    Format(u32),
    #[error("not a snapshot: {0}")]
    Malformed(String),
    #[error("{kind} {version} is not there")]
    MissingContent { kind: &'static str, version: String },
    #[error("the snapshot contradicts itself: {0}")]
    Inconsistent(&'static str),
}

/// Gives back content by kind (`registry`, `rules`, `limits`) and version.
pub type Load<'a> = dyn FnMut(&str, &str) -> Option<Content> + 'a;

/// What lies in a snapshot. Names are shared on the way out, not copied.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    seq: u64,
    now: Micros,
    journal_id: Option<String>,
    engine: Option<u32>,
    versions: Versions,
    keys: Cow<'a, [PointKey]>,
    points: Cow<'a, Points>,
    redeliveries: Cow<'a, Redeliveries>,
    book: SavedBook,
    /// All slots that are not quiet, by name.
    slots: Vec<(SlotKey, Slot)>,
    systems: Cow<'a, Systems>,
    answers: Vec<(String, Given)>,
    outage: Outage,
    gateways: Cow<'a, Gateways>,
    anchors: Cow<'a, Anchors>,
    /// Findings that grow, by name.
    findings: Vec<(SlotKey, Growing)>,
    filings: Cow<'a, Filings>,
    coverage: Cow<'a, Coverage>,
    hazards: Cow<'a, Hazards>,
    figures: Cow<'a, Figures>,
    means: Cow<'a, Means>,
    later: Cow<'a, Later>,
}

/// What format 3 did not know yet: it ends where this begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Later {
    pub memory: Memory,
    pub usual: Usual,
    pub out_of_service: OutOfService,
    pub rulebook: Rulebook,
    /// Conditions inside conditions that are true, by name.
    pub held: Named,
    pub nuisances: Nuisances,
}

/// The state as it stood between two steps, apart from it: somebody else may write it down while the fold goes on.
pub struct Frozen {
    saved: Saved<'static>,
    keys: Arc<Vec<PointKey>>,
}

impl Frozen {
    /// The bytes of a snapshot.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let Frozen { saved, keys } = self;
        let saved = Saved { keys: Cow::Borrowed(&keys), ..saved };
        let wrong = saved.wrong();
        assert!(wrong.is_none(), "the state contradicts itself: {}", wrong.unwrap_or_default());
        let bytes = postcard::to_stdvec(&(FORMAT, saved));
        assert!(bytes.is_ok(), "plain data in memory can always be written down");
        bytes.unwrap_or_default()
    }
}

impl State {
    /// The bytes of a snapshot, taken between two steps.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.freeze().bytes()
    }

    /// The state as it stands: columns are copied as they lie in memory, which takes a fraction of writing them down.
    #[must_use]
    pub fn freeze(&self) -> Frozen {
        let slots = (0_u32..).zip(self.slots.iter()).filter(|(_, slot)| **slot != Slot::default());
        let mut slots: Vec<(SlotKey, Slot)> =
            slots.filter_map(|(number, slot)| Some((self.slot_key(number)?, slot.clone()))).collect();
        slots.extend(self.orphans.iter().cloned());
        slots.sort_by(|(a, _), (b, _)| a.cmp(b));
        let findings = self.findings.iter();
        let mut findings: Vec<(SlotKey, Growing)> =
            findings.filter_map(|(number, growing)| Some((self.slot_key(number)?, growing))).collect();
        findings.sort_by(|(a, _), (b, _)| a.cmp(b));
        let saved = Saved {
            seq: self.seq,
            now: self.now,
            journal_id: self.journal_id.clone(),
            engine: self.engine,
            versions: self.versions.clone(),
            keys: Cow::Borrowed(&[]),
            points: Cow::Owned(self.points.clone()),
            redeliveries: Cow::Owned(self.redeliveries.clone()),
            book: self.book.save(),
            slots,
            systems: Cow::Owned(self.systems.clone()),
            answers: self.answers.save(),
            outage: self.outage.clone(),
            gateways: Cow::Owned(self.gateways.clone()),
            anchors: Cow::Owned(self.anchors.clone()),
            findings,
            filings: Cow::Owned(self.filings.clone()),
            coverage: Cow::Owned(self.coverage.clone()),
            hazards: Cow::Owned(self.hazards.clone()),
            figures: Cow::Owned(self.figures.clone()),
            means: Cow::Owned(self.means.clone()),
            later: Cow::Owned(Later {
                memory: self.memory.clone(),
                usual: self.usual.clone(),
                out_of_service: self.out_of_service.clone(),
                rulebook: self.rulebook.clone(),
                held: self.helds.named(|number| self.slot_key(number)),
                nuisances: self.nuisances.clone(),
            }),
        };
        Frozen { saved, keys: self.intern.shared_keys() }
    }

    /// The state of a snapshot. `load` gives the content that was in force.
    ///
    /// # Errors
    /// The format is not known, the bytes are not a snapshot or contradict themselves, or content is missing.
    pub fn restore(bytes: &[u8], load: &mut Load<'_>) -> Result<State, RestoreError> {
        let malformed = |e: postcard::Error| RestoreError::Malformed(e.to_string());
        let (format, rest) = postcard::take_from_bytes::<u32>(bytes).map_err(malformed)?;
        let saved: Saved = match format {
            2 => postcard::from_bytes::<old::Saved2>(rest).map_err(malformed)?.into(),
            3 => postcard::from_bytes(&old::with_later(rest).map_err(malformed)?).map_err(malformed)?,
            FORMAT => postcard::from_bytes(rest).map_err(malformed)?,
            other => return Err(RestoreError::Format(other)),
        };
        if let Some(wrong) = saved.wrong() {
            return Err(RestoreError::Inconsistent(wrong));
        }
        let content = load_content(&saved.versions, load)?;
        let intern =
            Intern::from_keys(saved.keys.into_owned()).ok_or(RestoreError::Inconsistent("a point has two numbers"))?;
        let later = saved.later.into_owned();
        let mut state = State {
            seq: saved.seq,
            now: saved.now,
            journal_id: saved.journal_id,
            engine: saved.engine,
            versions: saved.versions,
            limits: content.limits,
            intern,
            points: saved.points.into_owned(),
            redeliveries: saved.redeliveries.into_owned(),
            book: Book::restore(saved.book),
            systems: saved.systems.into_owned(),
            answers: Answers::restore(saved.answers),
            outage: saved.outage,
            gateways: saved.gateways.into_owned(),
            anchors: saved.anchors.into_owned(),
            filings: saved.filings.into_owned(),
            coverage: saved.coverage.into_owned(),
            hazards: saved.hazards.into_owned(),
            figures: saved.figures.into_owned(),
            means: saved.means.into_owned(),
            memory: later.memory,
            usual: later.usual,
            nuisances: later.nuisances,
            out_of_service: later.out_of_service,
            rulebook: later.rulebook,
            ..State::default()
        };
        state.anchors.rebuild();
        state.hazards.rebuild();
        if let Some((version, registry)) = &content.registry {
            state.view = Some(state.view_of(registry, version));
        }
        state.rebuild_coverage();
        let (version, rules) = content.rules.unwrap_or_default();
        state.bind(rules, version);
        state.put_slots(saved.slots);
        state.put_findings(saved.findings);
        state.number_out_of_service();
        state.put_helds(later.held);
        let seats: Vec<_> = state.systems.iter().map(|(alarm, seat)| (alarm.id, seat)).collect();
        for (id, seat) in seats {
            state.book.seat(id, seat);
        }
        Ok(state)
    }
}

mod old;

#[derive(Default)]
struct Loaded {
    registry: Option<(String, Arc<Registry>)>,
    rules: Option<(String, Arc<RuleSet>)>,
    limits: Arc<FoldLimits>,
}

fn load_content(versions: &Versions, load: &mut Load<'_>) -> Result<Loaded, RestoreError> {
    let mut loaded = Loaded::default();
    let wanted = [("registry", &versions.registry), ("rules", &versions.rules), ("limits", &versions.limits)];
    for (kind, version) in wanted {
        let Some(version) = version else { continue };
        match (kind, load(kind, version)) {
            ("registry", Some(Content::Registry { registry, .. })) => {
                loaded.registry = Some((version.clone(), registry));
            }
            ("rules", Some(Content::Rules { rules, .. })) => loaded.rules = Some((version.clone(), rules)),
            ("limits", Some(Content::Limits { limits, .. })) => loaded.limits = limits,
            _ => return Err(RestoreError::MissingContent { kind, version: version.clone() }),
        }
    }
    Ok(loaded)
}

impl Saved<'_> {
    /// What must hold of every state, and does not.
    fn wrong(&self) -> Option<&'static str> {
        if self.points.len() != self.keys.len() || !self.points.is_whole() {
            return Some("a column of the points is too short or too long");
        }
        if !self.anchors.is_whole(self.keys.len()) || !self.outage.is_whole(self.now) {
            return Some("a clock is shifted for nobody, or time stands still from the future on");
        }
        if !self.coverage.is_whole(self.keys.len()) {
            return Some("coverage counts points that have no number");
        }
        if !self.means.is_whole(self.keys.len()) {
            return Some("a mean is of nothing");
        }
        if !self.later.usual.is_whole(self.keys.len()) {
            return Some("what is usual is of no point, or of days out of order");
        }
        if !self.later.out_of_service.is_whole() {
            return Some("a rule is out of service that did not fail");
        }
        if !self.later.rulebook.is_whole() {
            return Some("a limit is set that is no number");
        }
        if !self.later.memory.is_whole(self.keys.len()) || !held::is_whole(&self.later.held) {
            return Some("what is remembered of a point cannot have been");
        }
        if !self.slots.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Some("a rule has two slots on one object");
        }
        for (_, slot) in &self.slots {
            match &slot.alarm {
                Some(alarm) if !alarm.state.is_open() => return Some("a closed alarm sits in a slot"),
                Some(alarm) if alarm.state.is_in_breach() != slot.phase.is_alarm() => {
                    return Some("an alarm and its condition do not agree");
                }
                None if slot.phase.is_alarm() => return Some("a breach has no alarm"),
                Some(_) | None => {}
            }
        }
        let open = self.slots.iter().filter_map(|(_, slot)| slot.alarm.as_deref());
        let open = open.chain(self.systems.iter().map(|(alarm, _)| alarm));
        let mut ids = BTreeSet::new();
        for alarm in open.chain(&self.book.closed) {
            if alarm.id.0 > self.book.last_id || !ids.insert(alarm.id) {
                return Some("an alarm number was given twice");
            }
        }
        None
    }
}
