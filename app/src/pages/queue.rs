//! The queue: which tasks wait for an agent, in which order, and why not yet.

use leptos::ev::DragEvent;
use leptos::prelude::*;

use super::list::TableSkeleton;
#[cfg(feature = "ssr")]
use crate::api::MoveTask;
use crate::api::{Prerequisite, QueueView, QueuedTask};
use crate::components::clock::{Time, span};
use crate::components::faults::fault_panels;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::components::toast::Toasts;
use crate::domain::id::TaskId;
use crate::domain::task::Priority;
#[cfg(feature = "ssr")]
use crate::domain::task::TaskEdit;
use crate::fault::Fault;
use crate::live::{Follow, Live};
use crate::number::counted;
use crate::reactive::{Memo, effect, list, memo, part, rows, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// The tasks that wait, in order.
#[server(prefix = "/sfn", endpoint = "queue", input = Json, output = Json)]
pub async fn load_queue() -> Result<QueueView, Fault> {
    crate::backend::backend()?.queue().await
}

/// Puts a task in front of another one of its priority, or behind all of them; then tells the order.
#[server(prefix = "/sfn", endpoint = "queue/move", output = Json)]
pub async fn move_in_queue(
    id: TaskId,
    #[server(default)] before: String,
) -> Result<QueueView, Fault> {
    let before = match before.as_str() {
        "" => None,
        before => {
            let before = before.parse();
            Some(before.map_err(|_| Fault::field("before", "is not the id of a task"))?)
        }
    };
    let backend = crate::backend::backend()?;
    backend.move_task(id, MoveTask { before }).await?;
    backend.queue().await
}

/// Gives a waiting task another priority; then tells the order.
#[server(prefix = "/sfn", endpoint = "queue/priority", output = Json)]
pub async fn set_priority(id: TaskId, priority: Priority) -> Result<QueueView, Fault> {
    let edit = TaskEdit {
        priority: Some(priority),
        ..TaskEdit::default()
    };
    let backend = crate::backend::backend()?;
    backend.edit_task(id, edit).await?;
    backend.queue().await
}

/// The page of the queue.
#[component]
pub fn QueuePage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let queue = resource(|| (), |()| load_queue());
    let shown = move || suspend(async move { queue.await.map(|queue| view! { <Queue queue /> }) });
    view! {
        <Page title="Queue" crumbs=vec![Crumb::here("Queue")]>
            <div class="page-head"><h1>"Queue"</h1></div>
            <Transition fallback=TableSkeleton>
                <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

/// What the rows share.
#[derive(Clone, Copy)]
struct Line {
    queue: RwSignal<QueueView>,
    moving: Posting<MoveInQueue>,
    ranking: Posting<SetPriority>,
    /// A task that is dragged, and the one that it is held over.
    dragged: RwSignal<Option<TaskId>>,
    over: RwSignal<Option<TaskId>>,
    drop: Callback<(TaskId, Goal)>,
    /// The task that a person has moved last.
    moved: StoredValue<Option<TaskId>>,
}

#[component]
fn Queue(queue: QueueView) -> impl IntoView {
    let queue = RwSignal::new(queue);
    let live = expect_context::<Live>();
    let toasts = expect_context::<Toasts>();
    let load = Action::new(|(): &()| load_queue());
    let dropped = Action::new(|(id, goal): &(TaskId, Goal)| move_in_queue(*id, goal.before()));
    live.after_moves(move || {
        load.dispatch(());
    });
    let line = Line {
        queue,
        moving: Posting::new(),
        ranking: Posting::new(),
        dragged: RwSignal::new(None),
        over: RwSignal::new(None),
        drop: Callback::new(move |to| {
            dropped.dispatch(to);
        }),
        moved: StoredValue::new(None),
    };
    let said = RwSignal::new(String::new());
    let take = move |answer: Option<Result<QueueView, Fault>>, is_news: bool| match answer {
        Some(Ok(new)) => {
            if is_news {
                let moved = line.moved.get_value().and_then(|id| told(&new, id));
                said.set(moved.unwrap_or_default());
            }
            keep_focus();
            queue.set(new);
        }
        Some(Err(fault)) if is_news => toasts.failed(&fault),
        // The page goes on to show what it knows; that the server is gone is told elsewhere.
        Some(Err(_)) | None => {}
    };
    effect(move || take(load.value().get(), false));
    effect(move || take(dropped.value().get(), true));
    effect(move || take(line.moving.answer(), true));
    effect(move || take(line.ranking.answer(), true));
    let each = move || queue.with(|queue| queue.items.iter().map(|task| task.id).collect());
    let is_empty = memo(move || queue.with(|queue| queue.items.is_empty()));
    view! {
        <p class="muted queue-load">{move || queue.with(load_of)}</p>
        <p class="visually-hidden" role="status">{move || said.get()}</p>
        {part(move || is_empty.get().then(nothing))}
        <ol class="queue" hidden=move || is_empty.get()>
            {rows(each, TaskId::to_string, move |id| view! { <Row line id /> })}
        </ol>
        {part(move || queue.with(rest))}
    }
    .into_any()
}

/// How many work and wait, and how long it takes.
fn load_of(queue: &QueueView) -> String {
    let waiting = usize::try_from(queue.total).unwrap_or(usize::MAX);
    let running = format!("{} of {} agents at work", queue.running, queue.agents_max);
    let waiting = match waiting {
        0 => "nothing waits for one".to_owned(),
        1 => "1 task waits for one".to_owned(),
        waiting => format!("{} wait for one", counted(waiting, "task")),
    };
    let typical = queue.typical_run_seconds.map(|seconds| {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        format!(" A run took {} lately.", span(seconds))
    });
    format!("{running}, {waiting}.{}", typical.unwrap_or_default())
}

fn rest(queue: &QueueView) -> Option<AnyView> {
    let shown = u64::try_from(queue.items.len()).unwrap_or(u64::MAX);
    let more = queue.total.saturating_sub(shown);
    (more > 0).then(|| {
        let more = counted(usize::try_from(more).unwrap_or(usize::MAX), "task");
        view! { <p class="muted">"And " {more} " behind them."</p> }.into_any()
    })
}

fn nothing() -> AnyView {
    view! {
        <section class="empty">
            <h2>"Nothing waits for an agent"</h2>
            <p>"Tasks stand here from when they are started until an agent is free for them."</p>
            <p><a class="link" href="/">"All tasks"</a></p>
        </section>
    }
    .into_any()
}

/// What people who listen to the page are told of a task that they have moved.
fn told(queue: &QueueView, id: TaskId) -> Option<String> {
    let place = queue.items.iter().position(|task| task.id == id)?;
    let task = queue.items.get(place)?;
    Some(format!("“{}” is now in place {}.", task.title, place + 1))
}

/// Rows that are moved lose the focus: whoever pressed a button there can press it again.
fn keep_focus() {
    let Some(focused) = document().active_element() else {
        return;
    };
    let id = focused.id();
    if id.starts_with("queue-") {
        request_animation_frame(move || {
            let again = document().get_element_by_id(&id);
            if let Some(again) = again.and_then(|again| {
                use wasm_bindgen::JsCast as _;
                again.dyn_into::<web_sys::HtmlElement>().ok()
            }) {
                // A button that is of no more use can't be focused: the focus is lost as ever.
                again.focus().ok();
            }
        });
    }
}

/// Where a task is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// In front of another one of its priority.
    Before(TaskId),
    /// Behind all of them.
    Last,
}

impl Goal {
    fn of(next: Option<TaskId>) -> Self {
        next.map_or(Self::Last, Self::Before)
    }

    /// As the server function takes it.
    fn before(self) -> String {
        match self {
            Self::Before(id) => id.to_string(),
            Self::Last => String::new(),
        }
    }
}

/// Where a task could go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ways {
    first: Option<Goal>,
    up: Option<Goal>,
    down: Option<Goal>,
}

