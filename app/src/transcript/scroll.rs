//! Keeps the rows around what is visible in the document, and what is visible in its place.
//!
//! Blocks that are not in the document are two spacers. When a block above the visible part turns
//! out to be higher or lower than thought, the panel is scrolled by the difference before it is
//! painted, so that nothing moves under the reader.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::fetch::fill;
use super::store::{Landing, Store, block_of};

/// Pixels above and below the visible part that are in the document too.
const MARGIN: f64 = 500.0;

/// This near to the end counts as the end.
const NEAR: f64 = 32.0;

impl Store {
    /// The panel was scrolled, by a person or by us.
    pub fn scrolled(self) {
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        let top = f64::from(panel.scroll_top());
        let end = f64::from(panel.scroll_height() - panel.client_height());
        let before = self.measured.get_value().top;
        self.measured.update_value(|measured| measured.top = top);
        // Content that shrinks scrolls the panel too; that is nobody's wish. Content that grows
        // never does.
        let is_wish = panel.scroll_height() >= self.measured.get_value().height;
        if is_wish && (top - before).abs() > 1.0 {
            self.measured
                .update_value(|measured| measured.pending = None);
        }
        let reaches_end = self.buffer.with_value(|buffer| buffer.cache.reaches_end());
        if reaches_end && top >= end - NEAR {
            self.is_following.set(true);
            self.seen.set(self.newest_untracked());
        } else if is_wish && top < before - 1.0 {
            self.is_following.set(false);
        }
        self.note_anchor(&panel);
        self.update_window();
    }

    /// Chooses the blocks to be in the document.
    pub fn update_window(self) {
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        let window = self.window_at(&panel);
        if self.window.get_untracked() != window {
            self.window.set(window);
            // The spacer takes the place of blocks that go before they are gone. Near the end the
            // browser would else find the panel too short for where it is scrolled to.
            self.set_spacers();
        }
        fill(self);
        self.measure_soon();
    }

    fn window_at(self, panel: &HtmlElement) -> (usize, usize) {
        let top = f64::from(panel.scroll_top());
        let bottom = top + f64::from(panel.client_height());
        self.buffer
            .with_value(|buffer| buffer.layout.between(top - MARGIN, bottom + MARGIN))
    }

    /// Measures after the document has changed and before it is painted.
    pub fn measure_soon(self) {
        if self.is_gone() || self.measured.get_value().is_due {
            return;
        }
        self.measured
            .update_value(|measured| measured.is_due = true);
        request_animation_frame(move || {
            if !self.is_gone() {
                self.measured
                    .update_value(|measured| measured.is_due = false);
                self.measure_and_scroll();
            }
        });
    }

    fn measure_and_scroll(self) {
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        let shift = self.measure(&panel);
        self.set_spacers();
        if self.is_following.get_untracked() {
            panel.set_scroll_top(panel.scroll_height());
        } else if shift.abs() >= 1.0 {
            let top = f64::from(panel.scroll_top()) + shift;
            panel.set_scroll_top(whole(top));
        }
        self.reach_pending(&panel);
        self.measured.update_value(|measured| {
            measured.height = panel.scroll_height();
            measured.width = panel.client_width();
            measured.top = f64::from(panel.scroll_top());
        });
        self.note_anchor(&panel);
        // What was measured may have brought other blocks into view.
        if self.window_at(&panel) != self.window.get_untracked() {
            self.update_window();
        }
    }

    /// Takes the heights of the blocks in the document; answers by how much the visible part has
    /// been pushed down.
    fn measure(self, panel: &HtmlElement) -> f64 {
        let top = f64::from(panel.scroll_top());
        let mut shift = 0.0;
        for block in elements(panel, ".log-block:not([data-loading])") {
            let number = block.get_attribute("data-block");
            let Some(number) = number.and_then(|text| text.parse().ok()) else {
                continue;
            };
            let height = block.get_bounding_client_rect().height();
            self.buffer.update_value(|buffer| {
                let end = buffer.layout.offset(number + 1);
                let growth = buffer.layout.measure(number, height);
                if end <= top + 1.0 {
                    shift += growth;
                }
            });
        }
        shift
    }

    /// Gives the blocks that are not in the document their space.
    fn set_spacers(self) {
        let (first, last) = self.window.get_untracked();
        let (above, below) = self.buffer.with_value(|buffer| {
            let layout = &buffer.layout;
            let below = layout.height() - layout.offset(last + 1);
            (layout.offset(first), below)
        });
        for (node, height) in [(self.above, above), (self.below, below)] {
            if let Some(spacer) = node.get_untracked() {
                let height = format!("{height}px");
                web_sys::HtmlElement::style(&spacer)
                    .set_property("height", &height)
                    .ok(); // a spacer without height is only inexact
            }
        }
    }

