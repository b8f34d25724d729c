//! The documents that agents work by, for people.

use app::api::{GuideContent, GuideView};
use app::domain::plan::Workflow;
use tokio::task::spawn_blocking;

use super::Service;
use crate::error::Error;
use crate::guides::{GuideError, split_title};
use crate::markdown;

impl Service {
    /// All guides, in the order in which a task comes across them.
    pub async fn guide_list(&self) -> Result<Vec<GuideView>, Error> {
        let guides = self.parts.guides.clone();
        let listed = spawn_blocking(move || guides.list()).await;
        Ok(listed.map_err(GuideError::interrupted)?)
    }

    /// One of them, by its path with or without the ending.
    pub async fn read_guide(&self, path: &str) -> Result<GuideContent, Error> {
        let unknown = Error::NotFound { what: "guide" };
        let mut guides = self.guide_list().await?;
        let is_meant =
            |guide: &GuideView| guide.path == path || guide.path.strip_suffix(".md") == Some(path);
        let Some(index) = guides.iter().position(is_meant) else {
            return Err(unknown);
        };
        let next = guides.get(index + 1).cloned();
        let previous = index.checked_sub(1).and_then(|index| guides.get(index));
        let previous = previous.cloned();
        let guide = guides.swap_remove(index);
        let (files, path) = (self.parts.guides.clone(), guide.path.clone());
        let read = spawn_blocking(move || files.get(&path)).await;
        let text = read.map_err(GuideError::interrupted)??.ok_or(unknown)?;
        Ok(GuideContent {
            html: markdown::to_html(split_title(&text).1),
            used_by: users(self.parts.workflows.all(), &guide.path),
            guide,
            text,
            previous,
            next,
        })
    }
}

/// The steps that have this guide, in words.
fn users(workflows: &[Workflow], path: &str) -> Vec<String> {
    let mut users = Vec::new();
    for workflow in workflows {
        for phase in &workflow.phases {
            let steps = phase.steps.iter();
            let mine = steps.filter(|step| step.guide.as_deref() == Some(path));
            let told = |name: &str| format!("{}, {}: {name}", workflow.title, phase.name);
            users.extend(mine.map(|step| told(&step.name)));
        }
    }
    users
}
