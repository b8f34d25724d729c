//! Where the answers of a task's model come from.

use std::sync::Arc;

use app::api::{ModelSource, SCRIPTED_MODEL};
use app::domain::task::Task;
use secrecy::SecretString;
use tokio::sync::OnceCell;

/// What an agent needs to reach its model.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The base URL, or the CLI's own choice.
    pub base_url: Option<String>,
    /// What the process presents there.
    pub api_key: SecretString,
    /// The model, or the CLI's own choice.
    pub model: Option<String>,
}

/// The configured account, if there is one, and the scripted model beside it.
#[derive(Clone)]
pub struct Models {
    account: Option<Account>,
    only_scripted: bool,
    scripted: Arc<dyn Fn() -> Starting + Send + Sync>,
    scripted_url: Arc<OnceCell<String>>,
}

/// The scripted model on its way up; its base URL when it is there.
pub type Starting = futures::future::BoxFuture<'static, std::io::Result<String>>;

/// The configured account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Another address than Anthropic's.
    pub base_url: Option<String>,
    /// The key.
    pub api_key: SecretString,
}

/// Why a task has no model.
#[derive(Debug, thiserror::Error)]
pub enum NoModel {
    /// Nobody has configured credentials.
    #[error(
        "No Claude credentials are configured. Set CCS_ANTHROPIC_API_KEY and start the server \
         again, or run this task on the scripted demo model."
    )]
    NoCredentials,
    /// The scripted model did not start.
    #[error("the scripted model can't be started")]
    Scripted(#[source] std::io::Error),
}

impl Models {
    /// `scripted` starts the scripted model; it is called when the first task needs it.
    pub fn new(
        account: Option<Account>,
        only_scripted: bool,
        scripted: impl Fn() -> Starting + Send + Sync + 'static,
    ) -> Self {
        Self {
            account,
            only_scripted,
            scripted: Arc::new(scripted),
            scripted_url: Arc::default(),
        }
    }

    /// For the pages.
    pub fn source(&self) -> ModelSource {
        match &self.account {
            _ if self.only_scripted => ModelSource::Scripted,
            Some(_) => ModelSource::Account,
            None => ModelSource::None,
        }
    }

    /// The model of a task.
    pub async fn endpoint(&self, task: &Task) -> Result<Endpoint, NoModel> {
        let asked = task.model.as_ref().map(ToString::to_string);
        if self.only_scripted || asked.as_deref() == Some(SCRIPTED_MODEL) {
            let url = self
                .scripted_url
                .get_or_try_init(|| (self.scripted)())
                .await;
            let base_url = url.map_err(NoModel::Scripted)?.clone();
            let api_key = SecretString::from("sk-scripted-model");
            return Ok(Endpoint {
                base_url: Some(base_url),
                api_key,
                model: None,
            });
        }
        let account = self.account.clone().ok_or(NoModel::NoCredentials)?;
        Ok(Endpoint {
            base_url: account.base_url,
            api_key: account.api_key,
            model: asked,
        })
    }
}
