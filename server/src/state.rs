//! What handlers share: handles only, cheap to clone.

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::assets::Site;
use crate::http::board::Board;
use crate::http::gate::Gate;
use crate::service::Service;

/// The state of the router.
#[derive(Clone)]
pub struct AppState {
    pub service: Service,
    /// The status of all tasks, for those who watch the list.
    pub board: Board,
    pub gate: Gate,
    pub site: Site,
    pub leptos: LeptosOptions,
    /// What goes on when the client has gone. Waited for at the shutdown.
    pub background: TaskTracker,
    /// Ends the bodies that would never end.
    pub shutdown: CancellationToken,
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
