//! A file of a review as the page shows it: its changes, its lines, or what they mean.

use app::api::{Diff, FileChange, FileDiff, MovedComment, Piece, Shape, ShowFile, ShownFile};
use app::domain::id::{ReviewId, TaskId};
use app::number::size_of_file;

use super::{Reviewed, image};
use crate::error::Error;
use crate::highlight::{self, Deadline};
use crate::listing::{self, Look, Opened, Texts};
use crate::markdown;
use crate::redaction::Redactor;
use crate::service::Service;
use crate::service::shown::{off_thread, only_beginning};
use crate::workspace::FileContent;

/// The most lines that are quoted of an earlier version.
const QUOTED: usize = 8;
/// Lines that are shown around a commented one.
const AROUND: u32 = 3;

/// Whether the pieces are rows of a table, and they.
type Shown = (bool, Vec<Piece>);

/// A file that changed, and both of its versions.
struct Changed {
    file: FileDiff,
    before: Option<FileContent>,
    after: Option<FileContent>,
}

impl Service {
    /// A file of a review as the page shows it.
    pub async fn show_reviewed(&self, id: ReviewId, wanted: &ShowFile) -> Result<ShownFile, Error> {
        let it = self.reviewed(id).await?;
        let (task, path) = (it.task.id, wanted.path.as_str());
        let (base, head) = (it.base(wanted.since), it.review.head.as_str());
        let workspaces = &self.parts.workspaces;
        let listed = workspaces.changed_files(task, base, head).await?;
        let changed = listed.files.into_iter().find(|file| file.path == path);
        let shapes = shapes(path, changed.as_ref());
        let preferred = if wanted.since && shapes.contains(&Shape::Changes) {
            Some(Shape::Changes)
        } else {
            shapes.first().copied()
        };
        let shape = wanted.shape.filter(|shape| shapes.contains(shape));
        let shape = shape.or(preferred).unwrap_or(Shape::Source);
        let redactor = self.redactor(task).await?;
        let moved = self.moved_comments(&it, path, &redactor).await?;
        let (is_table, pieces) = match (shape, changed) {
            (Shape::Changes | Shape::Document, changed) if image::is_named(path) => (
                false,
                vec![self.pictures(&it, wanted, changed.as_ref()).await?],
            ),
            (Shape::Changes, Some(file)) => {
                let changed = self.changed(&it, wanted, file).await?;
                let seen = talked_about(&it, path, &moved);
                change_shown(redactor, wanted, changed, seen).await?
            }
            (shape, _) => self.text_pieces(&it, wanted, shape, redactor).await?,
        };
        Ok(ShownFile {
            path: path.to_owned(),
            shape,
            shapes,
            is_table,
            is_split: wanted.is_split && shape == Shape::Changes,
            pieces,
            moved,
        })
    }

    /// The file as it is.
    async fn text_pieces(
        &self,
        it: &Reviewed,
        wanted: &ShowFile,
        shape: Shape,
        redactor: Redactor,
    ) -> Result<Shown, Error> {
        let path = wanted.path.clone();
        let workspaces = &self.parts.workspaces;
        let mut file = workspaces
            .review_file(it.task.id, &it.review, &path)
            .await?;
        let Ok(opened) = wanted.open.parse::<Opened>();
        let review = it.review.id;
        off_thread(move || {
            redactor.redact_file(&mut file);
            let cut = file.truncated.then(|| only_beginning(file.size));
            let Some(text) = file.text else {
                let words = format!("{} that are not text.", size_of_file(file.size));
                return (false, vec![plain(&words)]);
            };
            if shape == Shape::Document {
                let image = |address: &str| image::beside(review, &path, address);
                let mut blocks = markdown::blocks(&text, &image);
                blocks.extend(cut.as_deref().map(plain));
                return (false, blocks);
            }
            let lines = highlight::lines(&path, &text, Deadline::soon());
            (true, listing::source(&lines, &opened, cut.as_deref()))
        })
        .await
    }

    /// What has changed in the file, and between which versions.
    async fn changed(
        &self,
        it: &Reviewed,
        wanted: &ShowFile,
        listed: FileDiff,
    ) -> Result<Changed, Error> {
        let (base, head) = (it.base(wanted.since), it.review.head.as_str());
        let (task, path) = (it.task.id, wanted.path.as_str());
        let workspaces = &self.parts.workspaces;
        let old_path = listed.old_path.clone();
        let before = old_path.as_deref().unwrap_or(path);
        let before = workspaces.recorded(task, base, before).await?;
        let after = workspaces.recorded(task, head, path).await?;
        let change = if listed.binary {
            None
        } else {
            let commits = (base, head);
            workspaces
                .file_change(task, commits, path, old_path.as_deref())
                .await?
        };
        Ok(Changed {
            file: change.unwrap_or(listed),
            before,
            after,
        })
    }

    /// Where the comments of earlier rounds on a file belong now.
    async fn moved_comments(
        &self,
        it: &Reviewed,
        path: &str,
        redactor: &Redactor,
    ) -> Result<Vec<MovedComment>, Error> {
        let mut known: Option<(ReviewId, Option<FileDiff>)> = None;
        let mut found = Vec::new();
        for (review, comment) in it.earlier(path) {
            let Some(line) = comment.line else {
                found.push(MovedComment {
                    id: comment.id,
                    lines: None,
                    quote: None,
                });
                continue;
            };
            let commits = (review.head.as_str(), it.review.head.as_str());
            if known.as_ref().is_none_or(|(id, _)| *id != review.id) {
                let workspaces = &self.parts.workspaces;
                let change = workspaces.file_change(it.task.id, commits, path, None);
                known = Some((review.id, change.await?));
            }
            let change = known.as_ref().and_then(|(_, change)| change.as_ref());
            let end = comment.end_line.unwrap_or(line);
            let lines = listing::moved(change, line, end);
            let quote = if lines.is_some() {
                None
            } else {
                let version = (review.head.as_str(), path);
                self.quote(it.task.id, version, (line, end), redactor)
                    .await?
            };
            found.push(MovedComment {
                id: comment.id,
                lines,
                quote,
            });
        }
        Ok(found)
    }

