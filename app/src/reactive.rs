//! What pages are made of, its types erased: the framework's code for it is in the browser's module once,
//! instead of once for each type of value, closure and view.

use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;

/// A value that is worked out from others. To the framework all are of one type.
pub struct Memo<T> {
    value: leptos::prelude::Memo<Arc<dyn Compared>>,
    of: PhantomData<fn() -> T>,
}

/// Works a value out, again when what it reads changes, and tells of it only if it differs.
#[track_caller]
pub fn memo<T: PartialEq + Send + Sync + 'static>(
    value: impl Fn() -> T + Send + Sync + 'static,
) -> Memo<T> {
    let value: Box<dyn Fn() -> Arc<dyn Compared> + Send + Sync> =
        Box::new(move || Arc::new(value()));
    Memo {
        value: leptos::prelude::Memo::new(move |_| value()),
        of: PhantomData,
    }
}

impl<T> Clone for Memo<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Memo<T> {}

impl<T: 'static> Memo<T> {
    /// Reads the value, and runs again what reads it when it changes.
    #[track_caller]
    pub fn with<U>(self, read: impl FnOnce(&T) -> U) -> U {
        read(downcast(&*self.value.get()))
    }

    /// The value as it is now.
    #[track_caller]
    pub fn with_untracked<U>(self, read: impl FnOnce(&T) -> U) -> U {
        read(downcast(&*self.value.get_untracked()))
    }
}

impl<T: Clone + 'static> Memo<T> {
    /// A copy of the value, tracked.
    #[track_caller]
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value as it is now.
    #[track_caller]
    pub fn get_untracked(self) -> T {
        self.with_untracked(T::clone)
    }
}

/// A value of any type that can be compared with another one.
pub trait Compared: Any + Send + Sync {
    /// Whether the other one is of the same type and equal.
    fn equals(&self, other: &dyn Any) -> bool;
}

impl<T: PartialEq + Send + Sync + 'static> Compared for T {
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }
}

impl PartialEq for dyn Compared {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}

/// What was put in as a `T`.
pub fn downcast<T: 'static>(value: &dyn Compared) -> &T {
    let value: &dyn Any = value;
    value
        .downcast_ref()
        .expect("it is read as what it was made")
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

/// A view that waits for a value, inside of a `Transition`.
pub fn suspend<V: IntoAny>(view: impl Future<Output = V> + Send + 'static) -> AnyView {
    let view: Pin<Box<dyn Future<Output = AnyView> + Send>> =
        Box::pin(async move { view.await.into_any() });
    Suspend::new(view).into_any()
}

/// Views one after another, each of any type.
pub fn list<V: IntoAny>(views: impl IntoIterator<Item = V>) -> AnyView {
    let views: Vec<AnyView> = views.into_iter().map(IntoAny::into_any).collect();
    views.into_any()
}

/// A view for each item: kept and moved as long as its key is there, drawn when the key is new.
pub fn rows<T: Send + 'static, V: IntoAny>(
    each: impl Fn() -> Vec<T> + Send + 'static,
    key: impl Fn(&T) -> String + Send + 'static,
    view: impl Fn(T) -> V + Send + Sync + 'static,
) -> AnyView {
    let view = Arc::new(view);
    let row = move |item| {
        let view = Arc::clone(&view);
        Row {
            key: key(&item),
            draw: Box::new(move || view(item).into_any()),
        }
    };
    let each: Box<dyn Fn() -> Vec<Row> + Send> =
        Box::new(move || each().into_iter().map(&row).collect());
    view! { <For each key=|row: &Row| row.key.clone() children=|row: Row| (row.draw)() /> }
        .into_any()
}

struct Row {
    key: String,
    draw: Box<dyn FnOnce() -> AnyView + Send>,
}