/// Where a task could go among those of its priority. `is_whole`: no others stand behind those shown.
fn ways(items: &[QueuedTask], id: TaskId, is_whole: bool) -> Option<Ways> {
    let own = items.iter().find(|task| task.id == id)?;
    let line: Vec<TaskId> = items
        .iter()
        .filter(|task| task.priority == own.priority)
        .map(|task| task.id)
        .collect();
    let place = line.iter().position(|other| *other == id)?;
    let after_next = line.get(place + 2).copied();
    let has_next = place + 1 < line.len();
    Some(Ways {
        first: line
            .first()
            .filter(|_| place > 0)
            .copied()
            .map(Goal::Before),
        up: place
            .checked_sub(1)
            .and_then(|up| line.get(up))
            .copied()
            .map(Goal::Before),
        down: (has_next && (is_whole || after_next.is_some())).then_some(Goal::of(after_next)),
    })
}

/// Where a task goes that is dropped on another one; `None` if it can't go there.
fn target(items: &[QueuedTask], dragged: TaskId, on: TaskId) -> Option<Goal> {
    let find = |id| items.iter().position(|task| task.id == id);
    let (from, to) = (find(dragged)?, find(on)?);
    let (own, other) = (items.get(from)?, items.get(to)?);
    if from == to || own.priority != other.priority {
        return None;
    }
    if from > to {
        return Some(Goal::Before(on));
    }
    let mut behind = items.iter().skip(to + 1);
    let next = behind.find(|task| task.priority == own.priority);
    Some(Goal::of(next.map(|task| task.id)))
}

