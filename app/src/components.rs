//! Parts that two pages or more are built from.

pub mod changes;
pub mod clock;
pub mod dialog;
pub mod document;
pub mod estimate;
pub mod faults;
pub mod form;
pub mod frame;
pub mod icon;
pub mod kind_boxes;
pub mod notices;
pub mod page;
pub mod pieces;
pub mod pill;
pub mod progress;
pub mod shortcuts;
pub mod theme;
pub mod toast;
