//! What a person has allowed the task's agents, once or for good.

use super::decide::Decision;
use super::{Action, Answer, Question, Refusal, Task, TaskEvent};
use crate::domain::id::RuleId;
use crate::domain::permission::{AskedPermission, Consent, GrantedRule, MAX_RULES, PermissionRule};

impl Task {
    /// The person's decision on a call: on this very one, or on another with the same arguments that
    /// has not come again.
    pub fn decided_call(&self, tool_use_id: &str, fingerprint: &str) -> Option<&Question> {
        let is_of_call = |question: &&Question| {
            let asked = question.asked.permission.as_ref();
            let is_same = asked.is_some_and(|asked| asked.fingerprint == fingerprint);
            let is_due = question.is_of_call(tool_use_id) || !question.taken;
            is_same && is_due && question.consent().is_some()
        };
        self.questions.iter().rev().find(is_of_call)
    }

    /// The rules that a decision makes.
    pub(super) fn granted_by(&self, asked: &AskedPermission, answer: &Answer) -> Decision {
        match answer.consent().ok_or(Refusal::NoConsent)? {
            Consent::Once | Consent::Deny => Ok(Vec::new()),
            Consent::Task if asked.offered.is_empty() => Err(Refusal::NotForTask),
            Consent::Task => {
                let mut events = Vec::new();
                for offered in &asked.offered {
                    events.extend(self.grant_one(offered.id, &offered.rule, events.len())?);
                }
                Ok(events)
            }
        }
    }

    pub(super) fn grant(&self, id: RuleId, rule: &PermissionRule) -> Decision {
        self.allow(Action::Edit)?;
        Ok(self.grant_one(id, rule, 0)?.into_iter().collect())
    }

    /// The same rule twice is harmless.
    fn grant_one(
        &self,
        id: RuleId,
        rule: &PermissionRule,
        more: usize,
    ) -> Result<Option<TaskEvent>, Refusal> {
        let is_same = |known: &GrantedRule| known.id == id || known.rule == *rule;
        if self.rules.iter().any(is_same) {
            return Ok(None);
        }
        if self.rules.len() + more >= MAX_RULES {
            return Err(Refusal::TooMany {
                limit: MAX_RULES,
                what: "rules",
            });
        }
        let rule = rule.clone();
        Ok(Some(TaskEvent::PermissionGranted { id, rule }))
    }

    pub(super) fn revoke(&self, id: RuleId) -> Decision {
        self.allow(Action::Edit)?;
        if !self.rules.iter().any(|known| known.id == id) {
            return Err(Refusal::UnknownRule);
        }
        Ok(vec![TaskEvent::PermissionRevoked { id }])
    }
}
