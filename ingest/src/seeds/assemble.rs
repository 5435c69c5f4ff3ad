//! All seed files together make a registry, or a list of everything that is wrong with them. Must not know where
//! the files come from. Pure.

use crate::seeds::catalogue;
use crate::seeds::district::District;
use crate::seeds::enterprise::{self, Taken};
use crate::seeds::error::{Report, SeedError};
use crate::seeds::page::{Page, SeedFile};
use crate::seeds::site;
use crate::seeds::spell::hint;
use crate::seeds::substance::{self, Substances};
use crate::seeds::tasks;
use crate::seeds::template::Templates;
use rules::registry::{Enterprise, Registry};

/// The files that stand directly in the seed directory.
const DISTRICT_FILES: [&str; 6] =
    ["district.toml", "towns.toml", "sectors.toml", "tags.toml", substance::FILE, site::HOLIDAYS];

/// What hot state is planned for (two gigabytes of arrays indexed by point).
const POINTS_MAX: usize = 1_000_000;

/// The registry of these files, in the order in which they are given.
pub fn assemble(files: &[SeedFile]) -> Result<Registry, Vec<SeedError>> {
    let report = Report::default();
    let registry = registry(files, &report);
    match (registry, report.close()) {
        (Some(registry), errors) if errors.is_empty() => Ok(registry),
        (_, errors) => Err(errors),
    }
}

fn registry(files: &[SeedFile], report: &Report) -> Option<Registry> {
    let pages: Vec<Page<'_>> = files.iter().filter_map(|file| Page::parse(file, report)).collect();
    refuse_strangers(files, report);
    let page = |name: &str| {
        if !files.iter().any(|file| file.name == name) {
            refuse_file(report, name, "the file is missing", "every district has one; see seeds/README.md");
        }
        pages.iter().find(|page| page.file() == name)
    };
    let district = District::read(&page);
    // A district without toxic gas needs none.
    let substances = Substances::read(pages.iter().find(|page| page.file() == substance::FILE));
    // Without one every Monday to Friday is a working day.
    let calendar = site::calendar(pages.iter().find(|page| page.file() == site::HOLIDAYS));
    let mut templates = Templates::named(files.iter().filter_map(|file| template_id(&file.name)));
    for page in &pages {
        if let Some(id) = template_id(page.file()) {
            templates.read(id, page, &district, &substances);
        }
    }
    let enterprises = enterprises(&pages, &district, &templates);
    for (folder, example) in [("templates/", "tank-lpg"), ("enterprises/", "hazchem")] {
        if !files.iter().any(|file| file.name.starts_with(folder)) {
            refuse_file(report, folder, "there is no .toml file in it", &format!("add one, as {folder}{example}.toml"));
        }
    }
    let points = enterprises.iter().flat_map(|e| &e.equipment).map(|q| q.points.len()).sum::<usize>();
    if points > POINTS_MAX {
        refuse_file(report, "enterprises/", &format!("{points} points in all"), &format!("at most {POINTS_MAX}"));
    }
    let District { region, towns, sectors, tag_types, .. } = district;
    let substances = substances.list;
    Some(Registry { district: region?, towns, sectors, tag_types, enterprises, substances, calendar })
}

fn enterprises<'p>(pages: &'p [Page<'p>], district: &District, templates: &Templates) -> Vec<Enterprise> {
    let mut taken = Taken::default();
    let mut enterprises = Vec::new();
    for page in pages.iter().filter(|page| page.file().starts_with("enterprises/")) {
        let rows = page.root(&["enterprise"]).need("enterprise").and_then(|node| node.list()).unwrap_or_default();
        enterprises.extend(rows.into_iter().filter_map(|row| enterprise::read(row, district, templates, &mut taken)));
    }
    enterprises
}

/// `tank-lpg` of `templates/tank-lpg.toml`.
fn template_id(file: &str) -> Option<&str> {
    file.strip_prefix("templates/")?.strip_suffix(".toml")
}

/// The task list and the list of rules stand there too; `seeds::tasks` and `seeds::catalogue` read them.
const FILES_BESIDE: [&str; 2] = [tasks::FILE, catalogue::FILE];

/// A file that nothing reads is a file somebody believes in.
fn refuse_strangers(files: &[SeedFile], report: &Report) {
    for file in files.iter().filter(|file| !file.name.contains('/')) {
        let name = file.name.as_str();
        if !DISTRICT_FILES.contains(&name) && !FILES_BESIDE.contains(&name) {
            refuse_file(report, &file.name, "nothing reads this file", &hint(&file.name, DISTRICT_FILES.into_iter()));
        }
    }
}

fn refuse_file(report: &Report, file: &str, problem: &str, remedy: &str) {
    let (problem, remedy) = (problem.to_owned(), remedy.to_owned());
    report.add(SeedError { file: file.to_owned(), line: 1, problem, remedy });
}
