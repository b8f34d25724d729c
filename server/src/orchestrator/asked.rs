//! What an agent asks of a person, by whichever way, in the domain's terms. Pure but for the ids.

use app::domain::id::{DependencyId, MessageId, QuestionId};
use app::domain::task::{
    Answerable, AskedQuestion, Choice, Dependency, NeededDependency, Question, Task, Via,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::agent::event::ToolHook;
use crate::agent::marker::{self, Marker};
use crate::agent::platform_tool::{PlatformTool, ToolCallError, check};
use crate::agent::request::{DependencyRequest, UserQuestion};
use crate::agent::stdin::HookAnswer;
use crate::prompts;

/// The prefix by which the CLI names the platform's tools.
const PLATFORM: &str = "mcp__platform__";

/// The input of the CLI's own question tool.
#[derive(Deserialize)]
struct AskUserQuestion {
    questions: Vec<CliQuestion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CliQuestion {
    question: String,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    multi_select: bool,
}

impl AskUserQuestion {
    /// The CLI's own tool is held to what the platform's are.
    fn check(&self) -> Result<(), ToolCallError> {
        if self.questions.is_empty() {
            return Err(ToolCallError::Empty { field: "questions" });
        }
        check::count("questions", self.questions.len())?;
        for (index, asked) in self.questions.iter().enumerate() {
            let mut before = self.questions.iter().take(index);
            if before.any(|known| known.question == asked.question) {
                return Err(ToolCallError::Repeated { field: "questions" });
            }
            check::text("question", &asked.question)?;
            check::count("options", asked.options.len())?;
            for option in &asked.options {
                check::text("label", &option.label)?;
                check::length("description", &option.description)?;
            }
        }
        Ok(())
    }
}

/// Whether a tool is there to ask a person.
pub fn waits(tool: &str) -> bool {
    let name = tool.strip_prefix(PLATFORM);
    tool == "AskUserQuestion" || matches!(name, Some("ask_user" | "request_dependency"))
}

/// What the call of a tool that waits for a person asks; the error tells the agent what is wrong.
pub fn by_tool(hook: &ToolHook) -> Result<Vec<Answerable>, String> {
    let via = Via::Tool {
        tool: hook.tool.clone(),
        tool_use_id: hook.tool_use_id.clone(),
    };
    if hook.tool == "AskUserQuestion" {
        let input: AskUserQuestion = serde_json::from_value(hook.input.clone())
            .map_err(|error| format!("The questions can't be read: {error}."))?;
        input.check().map_err(|error| error.to_string())?;
        return Ok(by_cli(input, &via));
    }
    let name = hook.tool.strip_prefix(PLATFORM).unwrap_or(&hook.tool);
    match PlatformTool::read(name, hook.input.clone()).map_err(|error| error.to_string())? {
        PlatformTool::AskUser(asked) => Ok(vec![question(asked, via)]),
        PlatformTool::RequestDependency(needed) => Ok(vec![dependency(needed, via)]),
        _ => Err("This tool does not wait for a person.".to_owned()),
    }
}

fn by_cli(input: AskUserQuestion, via: &Via) -> Vec<Answerable> {
    let group = Uuid::now_v7();
    let asked = input.questions.into_iter().map(|asked| {
        let asked = AskedQuestion {
            group,
            category: "choice".to_owned(),
            question: asked.question,
            options: asked.options,
            multi_select: asked.multi_select,
            default: None,
            required: true,
            via: via.clone(),
            permission: None,
        };
        Answerable::Question(QuestionId::from_uuid(Uuid::now_v7()), asked)
    });
    asked.collect()
}

/// What markers in these texts ask for that the task doesn't know of.
pub fn in_texts(task: &Task, texts: &[String]) -> Vec<Answerable> {
    let found = texts.iter().flat_map(|text| marker::find(text));
    let asked = found.filter_map(|found| match found {
        Ok(Marker::Question(asked)) => {
            let is_known = |known: &Question| {
                known.asked.via == Via::Marker && known.asked.question == asked.question
            };
            let is_new = !task.questions.iter().any(is_known);
            is_new.then(|| question(asked, Via::Marker))
        }
        Ok(Marker::Dependency(needed)) => {
            let is_known = |known: &Dependency| {
                let NeededDependency {
                    name,
                    description,
                    via,
                    ..
                } = &known.needed;
                *via == Via::Marker && *name == needed.name && *description == needed.description
            };
            let is_new = !task.dependencies.iter().any(is_known);
            is_new.then(|| dependency(needed, Via::Marker))
        }
        _ => None,
    });
    asked.collect()
}

/// How a parked call goes through, if a person has answered all that it asks, and what that was.
///
/// The platform's own tool gives the answer itself. The CLI's tool takes answers as one more argument,
/// by the question's text, several choices joined by a comma.
pub fn answered(task: &Task, hook: &ToolHook) -> Option<(Vec<QuestionId>, HookAnswer)> {
    let asked = task.questions.iter();
    let asked: Vec<_> = asked
        .filter(|known| known.is_of_call(&hook.tool_use_id))
        .collect();
    if asked.is_empty() || asked.iter().any(|known| known.answer().is_none()) {
        return None;
    }
    let ids = asked.iter().map(|known| known.id).collect();
    if hook.tool != "AskUserQuestion" {
        let updated_input = None;
        return Some((ids, HookAnswer::Allow { updated_input }));
    }
    let mark = MessageId::from_uuid(Uuid::new_v4());
    let answers: Map<String, Value> = asked
        .into_iter()
        .map(|known| {
            let answer = prompts::answers::own_words(known, mark);
            (known.asked.question.clone(), answer.into())
        })
        .collect();
    let mut input = hook.input.as_object().cloned().unwrap_or_default();
    input.insert("answers".to_owned(), answers.into());
    let updated_input = Some(input.into());
    Some((ids, HookAnswer::Allow { updated_input }))
}

/// How a parked call goes through, if a person has given or declined what it needs, and what that was.
pub fn settled(task: &Task, hook: &ToolHook) -> Option<(Vec<DependencyId>, HookAnswer)> {
    let mut needed = task.dependencies.iter();
    let known = needed.find(|known| known.is_of_call(&hook.tool_use_id) && known.is_settled())?;
    let updated_input = None;
    Some((vec![known.id], HookAnswer::Allow { updated_input }))
}

/// A question by tool or marker.
pub fn question(asked: UserQuestion, via: Via) -> Answerable {
    let option = |label: String| Choice {
        label,
        description: String::new(),
    };
    let asked = AskedQuestion {
        group: Uuid::now_v7(),
        category: asked.category.to_string(),
        question: asked.question,
        options: asked.options.into_iter().map(option).collect(),
        multi_select: false,
        default: asked.default,
        required: asked.required,
        via,
        permission: None,
    };
    Answerable::Question(QuestionId::from_uuid(Uuid::now_v7()), asked)
}

/// A dependency by tool or marker.
pub fn dependency(needed: DependencyRequest, via: Via) -> Answerable {
    let needed = NeededDependency {
        kind: needed.kind,
        name: needed.name,
        description: needed.description,
        required: needed.required,
        via,
    };
    Answerable::Dependency(DependencyId::from_uuid(Uuid::now_v7()), needed)
}

/// The file or command that a tool call names, for a refusal's text.
pub fn subject(input: &Value) -> &str {
    let named = ["command", "file_path", "path", "url"];
    named
        .iter()
        .find_map(|name| input.get(name)?.as_str())
        .unwrap_or("it")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::event::RawInput;

    fn hook(tool: &str, input: Value) -> ToolHook {
        ToolHook {
            request_id: "r".to_owned(),
            tool: tool.to_owned(),
            input,
            tool_use_id: "toolu_1".to_owned(),
            raw: RawInput::default(),
            is_subagent: false,
        }
    }

    #[test]
    fn questions_of_one_call_share_a_group() {
        let asked = by_tool(&hook(
            "AskUserQuestion",
            json!({"questions": [
                {"question": "Which?", "header": "H", "multiSelect": true,
                 "options": [{"label": "A", "description": "a"}, {"label": "B"}]},
                {"question": "And?", "options": []},
            ]}),
        ))
        .unwrap();
        let groups: Vec<_> = asked
            .iter()
            .map(|asked| match asked {
                Answerable::Question(_, asked) => (asked.group, asked.multi_select),
                Answerable::Dependency(..) => panic!("a question"),
            })
            .collect();
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].0, groups[1].0);
        assert!(groups[0].1 && !groups[1].1);
    }

    #[test]
    fn markers_that_were_said_and_not_recorded_are_found_once() {
        let json = json!({
            "task_id": Uuid::nil(), "version": 1, "actor": "person", "at": "2026-01-01T00:00:00Z",
            "type": "TaskCreated",
            "data": {"title": "T", "task_type": "custom", "description": "D", "priority": "normal",
                     "phases": [], "permission_mode": "balanced"},
        });
        let created = serde_json::from_value(json).unwrap();
        let mut task = Task::replay([&created]).unwrap();
        let block = |question: &str| {
            format!(
                "So:\n[USER_QUESTION]\ncategory: choice\nquestion: {question}\n[/USER_QUESTION]\n"
            )
        };
        let texts = [block("One?"), "Nothing.".to_owned(), block("Two?")];
        let found = in_texts(&task, &texts);
        assert_eq!(found.len(), 2);
        let Some(Answerable::Question(id, asked)) = found.into_iter().next() else {
            panic!("a question");
        };
        let event = json!({
            "task_id": Uuid::nil(), "version": 2, "actor": "agent", "at": "2026-01-01T00:00:00Z",
            "type": "QuestionAsked", "data": {"id": id, "group": asked.group, "category": "choice",
            "question": "One?", "required": true, "via": {"way": "marker"}},
        });
        task = Task::apply(Some(task), &serde_json::from_value(event).unwrap()).unwrap();
        assert_eq!(in_texts(&task, &texts).len(), 1);
    }

    #[test]
    fn a_call_that_breaks_the_schema_is_explained_to_the_agent() {
        let wrong = by_tool(&hook("mcp__platform__ask_user", json!({"question": 7})));
        assert!(wrong.unwrap_err().contains("schema"));
        let wrong = |input: Value| by_tool(&hook("AskUserQuestion", input)).unwrap_err();
        assert!(wrong(json!({})).contains("questions"));
        let twice = wrong(json!({"questions": [{"question": "Same?"}, {"question": "Same?"}]}));
        assert!(twice.contains("must not say the same twice"), "{twice}");
        let none = wrong(json!({"questions": []}));
        assert!(none.contains("\"questions\" must not be empty"), "{none}");
        let long = "x".repeat(10 * 1024 + 1);
        let question = wrong(json!({"questions": [{"question": long}]}));
        assert!(
            question.contains("\"question\" must not be longer"),
            "{question}"
        );
        let option = json!({"label": "A", "description": long});
        let option = wrong(json!({"questions": [{"question": "?", "options": [option]}]}));
        assert!(option.contains("\"description\""), "{option}");
        let options = vec![json!({"label": "A"}); 1_001];
        let options = wrong(json!({"questions": [{"question": "?", "options": options}]}));
        assert!(
            options.contains("\"options\" must not have more"),
            "{options}"
        );
    }
}
