//! Where the answers of a task's model come from.

use std::sync::Arc;

use app::api::SCRIPTED_MODEL;
use app::domain::task::Task;
use app::domain::text::ModelName;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::settings::{AccountError, Credential, Settings};

/// What an agent needs to reach its model.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The base URL, or the CLI's own choice.
    pub base_url: Option<String>,
    /// What is presented there.
    pub credential: Credential,
    /// The model, or the CLI's own choice.
    pub model: Option<String>,
}

/// The account of the settings, if there is one, and the scripted model beside it.
#[derive(Clone)]
pub struct Models {
    settings: Settings,
    only_scripted: bool,
    scripted: Arc<dyn Fn() -> Starting + Send + Sync>,
    scripted_url: Arc<OnceCell<String>>,
}

/// The scripted model on its way up; its base URL when it is there.
pub type Starting = futures::future::BoxFuture<'static, std::io::Result<String>>;

/// Why a task has no model.
#[derive(Debug, thiserror::Error)]
pub enum NoModel {
    /// Nobody has configured credentials.
    #[error(
        "No Claude credentials are set. Give a key in the settings, or run this task on the scripted \
         demo model."
    )]
    NoCredentials,
    /// The credentials can't be read.
    #[error("the Claude credentials can't be had")]
    Unreadable(#[source] AccountError),
    /// The scripted model did not start.
    #[error("the scripted model can't be started")]
    Scripted(#[source] std::io::Error),
}

impl Models {
    /// `scripted` starts the scripted model; it is called when the first task needs it.
    pub fn new(
        settings: Settings,
        only_scripted: bool,
        scripted: impl Fn() -> Starting + Send + Sync + 'static,
    ) -> Self {
        Self {
            settings,
            only_scripted,
            scripted: Arc::new(scripted),
            scripted_url: Arc::default(),
        }
    }

    /// The model of a task.
    pub async fn endpoint(&self, task: &Task) -> Result<Endpoint, NoModel> {
        self.endpoint_for(task.model.as_ref()).await
    }

    /// The model of this name, or of the name that the settings give.
    pub async fn endpoint_for(&self, asked: Option<&ModelName>) -> Result<Endpoint, NoModel> {
        let default = self.settings.in_force().values.model;
        let asked = asked.cloned().or(default).map(String::from);
        if self.only_scripted || asked.as_deref() == Some(SCRIPTED_MODEL) {
            let url = self
                .scripted_url
                .get_or_try_init(|| (self.scripted)())
                .await;
            let base_url = url.map_err(NoModel::Scripted)?.clone();
            return Ok(Endpoint {
                base_url: Some(base_url),
                credential: Credential::ApiKey(SecretString::from("sk-scripted-model")),
                model: None,
            });
        }
        let account = self.settings.account().await;
        let account = account
            .map_err(NoModel::Unreadable)?
            .ok_or(NoModel::NoCredentials)?;
        Ok(Endpoint {
            base_url: account.base_url,
            credential: account.credential,
            model: asked,
        })
    }
}
