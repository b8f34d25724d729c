//! The form that describes a job.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::new_task_fields::{DescriptionField, MoreFields, RepositoryField, TypeCards};
use super::new_task_form::TaskForm;
use crate::api::{ModelSource, TaskView, WorkflowView};
use crate::components::faults::{fault_panels, form_fault};
use crate::components::form::{PostForm, Posting};
use crate::components::frame::Installation;
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::domain::permission::PermissionMode;
use crate::domain::plan::TaskType;
use crate::fault::{Fault, FieldFault};
use crate::live::{Follow, Live};
use crate::reactive::{effect, memo, part, suspend};
use crate::resource::resource;
use crate::wire::{Json, from_json};

/// The kinds of task that can be asked for.
#[server(prefix = "/sfn", endpoint = "workflows", input = Json, output = Json)]
pub async fn list_workflows() -> Result<Vec<WorkflowView>, Fault> {
    crate::backend::backend()?.workflows().await
}

/// Creates a task and shows it. Without script the form comes back with what was wrong.
#[server(prefix = "/sfn", endpoint = "tasks/create", output = Json)]
pub async fn create_task(form: TaskForm) -> Result<Option<TaskView>, Fault> {
    let kept = form.clone();
    let created = async { crate::backend::backend()?.create_task(form.parse()?).await }.await;
    match created {
        Ok(task) => {
            crate::request::redirect(&format!("/tasks/{}", task.id));
            Ok(Some(task))
        }
        Err(fault) if crate::request::answers_a_plain_form() => {
            crate::request::redirect(&kept.address(&fault));
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// Describes a job.
#[component]
pub fn NewTaskPage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let workflows = resource(|| (), |()| list_workflows());
    let installation = expect_context::<Installation>();
    let form = move || {
        // What agents do elsewhere must not make the form anew under somebody's hands. Made in here, so
        // that the `Transition` knows what it waits for.
        let model = memo(move || {
            let overview = installation.overview()?;
            let defaults = (overview.permission_mode, overview.auto_approve);
            Some((overview.model_source, overview.sample_repository, defaults))
        });
        let (source, sample, defaults) =
            model
                .get()
                .unwrap_or((ModelSource::Account, None, Default::default()));
        let only_scripted = source == ModelSource::None;
        suspend(async move {
            workflows
                .await
                .map(|workflows| view! { <NewTask workflows only_scripted sample defaults /> })
        })
    };
    view! {
        <Page title="New task" crumbs=vec![Crumb::link("Tasks", "/"), Crumb::here("New task")] class="content-narrow">
            <div class="page-head"><h1>"New task"</h1></div>
            <Transition fallback=|| view! { <div class="skeleton form-skeleton" aria-busy="true"></div> }>
                <ErrorBoundary fallback=fault_panels>{part(form)}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

/// What is wrong with the fields.
#[derive(Clone, Copy)]
pub struct FieldFaults(pub Signal<Vec<FieldFault>>);

impl FieldFaults {
    /// What is wrong with one field.
    pub fn of(self, field: &'static str) -> Signal<Option<String>> {
        let faults = self.0;
        Signal::derive(move || {
            faults.with(|faults| {
                let fault = faults.iter().find(|fault| fault.field == field)?;
                Some(fault.beside())
            })
        })
    }
}

#[component]
fn NewTask(
    workflows: Vec<WorkflowView>,
    only_scripted: bool,
    sample: Option<String>,
    /// What the settings say of tasks that don't say it themselves.
    defaults: (PermissionMode, bool),
) -> impl IntoView {
    let takes_repository = workflows
        .iter()
        .any(|workflow| workflow.id == TaskType::ModifyApp);
    let create = Posting::<CreateTask>::new();
    let address = use_query_map();
    let form = address.with_untracked(TaskForm::of_address);
    let sent_back = move || {
        let fault = address.with(|map| map.get("fault"))?;
        from_json::<Fault>(&fault).ok()
    };
    let (permission_mode, auto_approve) = defaults;
    let came_back = address.with_untracked(|map| map.get("fault").is_some());
    let auto_approve = !form.auto_approve.is_empty() || (auto_approve && !came_back);
    let fault = memo(move || {
        if create.is_answered() {
            create.fault()
        } else {
            sent_back()
        }
    });
    let fields = Signal::derive(move || match fault.get() {
        Some(Fault::Invalid { fields, .. }) => fields,
        _ => Vec::new(),
    });
    effect(move || {
        if !fields.with(Vec::is_empty) {
            request_animation_frame(focus_first_fault);
        }
    });
    provide_context(FieldFaults(fields));
    let summary = move || form_fault(fault.get());
    let pending = create.pending();
    view! {
        <PostForm action=create class="new-task" novalidate=true>
            {part(summary)}
            <TypeCards workflows chosen=form.task_type.clone() />
            <DescriptionField title=form.title.clone() description=form.description.clone() />
            {takes_repository.then(|| view! { <RepositoryField repository=form.repository.clone() sample /> })}
            <MoreFields form only_scripted permission_mode auto_approve />
            <div class="form-actions">
                <button class="btn btn-primary" name="form[start]" value="true" disabled=pending>
                    <Glyph icon=Icon::Play /> "Create and start"
                </button>
                <button class="btn" disabled=pending>"Create draft"</button>
            </div>
        </PostForm>
    }
    .into_any()
}

/// Takes the person to the first field that needs attention, out of a part that is folded too.
pub fn focus_first_fault() {
    use wasm_bindgen::JsCast;
    let found = document()
        .query_selector("[aria-invalid=true]")
        .ok()
        .flatten();
    if let Some(field) = found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) {
        if let Ok(Some(folded)) = field.closest("details:not([open])") {
            folded
                .set_attribute("open", "")
                .expect("the attribute's name is valid");
        }
        field.focus().ok(); // nothing is lost if it can't take the focus
    }
}
