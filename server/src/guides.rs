//! The guide documents that agents work by: embedded, single files replaceable from a folder.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use app::api::GuideView;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../guide/"]
struct Files;

/// The guides' folders, in the order in which a task comes across them.
const GROUPS: [&str; 5] = [
    "planning",
    "design",
    "development",
    "verification",
    "review",
];

/// Finds guides by their path below the guides' folder, as in `planning/01_idea.md`.
#[derive(Clone, Debug, Default)]
pub struct Guides {
    overrides: Option<Arc<Path>>,
}

/// A guide that replaces a built-in one can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the guide {path} can't be read")]
pub struct GuideError {
    /// Where it lies.
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl GuideError {
    /// Reading came to no end.
    pub fn interrupted(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            path: PathBuf::new(),
            source: std::io::Error::other(cause),
        }
    }
}

impl Guides {
    /// Files in `overrides` go before the built-in ones.
    pub fn new(overrides: Option<PathBuf>) -> Self {
        Self {
            overrides: overrides.map(Into::into),
        }
    }

    /// All built-in guides, by group and name. One that is replaced has the title of its replacement.
    pub fn list(&self) -> Vec<GuideView> {
        let mut guides: Vec<_> = Files::iter().filter_map(|path| self.view(&path)).collect();
        let rank = |group: &str| GROUPS.iter().position(|known| *known == group);
        guides.sort_by(|left, right| {
            let left_key = (rank(&left.group), &left.path);
            left_key.cmp(&(rank(&right.group), &right.path))
        });
        guides
    }

    fn view(&self, path: &str) -> Option<GuideView> {
        let (group, file) = path.split_once('/')?;
        let name = file.strip_suffix(".md")?;
        let folder = self.overrides.as_ref();
        let is_replaced = folder.is_some_and(|folder| folder.join(path).exists());
        // Whoever opens a guide that can't be read is told why.
        let text = self.get(path).ok().flatten().unwrap_or_default();
        Some(GuideView {
            path: path.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
            title: split_title(&text).0.unwrap_or(name).to_owned(),
            is_replaced,
        })
    }

    /// The guide's text; `None` if there is no such guide.
    pub fn get(&self, name: &str) -> Result<Option<String>, GuideError> {
        let plain = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            return Ok(None);
        }
        if let Some(folder) = &self.overrides {
            let path = folder.join(name);
            match std::fs::read_to_string(&path) {
                Ok(text) => return Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(GuideError { path, source }),
            }
        }
        let file = Files::get(name);
        Ok(file.map(|file| String::from_utf8_lossy(&file.data).into_owned()))
    }
}

/// Whether the platform brings a guide of this name.
pub fn is_built_in(name: &str) -> bool {
    Files::get(name).is_some()
}

/// The heading that a document begins with, and what follows it.
pub fn split_title(text: &str) -> (Option<&str>, &str) {
    let begun = text.trim_start_matches('\u{feff}').trim_start();
    let (first, rest) = begun.split_once('\n').unwrap_or((begun, ""));
    match first.strip_prefix("# ") {
        Some(title) => (Some(title.trim()), rest),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guides_are_listed_by_group_and_tell_which_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("design")).unwrap();
        std::fs::write(folder.path().join("design/04_api.md"), "# Our API\n\nMine.").unwrap();
        std::fs::write(folder.path().join("design/passwords.md"), "# No guide").unwrap();
        let guides = Guides::new(Some(folder.path().to_owned())).list();
        assert_eq!(guides.len(), 24);
        assert_eq!(guides[0].path, "planning/01_idea.md");
        assert_eq!(guides[0].title, "Idea");
        let groups: Vec<_> = guides
            .chunk_by(|left, right| left.group == right.group)
            .collect();
        assert_eq!(groups.len(), GROUPS.len());
        let replaced: Vec<_> = guides.iter().filter(|guide| guide.is_replaced).collect();
        assert_eq!(replaced.len(), 1);
        assert_eq!(replaced[0].title, "Our API");
    }

    #[test]
    fn a_title_is_the_first_heading_and_nothing_else() {
        assert_eq!(split_title("# Idea\n\nText"), (Some("Idea"), "\nText"));
        assert_eq!(split_title("Text\n# Idea"), (None, "Text\n# Idea"));
        assert_eq!(split_title(""), (None, ""));
    }

    #[test]
    fn a_file_in_the_folder_replaces_the_built_in_guide() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("planning")).unwrap();
        std::fs::write(folder.path().join("planning/01_idea.md"), "mine").unwrap();
        let guides = Guides::new(Some(folder.path().to_owned()));
        assert_eq!(
            guides.get("planning/01_idea.md").unwrap().as_deref(),
            Some("mine")
        );
        assert!(
            Guides::default()
                .get("planning/01_idea.md")
                .unwrap()
                .unwrap()
                .len()
                > 2_000
        );
    }

    #[test]
    fn a_path_that_leaves_the_folder_finds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let guides = Guides::new(Some(folder.path().to_owned()));
        assert_eq!(guides.get("../../etc/passwd").unwrap(), None);
        assert_eq!(guides.get("/etc/passwd").unwrap(), None);
        assert_eq!(guides.get("planning/99_nothing.md").unwrap(), None);
    }

    #[test]
    fn each_guide_has_its_title_and_its_seven_sections_in_order() {
        let sections = [
            "## Purpose",
            "## Inputs",
            "## What to work out",
            "## Good and bad",
            "## Template",
            "## Checklist",
            "## What comes next",
        ];
        let mut names: Vec<_> = Files::iter().collect();
        names.sort();
        assert_eq!(names.len(), 24, "{names:?}");
        for name in names {
            let text = Guides::default().get(&name).unwrap().unwrap();
            assert!(text.starts_with("# "), "{name} begins with its title");
            let mut in_code = false;
            let headings = text.lines().filter(|line| {
                in_code ^= line.starts_with("```");
                !in_code && line.starts_with("## ")
            });
            assert_eq!(headings.collect::<Vec<_>>(), sections, "{name}");
        }
    }

    #[test]
    fn each_guide_of_a_step_belongs_to_exactly_one_and_none_is_left_over() {
        let workflows = crate::workflows::Workflows::built_in().unwrap();
        let phases = || workflows.all().iter().flat_map(|workflow| &workflow.phases);
        let steps = phases().flat_map(|phase| &phase.steps);
        let of_steps = steps.filter_map(|step| step.guide.clone());
        let checked = phases().filter_map(|phase| phase.verification.as_ref());
        let of_checks = checked.filter_map(|plan| plan.guide.clone());
        // Written for the people at a gate.
        let of_people = ["review/01_review_gate.md".to_owned()];
        let mut used: Vec<_> = of_steps.chain(of_checks).chain(of_people).collect();
        used.sort();
        let mut there: Vec<_> = Files::iter().map(std::borrow::Cow::into_owned).collect();
        there.sort();
        assert_eq!(used, there);
    }
}
