//! Secrets in what is shown of a task's files. The files themselves, and what is packed of them to
//! be taken away, are the agent's work and stay as they are.
//!
//! Lines stay lines: a secret over several of them leaves a note on each, so that the numbers of
//! those behind it stay true.

use std::collections::BTreeMap;
use std::ops::Range;

use app::api::{Diff, DiffLine, Hunk};

use super::redactor::NAMELESS;
use super::{Redactor, shapes};
use crate::workspace::{FileContent, is_cut};

/// git cuts what it names in a hunk's header at 80 bytes, and then takes spaces from its end.
const CUT_CONTEXT: usize = 72;

impl Redactor {
    /// Removes secrets from paths and lines. Lines are looked at together, as each version has them.
    pub fn redact_diff(&self, diff: &mut Diff) {
        for file in &mut diff.files {
            self.clean(&mut file.path);
            if let Some(path) = &mut file.old_path {
                self.clean(path);
            }
            for hunk in &mut file.hunks {
                self.clean_header(&mut hunk.header);
                self.clean_hunk(hunk);
            }
        }
    }

    /// Removes secrets from the text, where it is cut off also what may be the beginning of one.
    pub fn redact_file(&self, file: &mut FileContent) {
        let Some(text) = &mut file.text else { return };
        if file.truncated {
            text.truncate(self.decided(text));
        }
        let hidden = self.hidden(text, &[]);
        if !hidden.is_empty() {
            *text = without(text, &hidden);
        }
    }

    /// The text without secrets, in its place.
    pub fn clean(&self, text: &mut String) {
        if !self.is_clean(text) {
            *text = self.redact(text).into_owned();
        }
    }

    /// A header names a line that stands somewhere before its hunk, perhaps one of a key.
    fn clean_header(&self, header: &mut String) {
        let context = header
            .match_indices("@@")
            .nth(1)
            .map(|(at, mark)| at + mark.len());
        let context = context.unwrap_or(header.len());
        let named = header[context..].trim();
        if shapes::may_be_of_key(named) {
            header.truncate(context);
        } else if named.len() >= CUT_CONTEXT || is_cut(header) {
            *header = self.redact_cut(header);
        } else {
            self.clean(header);
        }
    }

    fn clean_hunk(&self, hunk: &mut Hunk) {
        let mut clean = self.clean_side(&hunk.lines, |line| line.old.is_some());
        for (place, text) in self.clean_side(&hunk.lines, |line| line.new.is_some()) {
            // A line of both versions may be a part of different secrets.
            let known = clean.entry(place).or_insert_with(|| text.clone());
            if *known != text {
                NAMELESS.clone_into(known);
            }
        }
        for (place, text) in clean {
            hunk.lines[place].text = text;
        }
    }

    /// The lines of one version that have something to hide, by their places, without it.
    fn clean_side(
        &self,
        lines: &[DiffLine],
        is_of_side: impl Fn(&DiffLine) -> bool,
    ) -> BTreeMap<usize, String> {
        let mut places = Vec::new();
        let mut text = String::new();
        let mut also = Vec::new();
        for (place, line) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| is_of_side(line))
        {
            if !places.is_empty() {
                text.push('\n');
            }
            if is_cut(&line.text) {
                let shown = line.text.strip_suffix('…').unwrap_or(&line.text);
                let decided = self.decided(shown);
                if decided < shown.len() {
                    also.push((text.len() + decided, text.len() + shown.len()));
                }
            }
            text.push_str(&line.text);
            places.push(place);
        }
        let end_of_key = shapes::end_of_key(text.as_bytes());
        let mut hidden = self.hidden(&text, &also);
        if let Some(end) = end_of_key {
            let begun = hidden.iter().filter(|(range, _)| range.start < end);
            let end = begun.map(|(range, _)| range.end).fold(end, usize::max);
            hidden.retain(|(range, _)| range.start >= end);
            hidden.insert(0, (0..end, NAMELESS));
        }
        if hidden.is_empty() {
            return BTreeMap::new();
        }
        let clean = without(&text, &hidden);
        let both = places
            .into_iter()
            .zip(text.split('\n').zip(clean.split('\n')));
        let changed = both.filter(|(_, (before, after))| before != after);
        changed
            .map(|(place, (_, after))| (place, after.to_owned()))
            .collect()
    }
}

/// The text with notes in place of what is hidden, one on each line of it.
fn without(text: &str, hidden: &[(Range<usize>, &str)]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut written = 0;
    for (range, note) in hidden {
        clean.push_str(&text[written..range.start]);
        for (number, line) in text[range.clone()].split('\n').enumerate() {
            if number > 0 {
                clean.push('\n');
            }
            if !line.trim().is_empty() {
                clean.push_str(note);
            }
        }
        written = range.end;
    }
    clean.push_str(&text[written..]);
    clean
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
