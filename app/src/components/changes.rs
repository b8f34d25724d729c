//! Changed files.

use leptos::prelude::*;

use crate::api::{self, FileChange};
use crate::visible;

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
pub fn ChangedFile(file: api::ChangedFile) -> impl IntoView {
    let (mark, word) = change_mark(file.change);
    let moved = file
        .old_path
        .map(|old| view! { <span class="file-old">{visible::name(&old)} " → "</span> });
    let (additions, deletions) = (file.additions, file.deletions);
    let path = file.path;
    let body = match file.html {
        Some(html) => view! { <div class="code-box" inner_html=html></div> }.into_any(),
        None => view! { <p class="file-binary">"A binary file."</p> }.into_any(),
    };
    view! {
        <details class="changed-file" open id=format!("file-{path}")>
            <summary>
                <abbr class="file-mark" data-change=mark title=word>{mark}</abbr>
                <span class="file-path">{moved} {visible::name(&path)}</span>
                <span class="file-count num"><ins>"+" {additions}</ins> " " <del>"−" {deletions}</del></span>
            </summary>
            {body}
        </details>
    }
    .into_any()
}
