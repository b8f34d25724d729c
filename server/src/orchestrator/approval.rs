//! Calls that a person has to decide on: parked like a question, and bound to their arguments.

use app::domain::id::MessageId;
use app::domain::id::{QuestionId, RuleId};
use app::domain::log::LogKind;
use app::domain::permission::{AskedPermission, CallForm, Consent, GrantedRule, PermissionRule};
use app::domain::task::{Answerable, AskedQuestion, Choice, Question, RunCommand, Task, Via};
use serde_json::Value;
use uuid::Uuid;

use super::asked;
use super::run::{Run, RunError};
use super::serve::said;
use super::session::Session;
use super::turn::{Turn, line};
use crate::agent::event::{PermissionRequest, ToolHook};
use crate::agent::permission::{self, Decision, Policy};
use crate::agent::stdin::{HookAnswer, PermissionAnswer};
use crate::prompts;

/// How much of a call is shown, in bytes. What is decided on is the whole.
const SHOWN_LIMIT: usize = 64 * 1024;

/// Told to an agent whose call would need a person's yes, where none can be asked.
const NOBODY_ASKED: &str =
    "Nobody can be asked for this call. Do without it, or tell the person in your summary.";

/// Told to an agent whose call can't be parked, because another one is or a subagent makes it.
const ASKED_AS_WELL: &str = "A person is asked whether this may be done, and has not answered yet. \
    Do nothing that needs it, and don't look for another way. You will be told the answer; then \
    make the very same call again.";

impl Run {
    /// Judges a call for the CLI.
    pub(super) async fn permit(
        &self,
        session: &Session,
        request: PermissionRequest,
    ) -> Result<(), RunError> {
        let Some(task) = self.load().await? else {
            return Ok(());
        };
        let input = request.input.value();
        let decision = if session.approved.contains(&request.tool_use_id) {
            Decision::Allow
        } else {
            self.judge(session, &task, &request.tool, input)
        };
        let message = match decision {
            Decision::Allow => None,
            Decision::Ask(denial) => Some(format!("{denial} {NOBODY_ASKED}")),
            Decision::Deny(denial) => Some(denial.to_string()),
        };
        let answer = match message {
            None => PermissionAnswer::Allow {
                updated_input: None,
            },
            Some(message) => {
                self.note_refusal(session, &request.tool, &request.shown, &message)
                    .await?;
                PermissionAnswer::Deny {
                    message,
                    interrupt: false,
                }
            }
        };
        let control = session.agent.control();
        let sent = control.answer_permission(&request.request_id, &answer);
        said(sent.await);
        Ok(())
    }

    fn judge(&self, session: &Session, task: &Task, tool: &str, input: &Value) -> Decision {
        let sandboxed = self.deps.launcher.sandbox().is_sandboxed();
        // They lie outside of the work directory, and were given to be read.
        if permission::reads_given(tool, input, &session.files) {
            return Decision::Allow;
        }
        if session.is_onlooker {
            return permission::decide_onlooker(sandboxed, tool, input, &session.workspace);
        }
        let phase = task
            .active_phase()
            .map(|phase| permission::judge_phase(&phase.plan, tool, input, &session.workspace));
        match phase {
            Some(Err(denial)) => Decision::Deny(denial),
            Some(Ok(())) | None => self.policy(session, task).decide(tool, input),
        }
    }

    fn policy<'a>(&self, session: &'a Session, task: &'a Task) -> Policy<'a> {
        Policy {
            mode: task.permission_mode,
            is_sandboxed: self.deps.launcher.sandbox().is_sandboxed(),
            workspace: &session.workspace,
            rules: &task.rules,
        }
    }

    async fn note_refusal(
        &self,
        session: &Session,
        tool: &str,
        shown: &Value,
        message: &str,
    ) -> Result<(), RunError> {
        let subject: String = asked::subject(shown).chars().take(200).collect();
        let redactor = session.secrets.redactor();
        let reason = redactor.redact(message);
        let text = format!("Not permitted: {tool} {subject}. {reason}");
        self.log(vec![line(LogKind::Note, text)]).await
    }

    /// Looks at a call before the CLI judges it, for only then it can be parked. What needs nobody
    /// goes its ordinary way.
    pub(super) async fn consider(
        &self,
        session: &mut Session,
        turn: &mut Turn,
        hook: &ToolHook,
    ) -> Result<(), RunError> {
        let answer = match self.load().await? {
            Some(task) => self.considered(session, turn, &task, hook).await?,
            None => HookAnswer::Continue,
        };
        let control = session.agent.control();
        said(control.answer_hook(&hook.request_id, &answer).await);
        Ok(())
    }

