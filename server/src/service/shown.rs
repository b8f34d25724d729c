//! Files and changes of a workspace as pages show them: rendered here.

use app::api::{ChangeList, ChangedFile, DeliverableContent, FileDiff};
use app::domain::id::TaskId;

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

/// What is said below a file of so many bytes that is cut.
pub(super) fn only_beginning(size: u64) -> String {
    let (shown, all) = (bytes(TEXT_LIMIT), bytes(size));
    format!("Only the first {shown} of this file are shown: it has {all}.")
}

/// `950 bytes`, `12.3 KiB`, `4.1 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1_024 => return format!("{count} bytes"),
        1_024..1_048_576 => (1_024, "KiB"),
        _ => (1_048_576, "MiB"),
    };
    let tenths = count.saturating_mul(10) / unit;
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        tenth => format!("{}.{tenth} {name}", tenths / 10),
    }
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
    use super::{bytes, only_beginning};

    #[test]
    fn sizes_are_told_in_units_that_people_use() {
        let told = [0, 999, 12_595, 4_299_162, 524_288].map(bytes);
        assert_eq!(
            told,
            ["0 bytes", "999 bytes", "12.2 KiB", "4.1 MiB", "512 KiB"]
        );
        assert_eq!(
            only_beginning(1_048_576),
            "Only the first 512 KiB of this file are shown: it has 1 MiB."
        );
    }
}
