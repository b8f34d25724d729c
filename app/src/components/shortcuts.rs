//! Keys. A page marks what a key does with `data-key` on the link, button or field itself, so
//! that a key can never do what a pointer can't.

use crate::reactive::{effect, list};
use leptos::ev::keydown;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement, HtmlElement, KeyboardEvent};

/// What the help lists.
const KEYS: [(&str, &str); 22] = [
    ("?", "This help"),
    ("/", "Search"),
    ("c", "New task"),
    ("g t", "Tasks"),
    ("g n", "Needs you"),
    ("g i", "Inbox"),
    ("g q", "Queue"),
    ("g h", "Schedules"),
    ("g d", "Guides"),
    ("g u", "Usage"),
    ("g s", "Settings"),
    ("j", "Next row"),
    ("k", "Previous row"),
    ("Enter", "Open"),
    ("f", "Follow the live log"),
    ("n", "Next match in the log, next comment in a review"),
    ("p", "Previous match, previous comment"),
    ("]", "Next file"),
    ("[", "Previous file"),
    ("a", "Approve"),
    ("r", "Request changes"),
    ("Esc", "Close"),
];

/// How long `g` waits for the key that follows it.
const PREFIX_MS: f64 = 1_500.0;

/// Listens for keys and shows their help.
#[component]
pub fn Shortcuts() -> impl IntoView {
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    effect(move || {
        let pressed_g = StoredValue::new(None::<f64>);
        let handle = window_event_listener(keydown, move |event| {
            on_key(&event, pressed_g, dialog.get_untracked().as_ref());
        });
        on_cleanup(move || handle.remove());
    });
    let rows = KEYS.map(|(key, what)| {
        view! {
            <div class="key-row">
                <dt>{list(key.split(' ').map(|part| view! { <kbd class="kbd kbd-sm">{part.to_owned()}</kbd> }))}</dt>
                <dd>{what}</dd>
            </div>
        }
    });
    view! {
        <dialog node_ref=dialog class="dialog" aria-labelledby="keys-title">
            <h2 id="keys-title">"Keyboard"</h2>
            <dl class="key-list">{list(rows)}</dl>
            <form method="dialog"><button class="btn btn-sm">"Close"</button></form>
        </dialog>
    }
    .into_any()
}

fn on_key(
    event: &KeyboardEvent,
    pressed_g: StoredValue<Option<f64>>,
    help: Option<&HtmlDialogElement>,
) {
    if event.default_prevented()
        || event.ctrl_key()
        || event.meta_key()
        || event.alt_key()
        || is_typing(event)
    {
        return;
    }
    let key = event.key();
    let now = event.time_stamp();
    let after_g = pressed_g.get_value().is_some_and(|at| now - at < PREFIX_MS);
    pressed_g.set_value((key == "g" && !after_g).then_some(now));
    let handled = match key.as_str() {
        "?" => help.is_some_and(|help| help.open() || help.show_modal().is_ok()),
        "j" => focus_row(1),
        "k" => focus_row(-1),
        "g" | "\"" | "\\" => false,
        _ if after_g => press(&format!("g {key}")),
        _ if key.chars().count() == 1 => press(&key),
        _ => false,
    };
    if handled {
        event.prevent_default();
    }
}

/// Whether the key belongs to a field, or to a dialog that is open.
fn is_typing(event: &KeyboardEvent) -> bool {
    let Some(target) = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok())
    else {
        return false;
    };
    let selector = "input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]";
    let in_field = target.matches(selector).unwrap_or(false);
    let modal = document().query_selector("dialog:modal").ok().flatten();
    in_field || modal.is_some()
}

/// Does what the element marked with the key does.
fn press(key: &str) -> bool {
    let found = document().query_selector(&format!("[data-key=\"{key}\"]"));
    let Some(element) = found
        .ok()
        .flatten()
        .and_then(|found| found.dyn_into::<HtmlElement>().ok())
    else {
        return false;
    };
    // What can't be taken back is only brought under the finger.
    if element
        .matches("input, textarea, [data-key-focus]")
        .unwrap_or(false)
    {
        element.focus().is_ok()
    } else {
        element.click();
        true
    }
}

/// Moves the focus by one row.
fn focus_row(by: i32) -> bool {
    let Ok(rows) = document().query_selector_all("[data-row]") else {
        return false;
    };
    let rows: Vec<HtmlElement> = (0..rows.length())
        .filter_map(|index| rows.get(index)?.dyn_into().ok())
        .collect();
    let focused = document().active_element();
    let present = rows
        .iter()
        .position(|row| focused.as_ref() == Some(row.as_ref()));
    let next = match (present, by) {
        (None, _) => Some(0),
        (Some(index), 1) => Some((index + 1).min(rows.len().saturating_sub(1))),
        (Some(index), _) => Some(index.saturating_sub(1)),
    };
    next.and_then(|index| rows.get(index))
        .is_some_and(|row| row.focus().is_ok())
}
