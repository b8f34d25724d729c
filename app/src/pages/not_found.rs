//! The page for addresses that lead nowhere.

use leptos::prelude::*;

use crate::components::page::{Crumb, Page};
use crate::request;

/// Says so, with a way back.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    request::set_status(404);
    view! {
        <Page title="Not found" crumbs=vec![Crumb::link("Tasks", "/"), Crumb::here("Not found")]>
            <section class="empty">
                <p class="empty-code" aria-hidden="true">"404"</p>
                <h1>"There is nothing at this address"</h1>
                <p>"It may have been deleted, or the link is incomplete."</p>
                <p><a class="btn btn-primary" href="/">"Go to the tasks"</a></p>
            </section>
        </Page>
    }
}
