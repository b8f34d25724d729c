//! Where the blocks of a log lie in the scrolled panel. Only a few of them are in the document;
//! the others are space above and below, of measured height where they have been seen.

/// Lines that come and go together.
pub const BLOCK: u64 = 20;

/// The height of a block that has not been seen yet, in pixels. The style sheet gives the same
/// to a block that is loading.
pub const GUESS: f64 = 640.0;

/// Heights of all blocks.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    heights: Vec<Option<f64>>,
}

impl Layout {
    /// Makes room for a log of so many lines. A block that gets more lines keeps its height until
    /// it is measured again.
    pub fn grow(&mut self, lines: u64) {
        let blocks = usize::try_from(lines.div_ceil(BLOCK)).unwrap_or(usize::MAX);
        if blocks > self.heights.len() {
            self.heights.resize(blocks, None);
        }
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.heights.len()
    }

    /// Forgets what was measured, after the panel's width or the filter has changed.
    pub fn forget(&mut self) {
        self.heights.fill(None);
    }

    fn of(height: Option<f64>) -> f64 {
        height.unwrap_or(GUESS)
    }

    /// The pixels above a block.
    pub fn offset(&self, block: usize) -> f64 {
        let above = self.heights.iter().take(block);
        above.map(|height| Self::of(*height)).sum()
    }

    /// All of it.
    pub fn height(&self) -> f64 {
        self.offset(self.heights.len())
    }

    /// Takes a measured height and answers by how much the block has grown.
    pub fn measure(&mut self, block: usize, height: f64) -> f64 {
        let Some(known) = self.heights.get_mut(block) else {
            return 0.0;
        };
        let growth = height - Self::of(*known);
        *known = Some(height);
        growth
    }

    /// The blocks that touch the stretch between two offsets: first and last.
    pub fn between(&self, top: f64, bottom: f64) -> (usize, usize) {
        let mut first = None;
        let mut last = 0;
        let mut edge = 0.0;
        for (block, height) in self.heights.iter().enumerate() {
            if edge > bottom {
                break;
            }
            edge += Self::of(*height);
            if first.is_none() && edge > top {
                first = Some(block);
            }
            last = block;
        }
        (first.unwrap_or(last), last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{GUESS, Layout};

    #[test]
    fn measured_blocks_move_what_is_below_them() {
        let mut layout = Layout::default();
        layout.grow(41);
        assert_eq!(layout.blocks(), 3);
        assert!((layout.height() - 3.0 * GUESS).abs() < f64::EPSILON);
        let growth = layout.measure(0, 100.0);
        assert!((growth - (100.0 - GUESS)).abs() < f64::EPSILON);
        assert!((layout.offset(1) - 100.0).abs() < f64::EPSILON);
        assert_eq!(layout.between(0.0, 99.0), (0, 0));
        assert_eq!(layout.between(100.0, 101.0), (1, 1));
    }

    proptest! {
        #[test]
        fn a_window_covers_what_is_asked_for(heights in prop::collection::vec(0.0..2000.0_f64, 1..60), top in 0.0..40_000.0_f64) {
            let mut layout = Layout::default();
            layout.grow(20 * heights.len() as u64);
            for (block, height) in heights.iter().enumerate() {
                layout.measure(block, *height);
            }
            let (first, last) = layout.between(top, top + 800.0);
            prop_assert!(first <= last && last < layout.blocks());
            if top < layout.height() {
                prop_assert!(layout.offset(first) <= top);
                prop_assert!(layout.offset(last + 1) >= (top + 800.0).min(layout.height()) - 1e-6);
            }
        }
    }
}
