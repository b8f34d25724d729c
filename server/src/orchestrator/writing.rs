//! The text that each agent is writing, before it is a line of the log. Held in memory only, of the
//! newest part alone: it is shown while it grows and never relied upon.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::domain::id::TaskId;
use tokio::sync::watch;

/// How much of a text is held, in bytes. What was written before that is forgotten.
pub const MOST_BYTES: usize = 64 * 1024;

/// How much stays when some of it is forgotten, so that this happens rarely.
const KEPT_BYTES: usize = 48 * 1024;

/// How many channels there may be before the abandoned ones are looked for.
const FEWEST_TO_SWEEP: usize = 64;

/// The text that one agent is writing; empty while it writes none.
#[derive(Debug, Default)]
pub struct Writing {
    number: u64,
    text: String,
    forgotten: usize,
    is_logged: bool,
}

impl Writing {
    /// Tells the task's texts apart.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The newest part of the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes came before that part.
    pub fn forgotten(&self) -> usize {
        self.forgotten
    }

    /// Whether the text before this one is on its way as a line of the log.
    pub fn is_logged(&self) -> bool {
        self.is_logged
    }

    fn push(&mut self, words: &str) {
        self.text.push_str(words);
        if self.text.len() > MOST_BYTES {
            let cut = self.text.len() - KEPT_BYTES;
            let cut = self.text.ceil_char_boundary(cut);
            self.text.drain(..cut);
            self.text.shrink_to(MOST_BYTES);
            self.forgotten += cut;
        }
    }

    /// Begins the next text, if there is one to be ended.
    fn end(&mut self, is_logged: bool) -> bool {
        let had_text = !self.text.is_empty();
        if had_text {
            *self = Self {
                number: self.number + 1,
                is_logged,
                ..Self::default()
            };
        }
        had_text
    }
}

/// The texts of this process's agents. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Writings(Arc<Mutex<Channels>>);

#[derive(Debug, Default)]
struct Channels {
    tasks: HashMap<TaskId, watch::Sender<Writing>>,
    sweep_at: usize,
}

impl Channels {
    fn of(&mut self, task: TaskId) -> &watch::Sender<Writing> {
        if self.tasks.len() >= self.sweep_at.max(FEWEST_TO_SWEEP) {
            let is_used = |channel: &watch::Sender<Writing>| {
                !channel.is_closed() || !channel.borrow().text.is_empty()
            };
            self.tasks.retain(|_, channel| is_used(channel));
            self.sweep_at = self.tasks.len() * 2;
        }
        self.tasks.entry(task).or_default()
    }
}

impl Writings {
    /// What the task's agent is writing, whether there is one yet or not.
    pub(super) fn watch(&self, task: TaskId) -> watch::Receiver<Writing> {
        self.channels().of(task).subscribe()
    }

    /// More words.
    pub(super) fn push(&self, task: TaskId, words: &str) {
        let push = |writing: &mut Writing| writing.push(words);
        self.channels().of(task).send_modify(push);
    }

    /// The text is finished, or it won't be.
    pub(super) fn end(&self, task: TaskId, is_logged: bool) {
        if let Some(channel) = self.channels().tasks.get(&task) {
            channel.send_if_modified(|writing| writing.end(is_logged));
        }
    }

    /// There is no agent any more.
    pub(super) fn forget(&self, task: TaskId) {
        self.end(task, false);
        let mut channels = self.channels();
        let is_unused = channels
            .tasks
            .get(&task)
            .is_some_and(watch::Sender::is_closed);
        if is_unused {
            channels.tasks.remove(&task);
        }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        // The map is whole after every statement, also of a thread that panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> TaskId {
        TaskId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_text_grows_until_it_is_finished_and_the_next_one_is_another() {
        let writings = Writings::default();
        writings.push(id(1), "Once ");
        let mut watched = writings.watch(id(1));
        assert_eq!(watched.borrow_and_update().text(), "Once ");
        writings.push(id(1), "upon");
        writings.push(id(2), "elsewhere");
        assert!(watched.has_changed().unwrap());
        assert_eq!(watched.borrow_and_update().text(), "Once upon");
        let first = watched.borrow().number();
        writings.end(id(1), true);
        writings.end(id(1), false);
        let after = watched.borrow_and_update();
        assert_eq!((after.text(), after.is_logged()), ("", true));
        assert_ne!(after.number(), first);
    }

    #[test]
    fn however_much_is_written_only_the_newest_part_is_held() {
        let writings = Writings::default();
        let watched = writings.watch(id(1));
        let mut written = String::new();
        for number in 0..40_000 {
            let words = format!("{number} é\u{1f642} ");
            written.push_str(&words);
            writings.push(id(1), &words);
            assert!(watched.borrow().text.capacity() <= 2 * MOST_BYTES);
        }
        writings.push(id(1), &"x".repeat(3 * MOST_BYTES));
        written.push_str(&"x".repeat(3 * MOST_BYTES));
        let held = watched.borrow();
        assert!(held.text().len() <= MOST_BYTES);
        assert_eq!(held.text(), &written[held.forgotten()..]);
    }

    #[test]
    fn nothing_is_held_for_tasks_without_agent_and_without_watcher() {
        let writings = Writings::default();
        for number in 0..10_000 {
            writings.watch(id(number));
        }
        assert!(writings.channels().tasks.len() <= FEWEST_TO_SWEEP);
        let writings = Writings::default();
        writings.push(id(1), "words");
        writings.forget(id(1));
        assert!(writings.channels().tasks.is_empty());
        let watched = writings.watch(id(2));
        writings.push(id(2), "words");
        writings.forget(id(2));
        assert_eq!(
            (watched.borrow().text(), watched.borrow().is_logged()),
            ("", false)
        );
    }
}
