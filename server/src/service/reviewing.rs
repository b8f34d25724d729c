//! What a review shows: its files as rows and blocks, and what the agent did for it.

mod image;

use app::api::{
    ConversationView, DeliverableContent, Diff, FileChange, FileDiff, MovedComment, Piece,
    ReviewWork, Shape, ShowFile, ShownFile,
};
use app::domain::id::{ReviewId, TaskId};
use app::domain::task::{Feedback, Review, Task};

use super::Service;
use super::queries::rendered;
use super::shown::off_thread;
use crate::error::Error;
use crate::highlight;
use crate::listing::{self, Look, Opened, Texts};
use crate::markdown;
use crate::redaction::Redactor;
use crate::workspace::FileContent;

pub use image::{ImageKind, Version};

/// The most characters of the agent's last words that are shown.
const LAST_SAID: usize = 4_000;
/// The most lines that are quoted of an earlier version.
const QUOTED: usize = 8;
/// Lines that are shown around a commented one.
const AROUND: u32 = 3;

/// A review with what it is compared to.
struct Reviewed {
    task: Task,
    review: Review,
    /// The round before.
    previous: Option<Review>,
}

impl Reviewed {
    /// The commit that changes are counted from.
    fn base(&self, since: bool) -> &str {
        match &self.previous {
            Some(previous) if since => &previous.head,
            _ => &self.review.base,
        }
    }

    fn commit(&self, version: Version) -> &str {
        match version {
            Version::Base => self.base(false),
            Version::Previous => self.base(true),
            Version::Head => &self.review.head,
        }
    }

    /// The comments of earlier rounds on a file, with their rounds.
    fn earlier<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Review, &'a Feedback)> {
        let (phase, round) = (self.review.phase, self.review.round);
        let earlier = self.task.reviews.iter();
        let earlier = earlier.filter(move |each| each.phase == phase && each.round < round);
        earlier.flat_map(move |each| {
            let own = each.feedback.iter();
            let own = own.filter(move |comment| comment.file.as_deref() == Some(path));
            own.map(move |comment| (each, comment))
        })
    }
}

impl Service {
    async fn reviewed(&self, id: ReviewId) -> Result<Reviewed, Error> {
        let unknown = || Error::NotFound { what: "review" };
        let task = self.parts.store.task_of_review(id).await?;
        let task = self.load(task.ok_or_else(unknown)?).await?;
        let review = task.reviews.iter().find(|review| review.id == id);
        let review = review.cloned().ok_or_else(unknown)?;
        let rounds = task.reviews.iter();
        let before = rounds.filter(|each| each.phase == review.phase && each.round < review.round);
        let previous = before.max_by_key(|each| each.round).cloned();
        Ok(Reviewed {
            task,
            review,
            previous,
        })
    }

    /// What a review is about: the changes between its commits, or those since the round before.
    pub async fn review_changes(&self, id: ReviewId, since: bool) -> Result<Diff, Error> {
        let it = self.reviewed(id).await?;
        let (base, head) = (it.base(since), &it.review.head);
        let workspaces = &self.parts.workspaces;
        let mut diff = workspaces.changes(it.task.id, base, head).await?;
        self.redactor(it.task.id).await?.redact_diff(&mut diff);
        Ok(diff)
    }

    /// The files that a review is about, and what the agent did for it.
    pub async fn review_work(&self, id: ReviewId, since: bool) -> Result<ReviewWork, Error> {
        let it = self.reviewed(id).await?;
        let (base, head) = (it.base(since), &it.review.head);
        let diff = self
            .parts
            .workspaces
            .changed_files(it.task.id, base, head)
            .await?;
        Ok(ReviewWork {
            changes: diff.into(),
            conversation: self.conversation(&it).await?,
        })
    }

    /// What the agent did between the beginning of the phase and the review.
    pub async fn review_conversation(&self, id: ReviewId) -> Result<ConversationView, Error> {
        self.conversation(&self.reviewed(id).await?).await
    }

