//! One turn: a user message to the agent, and everything up to its result.

use std::ops::ControlFlow;
use std::time::Duration;

use app::domain::id::MessageId;
use app::domain::log::{LogKind, LogStream, NewLine};
use app::domain::task::{Answerable, ApiUse, RunCommand, Task, TurnOutcome, TurnPurpose};
use chrono::Utc;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::asked;
use super::checkpoint::{self, Pace};
use super::inspection;
use super::outcome::{self, Signs, Verdict};
use super::pause::Hold;
use super::run::{Ending, Next, Run, RunError};
use super::serve::said;
use super::session::Session;
use super::silence::Vigil;
use crate::agent::event::AgentEvent;
use crate::agent::exit::Exit;
use crate::agent::protocol::RateLimitInfo;
use crate::agent::stdin::Priority;
use crate::agent::system::ApiRetry;
use crate::agent::turn_result::TurnResult;
use crate::agent::usage::TurnUsage;
use crate::prompts;

/// How long a resumed agent may take to take up its turn by itself.
const TAKE_UP: Duration = Duration::from_secs(30);

/// How long an agent may take to begin with a message that came too late for the turn before.
const LATE: Duration = Duration::from_secs(5);

/// How long an agent may take to end its turn when a person interrupts it.
const STOPS: Duration = Duration::from_secs(10);

const INTERRUPTED: &str = "A person has interrupted the agent.";

/// What is known of the turn that is running.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each true or false beside any other"
)]
pub(super) struct Turn {
    pub(super) message: MessageId,
    pub(super) purpose: TurnPurpose,
    pub(super) asked: Vec<Answerable>,
    /// A call waits for a person already. The CLI keeps only one.
    pub(super) is_parked: bool,
    pub(super) sent_back: u32,
    limit: Option<RateLimitInfo>,
    pub(super) retry: Option<ApiRetry>,
    /// The account could not be used lately, and has not been seen to work again.
    pub(super) is_trying: bool,
    pub(super) usage: TurnUsage,
    /// What its process has asked of the API.
    pub(super) api: Option<ApiUse>,
    /// Until when a turn that nothing was sent for has to begin.
    begins_by: Option<Instant>,
    /// The agent's end of the turn, while a message that came too late for it is answered.
    ended: Option<Box<TurnResult>>,
    /// The agent has begun with it.
    is_begun: bool,
    /// A person wants it to end: by when it has to.
    stops_by: Option<Instant>,
    /// The agent was told to stop.
    is_stopping: bool,
    /// A person holds the agent up.
    pub(super) held: Option<Hold>,
    pub(super) pace: Pace,
    pub(super) vigil: Vigil,
}

impl Turn {
    pub(super) fn new(message: MessageId, purpose: TurnPurpose) -> Self {
        Self {
            message,
            purpose,
            asked: Vec::new(),
            is_parked: false,
            sent_back: 0,
            limit: None,
            retry: None,
            is_trying: false,
            usage: TurnUsage::default(),
            api: None,
            begins_by: None,
            ended: None,
            is_begun: false,
            stops_by: None,
            is_stopping: false,
            held: None,
            pace: Pace::from_now(),
            vigil: Vigil::from_now(),
        }
    }

    /// Puts off whatever has to happen in time.
    pub(super) fn grant(&mut self, time: Duration) {
        for by in [&mut self.begins_by, &mut self.stops_by] {
            *by = by.map(|by| by + time);
        }
        self.vigil.grant(time);
    }

    /// The moment, unless the agent is held up: nothing can be expected of it then.
    fn expected(&self, by: Option<Instant>) -> Option<Instant> {
        by.filter(|_| self.held.is_none())
    }

    /// What was seen of the model's API so far.
    fn signs(&self, session: &Session) -> Signs {
        Signs {
            limit: self.limit.clone(),
            retry: self.retry.clone(),
            rejected: session.api.usage().rejected,
        }
    }
}

