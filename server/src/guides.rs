//! The guide documents that agents work by: embedded, single files replaceable from a folder.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../guide/"]
struct Files;

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

impl Guides {
    /// Files in `overrides` go before the built-in ones.
    pub fn new(overrides: Option<PathBuf>) -> Self {
        Self {
            overrides: overrides.map(Into::into),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
