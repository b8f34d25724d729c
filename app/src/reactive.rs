//! Memos, effects and parts of pages whose closures are boxed: the framework's code for them is in the
//! browser's module once for each type of value, instead of once for each closure.

use leptos::prelude::*;

/// A value that is worked out again when what it reads changes, and tells of it only if it differs.
#[track_caller]
pub fn memo<T: PartialEq + Send + Sync + 'static>(
    value: impl Fn() -> T + Send + Sync + 'static,
) -> Memo<T> {
    let value: Box<dyn Fn() -> T + Send + Sync> = Box::new(value);
    Memo::new(move |_| value())
}

/// Runs in the browser: once the page is live, and after each change of what it reads.
#[track_caller]
pub fn effect(run: impl FnMut() + 'static) {
    let mut run: Box<dyn FnMut()> = Box::new(run);
    Effect::new(move |_| run());
}

/// A part of a page that is drawn again when what it reads changes.
pub fn part<V: IntoAny>(mut view: impl FnMut() -> V + Send + 'static) -> AnyView {
    let view: Box<dyn FnMut() -> AnyView + Send> = Box::new(move || view().into_any());
    view.into_any()
}