/// What one piece of news means for the turn.
enum Progress {
    Goes,
    Ended(Box<TurnResult>),
    Gone(Exit),
    Unusable(&'static str),
}

impl Run {
    /// Sends the turn's message, unless the agent has it already, and sees the turn to its end.
    pub(super) async fn deliver_turn(
        &mut self,
        task: &Task,
        mut turn: Turn,
        send: bool,
    ) -> Result<Next, RunError> {
        let guide = self.guide(task, &turn.purpose)?;
        if send {
            self.turn_begins(task, &turn.purpose).await?;
        } else {
            turn.begins_by = Some(Instant::now() + TAKE_UP);
        }
        turn.is_trying = self.is_trying;
        let Some(mut session) = self.session.take() else {
            let message = "there is no agent".to_owned();
            return Ok(ControlFlow::Break(Ending::Failed { message }));
        };
        if send {
            let prompt = prompts::prompt(task, turn.message, &turn.purpose, guide.as_deref());
            let control = session.agent.control();
            said(
                control
                    .send_user(turn.message.as_uuid(), &prompt, None)
                    .await,
            );
        }
        let ending = self.attend(&mut session, &mut turn).await;
        self.session = Some(session);
        match ending? {
            Attended::Result(result) => Box::pin(self.conclude(turn, &result)).await,
            Attended::Ending(ending) => Ok(ControlFlow::Break(ending)),
            Attended::Silence => self.end_unseen(task, turn).await,
            Attended::Stopped => self.end_interrupted(task, turn.message).await,
            Attended::Held => Ok(ControlFlow::Break(Ending::Paused)),
        }
    }

    /// Records that a turn had ended while nobody was there to see how.
    pub(super) async fn end_unseen(&self, task: &Task, turn: Turn) -> Result<Next, RunError> {
        let command = RunCommand::EndTurn {
            message: turn.message,
            outcome: TurnOutcome::Unseen,
            usage: None,
            present: self.present(task).await?,
            asked: turn.asked,
        };
        Ok(ControlFlow::Continue(self.say(command).await?))
    }

    /// Ends a turn that a person has interrupted, with the process that serves it if there is one.
    pub(super) async fn end_interrupted(
        &mut self,
        task: &Task,
        message: MessageId,
    ) -> Result<Next, RunError> {
        let mut api = None;
        if let Some(mut session) = self.session.take() {
            api = session.api_use();
            session.stop().await;
        }
        self.deps.logs.flush(self.task, self.epoch).await?;
        let command = RunCommand::EndTurn {
            message,
            outcome: TurnOutcome::Interrupted,
            usage: outcome::usage_delta(&TurnUsage::default(), api),
            present: self.present(task).await?,
            asked: Vec::new(),
        };
        let task = self.say(command).await?;
        self.note(INTERRUPTED).await?;
        Ok(ControlFlow::Continue(task))
    }

    pub(super) fn guide(
        &self,
        task: &Task,
        purpose: &TurnPurpose,
    ) -> Result<Option<String>, RunError> {
        match prompts::guide_of(task, purpose) {
            Some(guide) => Ok(self.deps.guides.get(guide)?),
            None => Ok(None),
        }
    }

    async fn turn_begins(&self, task: &Task, purpose: &TurnPurpose) -> Result<(), RunError> {
        let mut lines = vec![line(LogKind::Turn, prompts::heading(task, purpose))];
        if let TurnPurpose::Messages { messages } = purpose {
            let sent = task
                .messages
                .iter()
                .filter(|known| messages.contains(&known.id));
            lines.extend(sent.map(|sent| line(LogKind::Message, sent.text.to_string())));
        }
        if let TurnPurpose::Answers {
            questions,
            dependencies,
        } = purpose
        {
            let asked = task.questions.iter();
            let told = asked.filter(|known| questions.contains(&known.id));
            let texts = told.filter_map(|known| known.answer()?.text());
            lines.extend(texts.map(|text| line(LogKind::Message, text)));
            let needed = task.dependencies.iter();
            let told = needed.filter(|known| dependencies.contains(&known.id));
            let texts = told.map(|known| format!("{}: {}", known.needed.name, known.state()));
            lines.extend(texts.map(|text| line(LogKind::Message, text)));
        }
        self.log(lines).await
    }

