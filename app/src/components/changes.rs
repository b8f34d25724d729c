//! Changed files.

use leptos::prelude::*;

use super::code::{Code, CodePart, Margin};
use crate::api::{FileChange, FileDiff};

/// What happened to a file, in one letter and in words.
pub const fn change_mark(change: FileChange) -> (&'static str, &'static str) {
    match change {
        FileChange::Added => ("A", "added"),
        FileChange::Modified => ("M", "modified"),
        FileChange::Deleted => ("D", "deleted"),
        FileChange::Renamed => ("R", "renamed"),
    }
}

/// One changed file.
#[component]
pub fn ChangedFile(
    file: FileDiff,
    #[prop(optional_no_strip)] margin: Option<Margin>,
) -> impl IntoView {
    let (mark, word) = change_mark(file.change);
    let moved = file
        .old_path
        .clone()
        .map(|old| view! { <span class="file-old">{old} " → "</span> });
    let (additions, deletions) = (file.additions, file.deletions);
    let path = file.path.clone();
    let body = if file.binary {
        view! { <p class="file-binary">"A binary file."</p> }.into_any()
    } else {
        view! { <Code parts=CodePart::of_diff(file) is_diff=true margin /> }.into_any()
    };
    view! {
        <details class="changed-file" open id=format!("file-{path}")>
            <summary>
                <abbr class="file-mark" data-change=mark title=word>{mark}</abbr>
                <span class="file-path">{moved} {path.clone()}</span>
                <span class="file-count num"><ins>"+" {additions}</ins> " " <del>"−" {deletions}</del></span>
            </summary>
            {body}
        </details>
    }
    .into_any()
}