    /// Remembers what the reader is looking at.
    fn note_anchor(self, panel: &HtmlElement) {
        let edge = panel.get_bounding_client_rect().top();
        let is_visible =
            |element: &HtmlElement| element.get_bounding_client_rect().bottom() > edge + 1.0;
        let block = elements(panel, ".log-block").find(is_visible);
        let row = block.and_then(|block| elements(&block, ".log-row").find(is_visible));
        let anchor = row.and_then(|row| {
            let seq = row.id().strip_prefix('L')?.parse().ok()?;
            Some((seq, row.get_bounding_client_rect().top() - edge))
        });
        if anchor.is_some() {
            self.measured
                .update_value(|measured| measured.anchor = anchor);
        }
    }

    /// Goes to a line, past a filter that doesn't show it.
    pub fn jump(self, seq: u64) {
        let seq = seq.clamp(1, self.newest_untracked().max(1));
        let is_shown = self
            .buffer
            .with_value(|buffer| buffer.cache.position(seq).is_some());
        if !is_shown {
            self.show_all_lines();
        }
        self.current.set(Some(seq));
        self.land(seq, Landing::Quarter);
    }

    /// Goes to a line that is shown.
    pub fn land(self, seq: u64, landing: Landing) {
        self.is_following.set(false);
        self.measured
            .update_value(|measured| measured.pending = Some((seq, landing)));
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        // The spacer has to be high enough to scroll to before the blocks are there.
        self.set_spacers();
        let top = self.buffer.with_value(|buffer| {
            let position = buffer.cache.position(seq).unwrap_or(1);
            buffer.layout.offset(block_of(position))
        });
        panel.set_scroll_top(whole(top));
        self.measured
            .update_value(|measured| measured.top = f64::from(panel.scroll_top()));
        self.update_window();
    }

    /// Brings the line that is waited for to its place.
    fn reach_pending(self, panel: &HtmlElement) {
        let Some((seq, landing)) = self.measured.get_value().pending else {
            return;
        };
        let shown = self.buffer.with_value(|buffer| {
            let cache = &buffer.cache;
            cache.entry(seq).is_some().then(|| cache.shown_at(seq))
        });
        let row = shown.and_then(|seq| document().get_element_by_id(&format!("L{seq}")));
        let Some(row) = row else { return };
        let panel_top = panel.get_bounding_client_rect().top();
        let distance = row.get_bounding_client_rect().top() - panel_top;
        let wanted = match landing {
            Landing::Quarter => f64::from(panel.client_height()) / 4.0,
            Landing::Offset(offset) => offset,
        };
        panel.set_scroll_top(whole(f64::from(panel.scroll_top()) + distance - wanted));
        self.measured
            .update_value(|measured| measured.pending = None);
        if landing == Landing::Quarter && self.current.get_untracked().is_some() {
            self.current.set(shown);
        }
    }

    /// Goes to the end and stays there.
    pub fn follow(self) {
        self.measured
            .update_value(|measured| measured.pending = None);
        self.current.set(None);
        let (reaches_end, last) = self.buffer.with_value(|buffer| {
            let last = buffer.layout.blocks().saturating_sub(1);
            (buffer.cache.reaches_end(), last)
        });
        if let (false, Some(filter)) = (reaches_end, self.filter.get_untracked()) {
            self.load_index(filter, None);
            return;
        }
        self.is_following.set(true);
        self.seen.set(self.newest_untracked());
        self.window.set((last.saturating_sub(2), last));
        fill(self);
        self.measure_soon();
    }

    /// The window was resized. Rows have another height if the panel has another width.
    pub fn remeasure(self) {
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        if panel.client_width() == self.measured.get_value().width {
            self.update_window();
            return;
        }
        self.buffer.update_value(|buffer| buffer.layout.forget());
        if !self.is_following.get_untracked() && self.measured.get_value().pending.is_none() {
            let anchor = self.measured.get_value().anchor;
            let pending = anchor.map(|(seq, offset)| (seq, Landing::Offset(offset)));
            self.measured
                .update_value(|measured| measured.pending = pending);
        }
        // The blocks in the document stay: they hold the line that is to keep its place.
        self.measure_soon();
    }
}

fn elements(within: &HtmlElement, selector: &str) -> impl Iterator<Item = HtmlElement> {
    let found = within.query_selector_all(selector).ok();
    let count = found.as_ref().map_or(0, web_sys::NodeList::length);
    (0..count).filter_map(move |place| found.as_ref()?.get(place)?.dyn_into().ok())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and a panel is no higher"
)]
fn whole(pixels: f64) -> i32 {
    pixels.round() as i32
}
