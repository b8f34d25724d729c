//! Keeps the rows around what is visible in the document, and what is visible in its place.
//!
//! Blocks that are not in the document are two spacers. When a block above the visible part turns
//! out to be higher or lower than thought, the panel is scrolled by the difference before it is
//! painted, so that nothing moves under the reader.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::fetch::fill;
use super::store::{Store, block_of};

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
        let before = self.top.get_value();
        self.top.set_value(top);
        if top >= end - NEAR {
            self.is_following.set(true);
            self.seen.set(self.total_untracked());
        } else if top < before - 1.0 && panel.scroll_height() == self.height.get_value() {
            // Content that shrinks scrolls the panel too; that is nobody's wish to stop following.
            self.is_following.set(false);
        }
        self.place();
    }

    /// Chooses the blocks to be in the document.
    pub fn place(self) {
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        let top = f64::from(panel.scroll_top());
        let bottom = top + f64::from(panel.client_height());
        let window = self
            .held
            .with_value(|held| held.layout.between(top - MARGIN, bottom + MARGIN));
        if self.window.get_untracked() != window {
            self.window.set(window);
            // The spacer takes the place of blocks that go before they are gone. Near the end the
            // browser would else find the panel too short for where it is scrolled to.
            self.space();
        }
        fill(self);
        self.settle_soon();
    }

    /// Measures after the document has changed and before it is painted.
    pub fn settle_soon(self) {
        if self.is_settling.get_value() {
            return;
        }
        self.is_settling.set_value(true);
        request_animation_frame(move || {
            self.is_settling
                .try_update_value(|is_settling| *is_settling = false);
            if self.window.try_get_untracked().is_some() {
                self.settle();
            }
        });
    }

    fn settle(self) {
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        let shift = self.measure(&panel);
        self.space();
        if self.is_following.get_untracked() {
            panel.set_scroll_top(panel.scroll_height());
        } else if shift.abs() >= 1.0 {
            let top = f64::from(panel.scroll_top()) + shift;
            panel.set_scroll_top(whole(top));
        }
        self.height.set_value(panel.scroll_height());
        self.top.set_value(f64::from(panel.scroll_top()));
        self.reach_pending(&panel);
        // What was measured may have brought other blocks into view.
        let top = self.top.get_value();
        let bottom = top + f64::from(panel.client_height());
        let needed = self
            .held
            .with_value(|held| held.layout.between(top - MARGIN, bottom + MARGIN));
        if needed != self.window.get_untracked() {
            self.place();
        }
    }

    /// Takes the heights of the blocks in the document; answers by how much the visible part has
    /// been pushed down.
    fn measure(self, panel: &HtmlElement) -> f64 {
        let top = f64::from(panel.scroll_top());
        let Ok(blocks) = panel.query_selector_all(".log-block:not([data-loading])") else {
            return 0.0;
        };
        let mut shift = 0.0;
        for index in 0..blocks.length() {
            let Some(block) = blocks
                .get(index)
                .and_then(|node| node.dyn_into::<HtmlElement>().ok())
            else {
                continue;
            };
            let Some(number) = block
                .get_attribute("data-block")
                .and_then(|text| text.parse().ok())
            else {
                continue;
            };
            let height = block.get_bounding_client_rect().height();
            self.held.update_value(|held| {
                let end = held.layout.offset(number + 1);
                let growth = held.layout.measure(number, height);
                if end <= top + 1.0 {
                    shift += growth;
                }
            });
        }
        shift
    }

    /// Gives the blocks that are not in the document their space.
    fn space(self) {
        let (first, last) = self.window.get_untracked();
        let (above, below) = self.held.with_value(|held| {
            let above = held.layout.offset(first);
            (above, held.layout.height() - held.layout.offset(last + 1))
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

    /// Goes to a line.
    pub fn jump(self, seq: u64) {
        let seq = seq.clamp(1, self.total_untracked().max(1));
        self.is_following.set(false);
        self.current.set(Some(seq));
        self.pending.set_value(Some(seq));
        let Some(panel) = self.panel.get_untracked() else {
            return;
        };
        let block = block_of(seq);
        // The spacer has to be high enough to scroll to before the blocks are there.
        self.space();
        let top = self.held.with_value(|held| held.layout.offset(block));
        panel.set_scroll_top(whole(top));
        self.top.set_value(f64::from(panel.scroll_top()));
        self.place();
    }

    /// Brings the line that was jumped to a quarter below the panel's top.
    fn reach_pending(self, panel: &HtmlElement) {
        let Some(seq) = self.pending.get_value() else {
            return;
        };
        let shown = self.held.with_value(|held| {
            held.cache
                .entry(seq)
                .is_some()
                .then(|| held.cache.shown_at(seq))
        });
        let row = shown.and_then(|seq| document().get_element_by_id(&format!("L{seq}")));
        if let Some(row) = row {
            let distance = row.get_bounding_client_rect().top()
                - Element::get_bounding_client_rect(panel).top();
            let target =
                f64::from(panel.scroll_top()) + distance - f64::from(panel.client_height()) / 4.0;
            panel.set_scroll_top(whole(target));
            self.top.set_value(f64::from(panel.scroll_top()));
            self.current.set(shown);
            self.pending.set_value(None);
        }
    }

    /// Goes to the end and stays there.
    pub fn follow(self) {
        self.is_following.set(true);
        self.current.set(None);
        self.seen.set(self.total_untracked());
        let last = self
            .held
            .with_value(|held| held.layout.blocks().saturating_sub(1));
        self.window.set((last.saturating_sub(2), last));
        fill(self);
        self.settle_soon();
    }

    /// Forgets all heights, after the width or the filter has changed.
    pub fn measure_anew(self) {
        self.held.update_value(|held| held.layout.forget());
        self.place();
    }

    fn total_untracked(self) -> u64 {
        self.held.with_value(|held| held.cache.total())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and a panel is no higher"
)]
fn whole(pixels: f64) -> i32 {
    pixels.round() as i32
}
