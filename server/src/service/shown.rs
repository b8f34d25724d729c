//! Files and changes of a workspace as pages show them: rendered here.

use app::api::{ChangeList, ChangedFile, CompareQuery, DeliverableContent, Diff, FileDiff};
use app::domain::id::{CheckpointId, TaskId};
use app::number::size_of_file;

use super::Service;
use crate::error::Error;
use crate::highlight::{self, Deadline};
use crate::listing;
use crate::workspace::{TEXT_LIMIT, WorkspaceError};

impl Service {
    /// What a phase has changed, with the lines.
    pub(super) async fn changes_shown(
        &self,
        id: TaskId,
        phase: Option<u32>,
    ) -> Result<ChangeList, Error> {
        with_lines(self.changes(id, phase).await?).await
    }

    /// What is different between two checkpoints, or since one, with the lines.
    pub(super) async fn comparison_shown(
        &self,
        id: TaskId,
        from: CheckpointId,
        query: CompareQuery,
    ) -> Result<ChangeList, Error> {
        with_lines(self.compare(id, from, query).await?).await
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
                let cut = content.truncated.then(|| only_beginning(content.size));
                let table = off_thread(move || {
                    let lines = highlight::lines(&path, &text, Deadline::soon());
                    listing::table(&lines, cut.as_deref())
                })
                .await?;
                Some(format!("<div class=\"code-box\">{table}</div>"))
            }
            (None, None) => None,
        };
        Ok(content)
    }
}

async fn with_lines(diff: Diff) -> Result<ChangeList, Error> {
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

/// What is said below a file of so many bytes that is cut.
pub(super) fn only_beginning(size: u64) -> String {
    let (shown, all) = (size_of_file(TEXT_LIMIT), size_of_file(size));
    format!("Only the first {shown} of this file are shown: it has {all}.")
}

/// Rendering takes the processor for some time.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| WorkspaceError::from(std::io::Error::other(error)).into())
}

#[cfg(test)]
mod tests {
    use super::only_beginning;

    #[test]
    fn a_file_that_is_cut_says_how_much_of_it_is_shown() {
        assert_eq!(
            only_beginning(1_048_576),
            "Only the first 512 KiB of this file are shown: it has 1 MiB."
        );
    }
}
