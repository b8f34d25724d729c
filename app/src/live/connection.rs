//! The browser's `EventSource`, with a way back when the browser itself gives up.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent};

use super::{Follow, Live, LiveEvent};

/// How long to wait before opening a connection that was refused.
const RETRY: Duration = Duration::from_secs(3);

/// An open connection.
pub struct Connection {
    source: EventSource,
    /// The browser calls these; they live as long as the connection.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
    _on_open: Closure<dyn FnMut()>,
}

impl Connection {
    /// Opens the stream. One handler serves every kind of event, so that their order is kept.
    pub fn open(live: Live, follow: Follow) -> Option<Self> {
        let source = EventSource::new(&follow.url()).ok()?;
        let last_id = StoredValue::new(String::new());
        let on_message = Closure::new(move |message: MessageEvent| {
            let Some(data) = message.data().as_string() else {
                return;
            };
            if !message.last_event_id().is_empty() {
                last_id.set_value(message.last_event_id());
            }
            if let Some(event) = LiveEvent::read(&message.type_(), &data) {
                live.dispatch(&event);
            }
        });
        for name in LiveEvent::NAMES {
            source
                .add_event_listener_with_callback(name, on_message.as_ref().unchecked_ref())
                .ok()?;
        }
        let failing = source.clone();
        let on_error = Closure::new(move |event: Event| {
            // The stream has an event of this name too; only that one carries data.
            if event.dyn_ref::<MessageEvent>().is_some() {
                return;
            }
            live.lost.set(true);
            if failing.ready_state() == EventSource::CLOSED {
                let resumed = resume(follow, &last_id.get_value());
                set_timeout(move || reopen(live, follow, resumed), RETRY);
            }
        });
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let on_open = Closure::new(move || live.lost.set(false));
        source.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        Some(Self {
            source,
            _on_message: on_message,
            _on_error: on_error,
            _on_open: on_open,
        })
    }

    /// Ends the stream; the browser forgets it.
    pub fn close(connection: &mut Option<Self>) {
        if let Some(connection) = connection.take() {
            connection.source.set_onerror(None);
            connection.source.close();
        }
    }
}

/// Goes on, if the page still follows the same.
fn reopen(live: Live, before: Follow, resumed: Follow) {
    if live.follow.get_untracked() == Some(before) {
        live.follow.set(Some(resumed));
    }
}

/// The same, from the last event that was seen.
fn resume(follow: Follow, last_id: &str) -> Follow {
    let numbers = last_id
        .split_once('.')
        .and_then(|(version, seq)| Some((version.parse().ok()?, seq.parse().ok()?)));
    match (follow, numbers) {
        (Follow::Task { id, .. }, Some((version, log_seq))) => Follow::Task {
            id,
            version,
            log_seq,
        },
        _ => follow,
    }
}