    /// Serves the agent until its turn is over.
    async fn attend(&self, session: &mut Session, turn: &mut Turn) -> Result<Attended, RunError> {
        let heads = self.deps.store.heads();
        let mut head = heads.task(self.task);
        let (mut known, mut looked) = (None, Instant::now());
        loop {
            // Log lines are this run's own: only events can be news.
            let events = Some(head.borrow_and_update().events);
            if known != events || heads.is_overdue(looked) {
                (known, looked) = (events, Instant::now());
                let Some(task) = self.still_ours(session, turn).await? else {
                    return Ok(Attended::Ending(Ending::Settled));
                };
                if task.interrupt_requested && turn.stops_by.is_none() {
                    turn.stops_by = Some(Instant::now() + STOPS);
                }
            }
            if turn.stops_by.is_some() && turn.is_begun && !turn.is_stopping {
                turn.is_stopping = true;
                said(session.agent.control().interrupt_all().await);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Attended::Ending(Ending::Shutdown)),
                () = heads.call(&mut head) => {}
                Some(call) = session.calls.next() => {
                    self.heard(turn, Instant::now()).await?;
                    self.serve(session, call).await?;
                }
                () = overdue(turn.held.map(|hold| hold.until)) => return Ok(Attended::Held),
                () = overdue(turn.expected(turn.begins_by)) => {
                    return Ok(turn.ended.take().map_or(Attended::Silence, Attended::Result));
                }
                () = overdue(turn.expected(turn.stops_by)) => return Ok(Attended::Stopped),
                () = overdue(turn.expected(Some(turn.pace.mirrored_at))) => {
                    self.keep_pace(session, turn).await?;
                }
                () = overdue(turn.expected(turn.vigil.over_at(self.deps.options.silence))) => {
                    if let Some(ending) = self.look_after(session, turn).await? {
                        return Ok(Attended::Ending(ending));
                    }
                }
                news = session.agent.next() => {
                    let Some(news) = news else {
                        let message = "the agent is gone".to_owned();
                        return Ok(Attended::Ending(Ending::Failed { message }));
                    };
                    match self.hear(session, turn, news).await? {
                        Progress::Goes => {}
                        Progress::Ended(result) => return Ok(Attended::Result(result)),
                        Progress::Gone(_) if turn.stops_by.is_some() => {
                            return Ok(Attended::Stopped);
                        }
                        Progress::Gone(exit) => {
                            let failed = Ending::Failed { message: last_words(&exit) };
                            let ended = turn.ended.take().map(Attended::Result);
                            return Ok(ended.unwrap_or(Attended::Ending(failed)));
                        }
                        Progress::Unusable(why) => {
                            let message = why.to_owned();
                            return Ok(Attended::Ending(Ending::Failed { message }));
                        }
                    }
                }
            }
        }
    }

    /// Looks what has become of the task meanwhile, and passes on what a person wrote.
    async fn still_ours(
        &self,
        session: &mut Session,
        turn: &mut Turn,
    ) -> Result<Option<Task>, RunError> {
        let Some(task) = self.load().await? else {
            return Ok(None);
        };
        if task.archived || task.run().is_none_or(|run| run.id != self.id) {
            return Ok(None);
        }
        self.hold(session, turn, &task).await?;
        // It could not answer.
        if !session.is_onlooker && turn.held.is_none() {
            self.hand_over(session, &task).await?;
            self.pass_on(session, &task).await;
        }
        Ok(Some(task))
    }

    async fn hear(
        &self,
        session: &mut Session,
        turn: &mut Turn,
        news: AgentEvent,
    ) -> Result<Progress, RunError> {
        // That a message has reached the CLI's queue says nothing of what it is at work on.
        if !matches!(news, AgentEvent::Lifecycle { .. }) {
            self.heard(turn, Instant::now()).await?;
        }
        match news {
            AgentEvent::Log(lines) => self.log(lines).await?,
            AgentEvent::Acting(action) => {
                self.heed_answer(turn).await?;
                self.deps.live.act(self.task, &action.to_string());
            }
            AgentEvent::TurnStarted(_) => {
                turn.begins_by = None;
                turn.is_begun = true;
                self.deps.live.set(self.task, session.at_work());
            }
            AgentEvent::PlatformToolsMissing => {
                return Ok(Progress::Unusable(
                    "the agent could not reach the platform's tools",
                ));
            }
            AgentEvent::AskPermission(request) => self.permit(session, request).await?,
            AgentEvent::HookPreToolUse(hook) => {
                turn.begins_by = None;
                if asked::waits(&hook.tool) {
                    Box::pin(self.park_or_answer(session, turn, &hook)).await?;
                } else {
                    Box::pin(self.consider(session, turn, &hook)).await?;
                }
            }
            AgentEvent::HookStop(hook) => self.may_stop(session, turn, &hook).await?,
            AgentEvent::RateLimit(limit) => turn.limit = Some(limit),
            AgentEvent::Marker(_) if session.is_onlooker => {}
            AgentEvent::Marker(marker) => self.heed(turn, marker).await?,
            AgentEvent::Warning(warning) => warn(session, &warning).await,
            AgentEvent::TurnEnded(result) => {
                let used = session.meter.record(&result);
                turn.usage += used;
                self.deps.live.rest(self.task);
                for message in &result.user_message_uuids {
                    self.taken_up(session, *message).await?;
                }
                let more = result.queued_turn_count > 0 || session.mail.is_open();
                if !more
                    || turn.is_stopping
                    || outcome::judge(&result, &turn.signs(session)) != Verdict::GoOn
                {
                    return Ok(Progress::Ended(result));
                }
                // A message that came too late for this turn is answered in one of its own.
                turn.begins_by = Some(Instant::now() + LATE);
                turn.ended = Some(result);
            }
            AgentEvent::Lifecycle { message, state } => {
                self.follow(session, message, state).await?;
            }
            AgentEvent::Exited(exit) => return Ok(Progress::Gone(exit)),
            AgentEvent::TextDelta(words) => {
                self.heed_answer(turn).await?;
                self.deps.live.write(self.task, &words);
            }
            AgentEvent::Retry(retry) => self.heed_retry(turn, retry).await?,
            AgentEvent::TextEnded { is_logged } => self.deps.live.end_text(self.task, is_logged),
            AgentEvent::Withdrawn { .. } | AgentEvent::State(_) | AgentEvent::Unknown { .. } => {}
        }
        Ok(Progress::Goes)
    }

