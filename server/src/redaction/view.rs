//! Secrets in what is shown of a task's files. The files themselves, and what is packed of them to
//! be taken away, are the agent's work and stay as they are.

use app::api::Diff;

use super::Redactor;
use crate::workspace::FileContent;

impl Redactor {
    /// Removes secrets from paths and lines.
    pub fn redact_diff(&self, diff: &mut Diff) {
        for file in &mut diff.files {
            self.clean(&mut file.path);
            if let Some(path) = &mut file.old_path {
                self.clean(path);
            }
            for hunk in &mut file.hunks {
                self.clean(&mut hunk.header);
                hunk.lines
                    .iter_mut()
                    .for_each(|line| self.clean(&mut line.text));
            }
        }
    }

    /// Removes secrets from the text, where it is cut off also what may be the beginning of one.
    pub fn redact_file(&self, file: &mut FileContent) {
        match &mut file.text {
            Some(text) if file.truncated => *text = self.redact_cut(text),
            Some(text) => self.clean(text),
            None => {}
        }
    }

    /// The text without secrets, in its place.
    pub fn clean(&self, text: &mut String) {
        if !self.is_clean(text) {
            *text = self.redact(text).into_owned();
        }
    }
}