#[component]
fn Row(line: Line, id: TaskId) -> impl IntoView {
    let queue = line.queue;
    let task =
        memo(move || queue.with(|queue| queue.items.iter().find(|task| task.id == id).cloned()));
    let position = move || task.with(|task| task.as_ref().and_then(|task| task.position));
    let title = memo(move || task.with(|task| task.as_ref().map(|task| task.title.clone())));
    let number = move || position().map_or_else(|| "–".to_owned(), |position| position.to_string());
    let place = move || {
        position().map_or_else(
            || "Held back".to_owned(),
            |position| format!("In place {position}"),
        )
    };
    let takes_drop = move || {
        let dragged = line.dragged.get_untracked()?;
        queue.with_untracked(|queue| target(&queue.items, dragged, id))
    };
    let over = move |event: DragEvent| {
        if takes_drop().is_some() {
            event.prevent_default();
            line.over.set(Some(id));
        }
    };
    let drop = move |event: DragEvent| {
        event.prevent_default();
        if let (Some(dragged), Some(goal)) = (line.dragged.get_untracked(), takes_drop()) {
            line.moved.set_value(Some(dragged));
            line.drop.run((dragged, goal));
        }
        line.over.set(None);
    };
    let side = move || {
        let is_over = line.over.get() == Some(id);
        let dragged = line.dragged.get().filter(|_| is_over)?;
        queue.with(|queue| {
            let mut ids = queue.items.iter().map(|task| task.id);
            let first = ids.find(|other| *other == id || *other == dragged)?;
            Some(if first == id { "before" } else { "after" })
        })
    };
    let is_dragged = move || (line.dragged.get() == Some(id)).then_some("");
    view! {
        <li
            class="queue-row"
            data-held=move || position().is_none().then_some("")
            data-dragged=is_dragged
            data-drop=side
            on:dragover=over
            on:drop=drop
            on:dragleave=move |_| line.over.update(|over| *over = over.filter(|over| *over != id))
        >
            <Handle line id />
            <span class="queue-place num" aria-hidden="true">{number}</span>
            <div class="queue-said">
                <p class="queue-title">
                    <span class="visually-hidden">{place} ": "</span>
                    <a href=format!("/tasks/{id}") data-row>{move || title.get()}</a>
                </p>
                {part(move || task.get().map(|task| view! { <Why task /> }))}
            </div>
            <Rank line id task />
            <Moves line id title />
        </li>
    }
    .into_any()
}

