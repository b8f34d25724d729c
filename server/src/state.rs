//! What handlers share: handles only, cheap to clone.

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio_util::sync::CancellationToken;

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
    /// Ends the bodies that would never end.
    pub shutdown: CancellationToken,
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