    async fn conversation(&self, it: &Reviewed) -> Result<ConversationView, Error> {
        let phase = it.task.phase(it.review.phase);
        let begun = phase.and_then(|phase| phase.started_at);
        let begun = begun.unwrap_or(it.task.created_at);
        let until = it.review.created_at;
        let store = &self.parts.store;
        let tally = store.log_tally(it.task.id, begun, until).await?;
        let last_said = tally.last_said.map(|text| {
            let beginning: String = text.chars().take(LAST_SAID).collect();
            markdown::to_html(&beginning)
        });
        Ok(ConversationView {
            turns: tally.turns,
            tool_calls: tally.tool_calls,
            tool_failures: tally.tool_failures,
            messages: tally.messages,
            last_said,
            first_line: tally.first_line,
            seconds: u64::try_from((until - begun).num_seconds()).unwrap_or(0),
            truncated: tally.truncated,
        })
    }

    /// A file as it was when a review opened, rendered if it is Markdown.
    pub async fn read_reviewed(
        &self,
        id: ReviewId,
        path: &str,
    ) -> Result<DeliverableContent, Error> {
        let it = self.reviewed(id).await?;
        let workspaces = &self.parts.workspaces;
        let mut file = workspaces.review_file(it.task.id, &it.review, path).await?;
        self.redactor(it.task.id).await?.redact_file(&mut file);
        Ok(rendered(path, file))
    }

    /// A whole file of a review's commits, and what kind of image it is, if it is one.
    pub async fn reviewed_bytes(
        &self,
        id: ReviewId,
        path: &str,
        version: Version,
    ) -> Result<(Vec<u8>, Option<ImageKind>), Error> {
        let it = self.reviewed(id).await?;
        let workspaces = &self.parts.workspaces;
        let bytes = workspaces.recorded_bytes(it.task.id, it.commit(version), path);
        let bytes = bytes.await?.ok_or(Error::NotFound { what: "file" })?;
        let kind = ImageKind::of(&bytes);
        Ok((bytes, kind))
    }

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
        let moved = self.moved_comments(&it, path).await?;
        let (is_table, pieces) = match (shape, changed) {
            (Shape::Changes, Some(file)) => self.changed_pieces(&it, wanted, file, &moved).await?,
            (Shape::Document, changed) if image::is_named(path) => {
                (false, vec![image::pictures(&it, wanted, changed.as_ref())])
            }
            (shape, _) => self.text_pieces(&it, wanted, shape).await?,
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
    ) -> Result<(bool, Vec<Piece>), Error> {
        let path = wanted.path.clone();
        let workspaces = &self.parts.workspaces;
        let mut file = workspaces
            .review_file(it.task.id, &it.review, &path)
            .await?;
        self.redactor(it.task.id).await?.redact_file(&mut file);
        let Some(text) = file.text else {
            return Ok((
                false,
                vec![plain(&format!("{} that are not text.", bytes(file.size)))],
            ));
        };
        let Ok(opened) = wanted.open.parse::<Opened>();
        let review = it.review.id;
        let mut shown = off_thread(move || {
            if shape == Shape::Document {
                let image = |address: &str| image::beside(review, &path, address);
                return (false, markdown::blocks(&text, &image));
            }
            (
                true,
                listing::source(&highlight::lines(&path, &text), &opened),
            )
        })
        .await?;
        if file.truncated && !shown.0 {
            shown
                .1
                .push(plain("Only the beginning of this file is shown."));
        }
        Ok(shown)
    }