/// What a pointer drags the row by. The buttons do the same.
#[component]
fn Handle(line: Line, id: TaskId) -> impl IntoView {
    let start = move |event: DragEvent| {
        if let Some(data) = event.data_transfer() {
            // Some browsers drag only what has data.
            data.set_data("text/plain", &id.to_string()).ok();
            data.set_effect_allowed("move");
        }
        line.dragged.set(Some(id));
    };
    let end = move |_| {
        line.dragged.set(None);
        line.over.set(None);
    };
    view! {
        <span class="queue-handle" draggable="true" aria-hidden="true" title="Drag to another place" on:dragstart=start on:dragend=end>
            <Glyph icon=Icon::Grip />
        </span>
    }
    .into_any()
}

/// When it is likely to start, or what it waits for.
#[component]
fn Why(task: QueuedTask) -> impl IntoView {
    let start = match (task.not_before, task.starts_at) {
        (Some(at), _) => Some(view! { <span>"not before " <Time at=at /></span> }.into_any()),
        (None, Some(at)) => Some(view! { <span>"starts about " <Time at=at /></span> }.into_any()),
        (None, None) => None,
    };
    let waits = task
        .waits_for
        .into_iter()
        .map(|other| view! { <Waits other /> });
    let waits: Vec<_> = waits.collect();
    let aged = match task.aged {
        0 => None,
        1 => Some(view! { <span>"moved up a rank after 12 hours"</span> }),
        _ => Some(view! { <span>"moved up two ranks after 24 hours"</span> }),
    };
    view! {
        <p class="queue-why">{list(waits)} {start} {aged}</p>
        {task.held.map(|held| view! { <p class="queue-held"><Glyph icon=Icon::Alert /> {held}</p> })}
    }
    .into_any()
}

#[component]
fn Waits(other: Prerequisite) -> impl IntoView {
    let status = other.status.map(|status| format!(" ({status})"));
    match other.title {
        Some(title) => view! {
            <span>"waits for " <a class="link" href=format!("/tasks/{}", other.id)>{title}</a> {status}</span>
        }
        .into_any(),
        None => view! { <span>"waits for a task that was deleted"</span> }.into_any(),
    }
}

/// Its priority, which can be changed in place.
#[component]
fn Rank(line: Line, id: TaskId, task: Memo<Option<QueuedTask>>) -> impl IntoView {
    let priority = memo(move || task.with(|task| task.as_ref().map(|task| task.priority)));
    let options = move || {
        let own = priority.get();
        list(Priority::ALL.into_iter().rev().map(|each| {
            view! { <option value=each.to_string() selected=own == Some(each)>{word(each)}</option> }
        }))
    };
    let label = move || {
        let title = task.with(|task| task.as_ref().map(|task| task.title.clone()));
        format!("Priority of “{}”", title.unwrap_or_default())
    };
    let send = move |event: web_sys::Event| {
        let field = event_target::<web_sys::HtmlSelectElement>(&event);
        line.moved.set_value(Some(id));
        if let Some(form) = field.form() {
            // The form is there; should it be refused, the next answer shows what is in force.
            form.request_submit().ok();
        }
    };
    view! {
        <PostForm action=line.ranking class="queue-rank">
            <input type="hidden" name="id" value=id.to_string() />
            <select class="select select-sm" name="priority" id=format!("queue-priority-{id}") aria-label=label on:change=send>
                {part(options)}
            </select>
            <noscript><button class="btn btn-sm">"Set"</button></noscript>
        </PostForm>
    }
    .into_any()
}

const fn word(priority: Priority) -> &'static str {
    match priority {
        Priority::Critical => "Critical",
        Priority::High => "High",
        Priority::Normal => "Normal",
        Priority::Low => "Low",
    }
}

