//! The page's one live connection: server-sent events that feed whoever listens.
//!
//! A page says what it follows; the connection goes on from the version and the log line that the
//! page was rendered at, so that nothing between the two is missed.

#[cfg(feature = "hydrate")]
mod connection;
mod event;

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

pub use event::LiveEvent;

use crate::api::TaskView;
use crate::components::pill::Look;
use crate::domain::id::TaskId;
#[cfg(feature = "hydrate")]
use crate::domain::log::LogLine;
use crate::reactive::effect;

/// How often what follows from many tasks is loaded anew at most.
const PACE: Duration = Duration::from_millis(800);

/// What a page follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The status of every task.
    Tasks,
    /// That, and everything about one task from a point on.
    Task {
        id: TaskId,
        version: u64,
        log_seq: u64,
    },
}

impl Follow {
    /// Where the server streams it.
    #[cfg(feature = "hydrate")]
    fn url(self) -> String {
        match self {
            Self::Tasks => "/api/stream".to_owned(),
            Self::Task {
                id,
                version,
                log_seq,
            } => {
                format!("/api/stream?task={id}&after={version}.{log_seq}")
            }
        }
    }
}

type Listener = Arc<dyn Fn(&LiveEvent) + Send + Sync>;

/// The page's live connection.
#[derive(Clone, Copy)]
pub struct Live {
    follow: RwSignal<Option<Follow>>,
    lost: RwSignal<bool>,
    announcement: RwSignal<String>,
    listeners: StoredValue<Vec<(u32, Listener)>>,
    next: StoredValue<u32>,
    /// What this connection has told of each task, for listeners that come later.
    statuses: StoredValue<Vec<TaskView>>,
    /// What the followed task's agent is writing.
    writing: StoredValue<String>,
}

impl Live {
    /// Makes the connection available. It opens when a page says what it follows.
    pub fn provide() {
        let live = Self {
            follow: RwSignal::new(None),
            lost: RwSignal::new(false),
            announcement: RwSignal::new(String::new()),
            listeners: StoredValue::new(Vec::new()),
            next: StoredValue::new(0),
            statuses: StoredValue::new(Vec::new()),
            writing: StoredValue::new(String::new()),
        };
        provide_context(live);
        live.connect();
    }

    #[cfg(feature = "hydrate")]
    fn connect(self) {
        effect(move || {
            if let Some(follow) = self.follow.get() {
                let connection = connection::Connection::open(self, follow);
                let connection = StoredValue::new_local(connection);
                on_cleanup(move || {
                    connection.try_update_value(connection::Connection::close);
                });
            }
        });
    }

    #[cfg(not(feature = "hydrate"))]
    #[expect(
        clippy::unused_self,
        reason = "the server renders and is done: there is nothing to follow"
    )]
    fn connect(self) {}

    /// Follows something else from now on. Call it from an effect.
    pub fn follow(self, what: Follow) {
        if self.follow.get_untracked() != Some(what) {
            self.statuses.update_value(Vec::clear);
            self.writing.set_value(String::new());
            self.follow.set(Some(what));
        }
    }

    /// Whether the connection is lost at present.
    pub fn is_lost(self) -> bool {
        self.lost.get()
    }

    /// What the followed task's agent is writing, before it is a line of the log.
    pub fn writing(self) -> String {
        self.writing.get_value()
    }

    /// What people who listen to the page are told.
    pub fn announcement(self) -> String {
        self.announcement.get()
    }

    /// Says that a task has changed its status.
    pub fn announce(self, task: &TaskView) {
        let word = Look::of(task).word.to_lowercase();
        self.announcement.set(format!("{}: {word}", task.title));
    }

    /// Calls `listener` for every event until its owner is gone, first for what the connection has
    /// told of each task: it may have moved while the page was loaded. Call it from an effect.
    pub fn subscribe(self, listener: impl Fn(&LiveEvent) + Send + Sync + 'static) {
        for task in self.statuses.get_value() {
            listener(&LiveEvent::Status(Box::new(task)));
        }
        let id = self.next.get_value();
        self.next.set_value(id + 1);
        self.listeners
            .update_value(|listeners| listeners.push((id, Arc::new(listener))));
        on_cleanup(move || {
            self.listeners
                .try_update_value(|listeners| listeners.retain(|(other, _)| *other != id));
        });
    }

    /// Calls `load` when tasks have moved; however fast they do, at a steady pace.
    pub fn after_moves(self, load: impl Fn() + Copy + Send + Sync + 'static) {
        effect(move || {
            let is_due = StoredValue::new(false);
            self.subscribe(move |event| {
                let moved = matches!(
                    event,
                    LiveEvent::Status(_) | LiveEvent::Gone(_) | LiveEvent::Reset
                );
                if moved && !is_due.get_value() {
                    is_due.set_value(true);
                    let due = move || {
                        // Gone with the page.
                        if is_due.try_set_value(false).is_none() {
                            load();
                        }
                    };
                    set_timeout(due, PACE);
                }
            });
        });
    }

    #[cfg(feature = "hydrate")]
    fn dispatch(self, event: &LiveEvent) {
        self.statuses.update_value(|statuses| match event {
            LiveEvent::Status(task) => {
                match statuses.iter_mut().find(|known| known.id == task.id) {
                    Some(known) if known.version <= task.version => known.clone_from(task.as_ref()),
                    Some(_) => {}
                    None => statuses.push(task.as_ref().clone()),
                }
            }
            LiveEvent::Gone(id) => statuses.retain(|known| known.id != *id),
            _ => {}
        });
        self.writing.update_value(|writing| match event {
            LiveEvent::Writing(view) => {
                if !view.append {
                    writing.clear();
                }
                writing.push_str(&view.text);
            }
            LiveEvent::Log(lines) if lines.iter().any(LogLine::is_agent_text) => writing.clear(),
            _ => {}
        });
        for (_, listener) in self.listeners.get_value() {
            listener(event);
        }
    }
}