    async fn considered(
        &self,
        session: &mut Session,
        turn: &mut Turn,
        task: &Task,
        hook: &ToolHook,
    ) -> Result<HookAnswer, RunError> {
        if session.is_onlooker {
            return Ok(HookAnswer::Continue);
        }
        let input = hook.raw.value();
        let Decision::Ask(denial) = self.judge(session, task, &hook.tool, input) else {
            return Ok(HookAnswer::Continue);
        };
        let fingerprint = self.fingerprint(&hook.tool, input);
        if let Some(question) = task.decided_call(&hook.tool_use_id, &fingerprint) {
            return self.decided(session, question, hook).await;
        }
        let is_same = |asked: &Answerable| match asked {
            Answerable::Question(_, asked) => {
                let permission = asked.permission.as_ref();
                permission.is_some_and(|known| known.fingerprint == fingerprint)
            }
            Answerable::Dependency(..) => false,
        };
        if !turn.asked.iter().any(is_same) {
            // A rule must not have to name a secret.
            let offered = if hook.input == *input {
                self.policy(session, task).offered(&hook.tool, input)
            } else {
                Vec::new()
            };
            let mut why = denial.to_string();
            session.secrets.redactor().clean(&mut why);
            turn.asked.push(question(hook, why, fingerprint, offered));
        }
        // Of several calls the CLI keeps one, and of a subagent's none.
        if turn.is_parked || hook.is_subagent {
            return Ok(HookAnswer::Deny(ASKED_AS_WELL.to_owned()));
        }
        turn.is_parked = true;
        Ok(HookAnswer::Defer)
    }

    /// The person's decision is used up before the call goes through: should that fail, the person
    /// is asked again.
    async fn decided(
        &self,
        session: &mut Session,
        question: &Question,
        hook: &ToolHook,
    ) -> Result<HookAnswer, RunError> {
        let questions = vec![question.id];
        self.say(RunCommand::DeliverAnswers {
            questions,
            dependencies: Vec::new(),
        })
        .await?;
        if question.consent() == Some(Consent::Deny) {
            let message = prompts::answers::denial(question, MessageId::from_uuid(Uuid::new_v4()));
            let reason = "A person said no.";
            self.note_refusal(session, &hook.tool, &hook.input, reason)
                .await?;
            return Ok(HookAnswer::Deny(message));
        }
        session.approved.insert(hook.tool_use_id.clone());
        Ok(HookAnswer::Allow {
            updated_input: None,
        })
    }

    /// Tells this call from any other, without telling what is in it.
    fn fingerprint(&self, tool: &str, input: &Value) -> String {
        let task = self.task.as_uuid();
        let arguments = canonical(input);
        let parts = [
            task.as_bytes().as_slice(),
            tool.as_bytes(),
            arguments.as_bytes(),
        ];
        self.deps.service.vault().fingerprint(&parts)
    }
}

/// The arguments as JSON with the members of objects in order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            let members = members.into_iter().map(|(name, member)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(member))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

fn question(
    hook: &ToolHook,
    why: String,
    fingerprint: String,
    offered: Vec<PermissionRule>,
) -> Answerable {
    let (form, text) = shown(&hook.tool, &hook.input);
    let kept = text.floor_char_boundary(SHOWN_LIMIT.min(text.len()));
    let permission = AskedPermission {
        tool: hook.tool.clone(),
        why,
        form,
        omitted: (text.len() - kept) as u64,
        text: text[..kept].to_owned(),
        fingerprint,
        offered: offered
            .into_iter()
            .map(|rule| GrantedRule {
                id: RuleId::from_uuid(Uuid::now_v7()),
                rule,
            })
            .collect(),
    };
    let option = |consent: Consent, description: &str| Choice {
        label: consent.to_string(),
        description: description.to_owned(),
    };
    let mut options = vec![option(Consent::Once, "Allow this call")];
    if !permission.offered.is_empty() {
        options.push(option(
            Consent::Task,
            "Allow calls of this kind for the task",
        ));
    }
    options.push(option(Consent::Deny, "Don't allow it"));
    let asked = AskedQuestion {
        group: Uuid::now_v7(),
        category: "confirmation".to_owned(),
        question: title(&hook.tool, &hook.input),
        options,
        multi_select: false,
        default: None,
        required: true,
        via: Via::Tool {
            tool: hook.tool.clone(),
            tool_use_id: hook.tool_use_id.clone(),
        },
        permission: Some(Box::new(permission)),
    };
    Answerable::Question(QuestionId::from_uuid(Uuid::now_v7()), asked)
}