/// The ways among those of its priority.
#[component]
fn Moves(line: Line, id: TaskId, title: Memo<Option<String>>) -> impl IntoView {
    let queue = line.queue;
    let ways = memo(move || {
        queue.with(|queue| {
            let shown = u64::try_from(queue.items.len()).unwrap_or(u64::MAX);
            ways(&queue.items, id, queue.total <= shown)
        })
    });
    let button = move |name: &'static str, icon: Icon, to: fn(&Ways) -> Option<Goal>| {
        let goal = memo(move || ways.with(|ways| ways.as_ref().and_then(to)));
        let value = move || goal.get().map(Goal::before).unwrap_or_default();
        let label = move || format!("Move “{}” {name}", title.get().unwrap_or_default());
        view! {
            <button
                class="btn btn-sm btn-square"
                name="before"
                id=format!("queue-{}-{id}", name.replace(' ', "-"))
                value=value
                aria-label=label
                title=format!("Move {name}")
                disabled=move || goal.get().is_none()
                on:click=move |_| line.moved.set_value(Some(id))
            >
                <Glyph icon />
            </button>
        }
        .into_any()
    };
    view! {
        <PostForm action=line.moving class="queue-moves">
            <input type="hidden" name="id" value=id.to_string() />
            {button("to the front", Icon::Top, |ways| ways.first)}
            {button("up", Icon::Up, |ways| ways.up)}
            {button("down", Icon::Down, |ways| ways.down)}
        </PostForm>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> TaskId {
        TaskId::from_uuid(Uuid::from_u128(number))
    }

    fn line(priorities: &[Priority]) -> Vec<QueuedTask> {
        let tasks = (1..).zip(priorities).map(|(number, priority)| QueuedTask {
            id: id(number),
            title: format!("Task {number}"),
            priority: *priority,
            aged: 0,
            position: None,
            not_before: None,
            waits_for: Vec::new(),
            held: None,
            starts_at: None,
        });
        tasks.collect()
    }

    #[test]
    fn tasks_move_among_those_of_their_priority() {
        use Priority::{High, Normal};
        let items = line(&[High, Normal, Normal, Normal]);
        let of = |number| ways(&items, id(number), true);
        let nowhere = Ways {
            first: None,
            up: None,
            down: None,
        };
        assert_eq!(of(1), Some(nowhere));
        let behind_next = Ways {
            down: Some(Goal::Before(id(4))),
            ..nowhere
        };
        assert_eq!(of(2), Some(behind_next));
        let to_either_end = Ways {
            first: Some(Goal::Before(id(2))),
            up: Some(Goal::Before(id(2))),
            down: Some(Goal::Last),
        };
        assert_eq!(of(3), Some(to_either_end));
        // Others, which are not shown, may stand between it and the end.
        let last_shown = ways(&items, id(3), false).and_then(|ways| ways.down);
        assert_eq!(last_shown, None);
        assert_eq!(of(9), None);
    }

    #[test]
    fn what_is_dropped_takes_the_place_that_it_is_dropped_on() {
        use Priority::{High, Normal};
        let items = line(&[Normal, Normal, High, Normal]);
        let put = |dragged, on| target(&items, id(dragged), id(on));
        assert_eq!(put(2, 1), Some(Goal::Before(id(1))));
        assert_eq!(put(1, 2), Some(Goal::Before(id(4))));
        assert_eq!(put(1, 4), Some(Goal::Last));
        assert_eq!(put(1, 3), None);
        assert_eq!(put(1, 1), None);
        assert_eq!(put(1, 9), None);
    }

    #[test]
    fn who_listens_is_told_where_a_task_went() {
        let queue = |items: Vec<QueuedTask>| QueueView {
            total: 3,
            items,
            running: 0,
            agents_max: 4,
            typical_run_seconds: None,
        };
        let shown = queue(line(&[Priority::Normal; 3]));
        let said = told(&shown, id(2));
        assert_eq!(said.as_deref(), Some("“Task 2” is now in place 2."));
        assert_eq!(told(&shown, id(9)), None);
    }
}
