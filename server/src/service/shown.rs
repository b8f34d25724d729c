//! Files and changes of a workspace as pages show them: rendered here.

use app::api::{ChangeList, ChangedFile, DeliverableContent, FileDiff};
use app::domain::id::TaskId;

use super::Service;
use crate::error::Error;
use crate::workspace::WorkspaceError;
use crate::{highlight, listing};

impl Service {
    /// What a phase has changed, with the lines.
    pub(super) async fn changes_shown(
        &self,
        id: TaskId,
        phase: Option<u32>,
    ) -> Result<ChangeList, Error> {
        let diff = self.changes(id, phase).await?;
        off_thread(move || {
            let shown = |file: FileDiff| ChangedFile {
                html: (!file.binary).then(|| listing::change_table(&file)),
                ..ChangedFile::from(file)
            };
            ChangeList {
                files: diff.files.into_iter().map(shown).collect(),
                truncated: diff.truncated,
            }
        })
        .await
    }

    /// A file of the workspace.
    pub(super) async fn deliverable_shown(
        &self,
        id: TaskId,
        path: &str,
    ) -> Result<DeliverableContent, Error> {
        let mut content = self.read_deliverable(id, path).await?;
        let text = content.text.take();
        content.html = match (content.html.take(), text) {
            (Some(html), _) => Some(format!("<article class=\"document\">{html}</article>")),
            (None, Some(text)) => {
                let path = path.to_owned();
                let table =
                    off_thread(move || listing::table(&highlight::lines(&path, &text))).await?;
                Some(format!("<div class=\"code-box\">{table}</div>"))
            }
            (None, None) => None,
        };
        Ok(content)
    }
}

/// Rendering takes the processor for some time.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| WorkspaceError::from(std::io::Error::other(error)).into())
}