fn title(tool: &str, input: &Value) -> String {
    let subject: String = asked::subject(input).chars().take(200).collect();
    match tool {
        "Bash" => "May the agent run this command?".to_owned(),
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => {
            format!("May the agent change {subject}?")
        }
        "Read" | "Glob" | "Grep" | "LS" => format!("May the agent read {subject}?"),
        "WebFetch" => format!("May the agent fetch {subject}?"),
        "ExitPlanMode" => "May the agent carry out this plan?".to_owned(),
        _ => format!("May the agent use {tool}?"),
    }
}

/// What the call would do, for a person.
fn shown(tool: &str, input: &Value) -> (CallForm, String) {
    let argument = |name: &str| input.get(name).and_then(Value::as_str);
    match tool {
        "Bash" => (
            CallForm::Command,
            argument("command").unwrap_or_default().to_owned(),
        ),
        "Write" => (
            CallForm::Change,
            change("", argument("content").unwrap_or_default()),
        ),
        "Edit" => (CallForm::Change, edit(input)),
        "MultiEdit" => {
            let edits = input.get("edits").and_then(Value::as_array);
            let edits = edits.into_iter().flatten().map(edit);
            (CallForm::Change, edits.collect::<Vec<_>>().join(" …\n"))
        }
        "NotebookEdit" => (
            CallForm::Change,
            change("", argument("new_source").unwrap_or_default()),
        ),
        "ExitPlanMode" if let Some(plan) = argument("plan") => (CallForm::Text, plan.to_owned()),
        _ => {
            let text = serde_json::to_string_pretty(input).unwrap_or_default();
            (CallForm::Text, text)
        }
    }
}

fn edit(input: &Value) -> String {
    let argument = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    change(argument("old_string"), argument("new_string"))
}

/// The lines that go and the lines that come, between those that stay.
fn change(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new);
    let before = before.count();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let pairs = old_rest.iter().rev().zip(new_rest.iter().rev());
    let after = pairs.take_while(|(old, new)| old == new).count();
    let signed = |sign: char, lines: &[&str]| {
        let lines = lines.iter().map(|line| format!("{sign}{line}\n"));
        lines.collect::<String>()
    };
    let gone = &old_rest[..old_rest.len() - after];
    let come = &new_rest[..new_rest.len() - after];
    let (kept_before, kept_after) = (&old[..before], &old[old.len() - after..]);
    [
        signed(' ', kept_before),
        signed('-', gone),
        signed('+', come),
        signed(' ', kept_after),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_shows_what_goes_and_what_comes() {
        let text = change("a\nb\nc\n", "a\nB\nb2\nc\n");
        assert_eq!(text, " a\n-b\n+B\n+b2\n c\n");
        assert_eq!(change("", "x"), "+x\n");
        assert_eq!(change("a\na", "a"), " a\n-a\n");
        assert_eq!(change("a", "a\na"), " a\n+a\n");
    }

    #[test]
    fn the_order_of_arguments_does_not_matter_and_all_else_does() {
        let one = canonical(&json!({"a": 1, "b": [{"c": "x", "d": null}]}));
        let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(one, read(r#"{"b": [{"d": null, "c": "x"}], "a": 1}"#));
        assert_ne!(one, read(r#"{"b": [{"d": null, "c": "y"}], "a": 1}"#));
        assert_ne!(read(r#"{"a": ["b", "c"]}"#), read(r#"{"a": ["b\",\"c"]}"#));
    }

    #[test]
    fn a_long_call_is_cut_and_says_so() {
        let input = json!({"command": "é".repeat(SHOWN_LIMIT)});
        let hook = ToolHook {
            request_id: "r".to_owned(),
            tool: "Bash".to_owned(),
            input: input.clone(),
            raw: crate::agent::event::RawInput::default(),
            tool_use_id: "toolu_1".to_owned(),
            is_subagent: false,
        };
        let asked = question(&hook, "why".to_owned(), "f".to_owned(), Vec::new());
        let Answerable::Question(_, asked) = asked else {
            panic!("a question");
        };
        let permission = asked.permission.unwrap();
        assert_eq!(
            permission.text.len() as u64 + permission.omitted,
            2 * SHOWN_LIMIT as u64
        );
        assert!(permission.text.len() <= SHOWN_LIMIT);
        // Without a rule there is no yes for the task.
        let labels: Vec<_> = asked
            .options
            .iter()
            .map(|option| option.label.as_str())
            .collect();
        assert_eq!(labels, ["once", "deny"]);
    }
}