    /// Records the end of the turn and what follows from it.
    async fn conclude(&mut self, mut turn: Turn, result: &TurnResult) -> Result<Next, RunError> {
        turn.api = self.session.as_mut().and_then(Session::api_use);
        let signs = self.session.as_ref().map(|session| turn.signs(session));
        let verdict = match outcome::judge(result, &signs.unwrap_or_default()) {
            Verdict::Failed { .. } if turn.is_stopping => Verdict::Interrupted,
            verdict => verdict,
        };
        let unread = |session: &Session| result.queued_turn_count > 0 || session.mail.is_open();
        // Whatever comes next may be much later: the process goes, the conversation stays. What it has
        // not taken up is given to the next one.
        let is_last = verdict != Verdict::GoOn
            || !turn.asked.is_empty()
            || self.session.as_ref().is_some_and(unread);
        let left = self.leave(is_last).await;
        self.deps.logs.flush(self.task, self.epoch).await?;
        let Some(task) = self.load().await? else {
            return Ok(ControlFlow::Break(Ending::Settled));
        };
        if inspection::is_answer(&turn.purpose, &verdict, result) {
            return self.conclude_inspection(&task, turn, result).await;
        }
        let kind = checkpoint::kind(&verdict, !turn.asked.is_empty());
        let label = prompts::heading(&task, &turn.purpose);
        let present = self.present(&task).await?;
        let command = RunCommand::EndTurn {
            message: turn.message,
            outcome: verdict.outcome(),
            usage: outcome::usage_delta(&turn.usage, turn.api),
            present,
            asked: turn.asked,
        };
        let task = self.say_at(left, kind, label, command).await?;
        let was_wanted = turn.stops_by.is_some();
        let ending = match verdict {
            Verdict::GoOn | Verdict::Deferred => return Ok(ControlFlow::Continue(task)),
            Verdict::Interrupted if was_wanted => {
                self.note(INTERRUPTED).await?;
                return Ok(ControlFlow::Continue(task));
            }
            Verdict::Interrupted => Ending::Failed {
                message: "the turn was interrupted".to_owned(),
            },
            Verdict::Limited { message, hit } => self.hit_limit(&message, &hit).await?,
            Verdict::Refused { message } => Ending::Refused { message },
            Verdict::Failed { message } => Ending::Failed { message },
        };
        Ok(ControlFlow::Break(ending))
    }

    pub(super) async fn note(&self, text: &str) -> Result<(), RunError> {
        self.log(vec![line(LogKind::Note, text.to_owned())]).await
    }

    pub(super) async fn log(&self, lines: Vec<NewLine>) -> Result<(), RunError> {
        Ok(self
            .deps
            .logs
            .append(self.task, self.id, self.epoch, lines)
            .await?)
    }
}

/// Where serving the agent led to.
enum Attended {
    Result(Box<TurnResult>),
    Ending(Ending),
    /// The agent had nothing to take up.
    Silence,
    /// A person wanted the turn to end, and the agent did not end it by itself.
    Stopped,
    /// A person has held the agent up for so long that its process has to end.
    Held,
}

/// Comes at the moment given, or never.
async fn overdue(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn last_words(exit: &Exit) -> String {
    let words = exit
        .stderr_tail
        .last()
        .map(|line| format!(": {line}"))
        .unwrap_or_default();
    format!(
        "the agent ended with {} in the middle of its turn{words}",
        exit.cause
    )
}

pub(super) fn line(kind: LogKind, text: String) -> NewLine {
    NewLine {
        at: Utc::now(),
        stream: LogStream::System,
        kind,
        text,
    }
}

/// Tells the agent what it did wrong, as soon as it looks up.
async fn warn(session: &Session, warning: &impl std::fmt::Display) {
    let text = format!("[platform] {warning}");
    let control = session.agent.control();
    said(
        control
            .send_user(Uuid::new_v4(), &text, Some(Priority::Next))
            .await,
    );
}