    /// What has changed in the file.
    async fn changed_pieces(
        &self,
        it: &Reviewed,
        wanted: &ShowFile,
        listed: FileDiff,
        moved: &[MovedComment],
    ) -> Result<(bool, Vec<Piece>), Error> {
        let (base, head) = (it.base(wanted.since), it.review.head.as_str());
        let (task, path) = (it.task.id, wanted.path.as_str());
        let workspaces = &self.parts.workspaces;
        let old_path = listed.old_path.clone().unwrap_or_else(|| path.to_owned());
        let before = workspaces.recorded(task, base, &old_path).await?;
        let after = workspaces.recorded(task, head, path).await?;
        if image::is_named(path) {
            return Ok((false, vec![image::pictures(it, wanted, Some(&listed))]));
        }
        if listed.binary {
            let words = format!("A binary file. {}", sizes(before.as_ref(), after.as_ref()));
            return Ok((false, vec![plain(&words)]));
        }
        let change = workspaces
            .file_change(task, (base, head), path, listed.old_path.as_deref())
            .await?;
        let redactor = self.redactor(task).await?;
        let mut shown = Diff {
            files: vec![change.unwrap_or(listed)],
            ..Diff::default()
        };
        redactor.redact_diff(&mut shown);
        let Some(file) = shown.files.pop() else {
            return Ok((true, Vec::new()));
        };
        let before = before.and_then(|content| without_secrets(&redactor, content));
        let after = after.and_then(|content| without_secrets(&redactor, content));
        let Ok(mut opened) = wanted.open.parse::<Opened>();
        let own = it.review.feedback.iter();
        let own = own.filter(|comment| comment.file.as_deref() == Some(path));
        let commented = own.filter_map(|comment| comment.end_line.or(comment.line));
        let earlier = moved.iter().filter_map(|moved| Some(moved.lines?.1));
        let seen: Vec<(u32, u32)> = commented
            .chain(earlier)
            .map(|line| (line.saturating_sub(AROUND), line.saturating_add(AROUND)))
            .collect();
        let (path, is_split) = (path.to_owned(), wanted.is_split);
        off_thread(move || {
            let lines = |path: &str, content: Option<FileContent>| {
                let text = content?.text?;
                Some(highlight::lines(path, &text))
            };
            let texts = Texts {
                old: lines(&old_path, before),
                new: lines(&path, after),
            };
            opened.seen = seen;
            let pieces = listing::change(
                &file,
                &texts,
                Look {
                    is_split,
                    has_links: true,
                    opened: &opened,
                },
            );
            (true, pieces)
        })
        .await
    }

    /// Where the comments of earlier rounds on a file belong now.
    async fn moved_comments(&self, it: &Reviewed, path: &str) -> Result<Vec<MovedComment>, Error> {
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
            let quote = match lines {
                Some(_) => None,
                None => {
                    self.quote(it.task.id, &review.head, path, (line, end))
                        .await?
                }
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
        commit: &str,
        path: &str,
        (from, to): (u32, u32),
    ) -> Result<Option<String>, Error> {
        let mut file = self.parts.workspaces.recorded(task, commit, path).await?;
        if let Some(file) = &mut file {
            self.redactor(task).await?.redact_file(file);
        }
        let text = file.and_then(|file| file.text);
        let quoted = |text: String| {
            let count = (to - from.min(to) + 1) as usize;
            let lines = text.lines().skip(from.saturating_sub(1) as usize);
            lines.take(count.min(QUOTED)).collect::<Vec<_>>().join("\n")
        };
        Ok(text.map(quoted).filter(|text| !text.is_empty()))
    }
}

/// The text of a version, if it has the same lines without its secrets.
fn without_secrets(redactor: &Redactor, mut content: FileContent) -> Option<FileContent> {
    let count = |content: &FileContent| content.text.as_ref().map(|text| text.lines().count());
    let before = count(&content);
    redactor.redact_file(&mut content);
    (count(&content) == before).then_some(content)
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
            format!("{} before, {} now.", bytes(before.size), bytes(after.size))
        }
        (None, Some(after)) => format!("{}.", bytes(after.size)),
        (Some(before), None) => format!("{} before, removed.", bytes(before.size)),
        (None, None) => String::new(),
    }
}

/// `950 bytes`, `12.3 KiB`, `4.1 MiB`.
fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1_024 => return format!("{count} bytes"),
        1_024..1_048_576 => (1_024, "KiB"),
        _ => (1_048_576, "MiB"),
    };
    let tenths = count.saturating_mul(10) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_told_in_units_that_people_use() {
        let told = [0, 999, 12_595, 4_299_162].map(bytes);
        assert_eq!(told, ["0 bytes", "999 bytes", "12.2 KiB", "4.1 MiB"]);
    }
}
