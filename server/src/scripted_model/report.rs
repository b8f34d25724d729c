//! What the model keeps about its requests: bounded, and never needed to answer but for faults
//! that strike a given number of times.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::selection::{Refusal, ScriptPlace};

const MAX_FAILURES: usize = 100;
const MAX_SESSIONS: usize = 1_000;
const MAX_COUNTERS: usize = 4_096;

/// Answer of `GET /__scripted/report`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Requests for messages, side calls included.
    pub requests: u64,
    /// Requests answered without a script: titles, summaries, probes.
    pub side_requests: u64,
    /// Replies that a fault replaced or damaged.
    pub faults: u64,
    /// The newest broken expectations and unplayable scripts.
    pub failures: VecDeque<Failure>,
    /// The newest sessions by id.
    pub sessions: BTreeMap<String, SessionReport>,
}

/// A refused request.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    pub session: String,
    pub reason: String,
    /// How often it came: the CLI repeats a request that was refused with a 400.
    pub times: u64,
}

/// What one session has asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionReport {
    pub requests: u64,
    pub faults: u64,
    /// The entry that was played last.
    pub last: ScriptPlace,
    #[serde(skip)]
    touched: u64,
}

/// The shared notebook behind the report.
#[derive(Debug, Default)]
pub struct Notebook(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    report: Report,
    strikes: HashMap<u64, u32>,
    order: VecDeque<u64>,
}

impl Notebook {
    /// The report as it stands.
    pub fn report(&self) -> Report {
        self.notes().report.clone()
    }

    /// Notes a request that no script was asked about.
    pub fn side_request(&self) {
        let mut notes = self.notes();
        notes.report.requests += 1;
        notes.report.side_requests += 1;
    }

    /// Notes which entry a session's request gets.
    pub fn played(&self, session: &str, place: &ScriptPlace) {
        let mut notes = self.notes();
        notes.session(session).last = place.clone();
    }

    /// Notes a request that couldn't be answered by its script.
    pub fn refused(&self, session: &str, refusal: &Refusal) {
        let mut notes = self.notes();
        notes.session(session);
        let failures = &mut notes.report.failures;
        let reason = refusal.to_string();
        let is_same =
            |failure: &&mut Failure| failure.session == session && failure.reason == reason;
        if let Some(failure) = failures.iter_mut().find(is_same) {
            failure.times += 1;
            return;
        }
        if failures.len() == MAX_FAILURES {
            failures.pop_front();
        }
        failures.push_back(Failure {
            session: session.to_owned(),
            reason,
            times: 1,
        });
    }

    /// Whether a fault that strikes `times` requests (`None`: all) strikes this one too.
    pub fn strikes(&self, key: &(&str, &ScriptPlace), times: Option<u32>) -> bool {
        let mut notes = self.notes();
        if times.is_some_and(|times| notes.strike(key) > times) {
            return false;
        }
        notes.report.faults += 1;
        if let Some(session) = notes.report.sessions.get_mut(key.0) {
            session.faults += 1;
        }
        true
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Counters stay usable whatever happened to another holder.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    fn session(&mut self, id: &str) -> &mut SessionReport {
        self.report.requests += 1;
        let sessions = &mut self.report.sessions;
        if sessions.len() >= MAX_SESSIONS && !sessions.contains_key(id) {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.touched);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&oldest);
            }
        }
        let session = sessions.entry(id.to_owned()).or_default();
        session.requests += 1;
        session.touched = self.report.requests;
        session
    }

    /// Counts a request at a place of a script, this one included.
    fn strike(&mut self, key: &(&str, &ScriptPlace)) -> u32 {
        let mut hasher = DefaultHasher::new();
        (key.0, &key.1.scenario, key.1.turn, key.1.reply).hash(&mut hasher);
        let key = hasher.finish();
        if !self.strikes.contains_key(&key) {
            if self.order.len() == MAX_COUNTERS
                && let Some(oldest) = self.order.pop_front()
            {
                self.strikes.remove(&oldest);
            }
            self.order.push_back(key);
        }
        let count = self.strikes.entry(key).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_says_in_each_session() {
        let notebook = Notebook::default();
        let place = ScriptPlace::default();
        let strikes = |session| notebook.strikes(&(session, &place), Some(2));
        assert_eq!(
            [strikes("a"), strikes("a"), strikes("a")],
            [true, true, false]
        );
        assert!(strikes("b"));
        assert!((0..9).all(|_| notebook.strikes(&("a", &place), None)));
    }

    #[test]
    fn memory_stays_bounded() {
        let notebook = Notebook::default();
        for n in 0..MAX_COUNTERS * 2 {
            let session = n.to_string();
            notebook.played(&session, &ScriptPlace::default());
            notebook.strikes(&(&session, &ScriptPlace::default()), Some(1));
        }
        let notes = notebook.notes();
        assert_eq!(notes.report.sessions.len(), MAX_SESSIONS);
        assert_eq!(
            (notes.strikes.len(), notes.order.len()),
            (MAX_COUNTERS, MAX_COUNTERS)
        );
        assert!(
            notes
                .report
                .sessions
                .contains_key(&(MAX_COUNTERS * 2 - 1).to_string())
        );
    }
}