    async fn quote(
        &self,
        task: TaskId,
        (commit, path): (&str, &str),
        (from, to): (u32, u32),
        redactor: &Redactor,
    ) -> Result<Option<String>, Error> {
        let file = self.parts.workspaces.recorded(task, commit, path).await?;
        let Some(mut file) = file else {
            return Ok(None);
        };
        let redactor = redactor.clone();
        off_thread(move || {
            redactor.redact_file(&mut file);
            let count = (to - from.min(to) + 1) as usize;
            let lines = file.text.as_deref()?.lines();
            let lines = lines.skip(from.saturating_sub(1) as usize);
            let quoted = lines.take(count.min(QUOTED)).collect::<Vec<_>>().join("\n");
            (!quoted.is_empty()).then_some(quoted)
        })
        .await
    }
}

/// The lines that comments are about, with some around each.
fn talked_about(it: &Reviewed, path: &str, moved: &[MovedComment]) -> Vec<(u32, u32)> {
    let own = it.review.feedback.iter();
    let own = own.filter(|comment| comment.file.as_deref() == Some(path));
    let commented = own.filter_map(|comment| comment.end_line.or(comment.line));
    let earlier = moved.iter().filter_map(|moved| Some(moved.lines?.1));
    commented
        .chain(earlier)
        .map(|line| (line.saturating_sub(AROUND), line.saturating_add(AROUND)))
        .collect()
}

/// The rows of a change without secrets.
async fn change_shown(
    redactor: Redactor,
    wanted: &ShowFile,
    changed: Changed,
    seen: Vec<(u32, u32)>,
) -> Result<Shown, Error> {
    let Changed {
        file,
        before,
        after,
    } = changed;
    if file.binary {
        let words = format!("A binary file. {}", sizes(before.as_ref(), after.as_ref()));
        return Ok((false, vec![plain(&words)]));
    }
    let Ok(mut opened) = wanted.open.parse::<Opened>();
    opened.seen = seen;
    let is_split = wanted.is_split;
    off_thread(move || {
        let mut shown = Diff {
            files: vec![file],
            ..Diff::default()
        };
        redactor.redact_diff(&mut shown);
        let Some(file) = shown.files.pop() else {
            return (true, Vec::new());
        };
        let old_path = file.old_path.as_ref().unwrap_or(&file.path);
        let deadline = Deadline::soon();
        let lines = |path: &str, content: Option<FileContent>| {
            let text = known_text(&redactor, content?)?;
            Some(highlight::lines(path, &text, deadline))
        };
        let cut = after.as_ref().filter(|content| content.truncated);
        let texts = Texts {
            cut: cut.map(|content| only_beginning(content.size)),
            old: lines(old_path, before),
            new: lines(&file.path, after),
        };
        let look = Look {
            is_split,
            has_links: true,
            opened: &opened,
        };
        (true, listing::change(&file, &texts, look))
    })
    .await
}

/// The lines of a version that are known to their ends, without secrets.
fn known_text(redactor: &Redactor, mut content: FileContent) -> Option<String> {
    redactor.redact_file(&mut content);
    let mut text = content.text?;
    if content.truncated {
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    }
    Some(text)
}

/// How a file can be shown, what suits it best first.
fn shapes(path: &str, changed: Option<&FileDiff>) -> Vec<Shape> {
    let is_gone = changed.is_some_and(|file| file.change == FileChange::Deleted);
    let extension = std::path::Path::new(path).extension();
    let is_markdown = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
    let is_image = image::is_named(path);
    let has_source = !is_gone && !is_image && !changed.is_some_and(|file| file.binary);
    let document = (!is_gone && (is_markdown || is_image)).then_some(Shape::Document);
    let compared = changed
        .filter(|_| !is_image || is_gone)
        .map(|_| Shape::Changes);
    let source = has_source.then_some(Shape::Source);
    let mut shapes: Vec<Shape> = document.into_iter().chain(compared).chain(source).collect();
    if shapes.is_empty() {
        shapes.push(Shape::Source);
    }
    shapes
}

fn plain(words: &str) -> Piece {
    let words = highlight::escape(words);
    Piece::aside(format!("<p class=\"field-hint\">{words}</p>"))
}

fn sizes(before: Option<&FileContent>, after: Option<&FileContent>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => {
            format!(
                "{} before, {} now.",
                size_of_file(before.size),
                size_of_file(after.size)
            )
        }
        (None, Some(after)) => format!("{}.", size_of_file(after.size)),
        (Some(before), None) => format!("{} before, removed.", size_of_file(before.size)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_text_that_is_cut_only_whole_lines_are_known() {
        let content = |truncated| FileContent {
            size: 9,
            text: Some("one\ntwo".to_owned()),
            truncated,
            sha256: None,
        };
        let text = |truncated| known_text(&Redactor::default(), content(truncated));
        assert_eq!(text(false).as_deref(), Some("one\ntwo"));
        assert_eq!(text(true).as_deref(), Some("one\n"));
    }
}
