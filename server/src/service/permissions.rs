//! What a task's agents may do without asking.

use app::api::PermissionsView;
use app::domain::id::{RuleId, TaskId};
use app::domain::permission::{GrantedRule, PermissionMode, PermissionRule};
use app::domain::task::{Actor, Task, TaskCommand};
use uuid::Uuid;

use super::Service;
use crate::agent::permission_rule;
use crate::agent::permitted_command;
use crate::error::Error;

/// What the task's agents may do without asking.
pub fn view(task: &Task) -> PermissionsView {
    let is_strict = match task.permission_mode {
        PermissionMode::Strict => Some(true),
        PermissionMode::Balanced => Some(false),
        PermissionMode::Autonomous => None,
    };
    PermissionsView {
        mode: task.permission_mode,
        commands: is_strict
            .map(permitted_command::listed_programs)
            .unwrap_or_default(),
        rules: task.rules.clone(),
    }
}

impl Service {
    /// The mode, the commands that it allows by itself, and the rules.
    pub async fn permissions(&self, id: TaskId) -> Result<PermissionsView, Error> {
        Ok(view(&self.load(id).await?))
    }

    /// Allows calls of a kind for the rest of the task; the rule as it is kept.
    pub async fn grant_permission(
        &self,
        id: TaskId,
        rule: PermissionRule,
    ) -> Result<GrantedRule, Error> {
        if let Err(useless) = permission_rule::check(&rule) {
            let field = match &rule {
                PermissionRule::Command { .. } => "begins_with",
                PermissionRule::Line { .. } => "command",
                PermissionRule::Edit { .. } | PermissionRule::Read { .. } => "path",
                PermissionRule::Fetch { .. } => "host",
                PermissionRule::Tool { .. } => "tool",
            };
            return Err(Error::field(field, useless.to_string()));
        }
        let command = TaskCommand::GrantPermission {
            id: RuleId::from_uuid(Uuid::now_v7()),
            rule: rule.clone(),
        };
        let appended = self.execute(id, Actor::Person, command).await?;
        let mut rules = appended.task.rules.into_iter();
        let kept = rules.find(|known| known.rule == rule);
        kept.ok_or(Error::NotFound { what: "rule" })
    }

    /// Takes a rule away.
    pub async fn revoke_permission(&self, id: TaskId, rule: RuleId) -> Result<(), Error> {
        let command = TaskCommand::RevokePermission { id: rule };
        self.execute(id, Actor::Person, command).await.map(drop)
    }
}
