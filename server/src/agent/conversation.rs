//! The one task that owns an agent's process: reads what it says, passes on what it is told, and
//! sees it to its end.

use std::collections::{HashMap, VecDeque};
use std::process::ExitStatus;
use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::control::ControlOutcome;
use super::driver::ControlError;
use super::event::AgentEvent;
use super::exit::{Exit, ExitCause};
use super::hearing::Hearing;
use super::lines::{self, LINE_LIMIT, Line};
use super::log_lines::stderr_line;
use super::process_tree::ProcessTree;

/// The longest line of standard error that is kept whole, in bytes.
const STDERR_LIMIT: usize = 64 * 1024;

/// How many lines of standard error are kept for the end.
const STDERR_TAIL: usize = 20;

/// How many events may wait before the agent's output is held up.
const BACKLOG: usize = 16;

/// How many lines are put into one event at most.
const LINES_AT_ONCE: usize = 128;

/// How many words may wait, in bytes.
const WORDS_AT_ONCE: usize = 64 * 1024;

/// How long the pipes of an ended process are read on.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What the session wants.
pub(super) enum Command {
    /// A line for the CLI that has no answer.
    Line(String),
    /// A request to the CLI; the line is made for the id it gets.
    Request {
        build: Box<dyn FnOnce(&str) -> String + Send>,
        reply: oneshot::Sender<Result<Value, ControlError>>,
    },
    /// Nothing more will be said.
    CloseStdin,
}

/// How far the process has been pushed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Closed,
    Terminated,
    Killed,
}

/// What has happened.
enum Step {
    Stop(Duration),
    Hold(bool),
    Escalate,
    Ended(Option<ExitStatus>),
    Deliver,
    Deserted,
    Stdout(Option<Vec<Line>>),
    Stderr(Option<Vec<Line>>),
    Told(Option<Command>),
}

/// The last news of a process that is gone.
#[must_use]
pub(super) struct Farewell {
    events: mpsc::Sender<AgentEvent>,
    outgoing: VecDeque<AgentEvent>,
}

impl Farewell {
    /// Tells the session, if it still listens.
    pub(super) async fn deliver(self) {
        for event in self.outgoing {
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// A process and the channels around it.
pub(super) struct Conversation {
    child: Child,
    tree: ProcessTree,
    sandboxed: bool,
    hearing: Hearing,
    events: mpsc::Sender<AgentEvent>,
    commands: Option<mpsc::Receiver<Command>>,
    stop: watch::Receiver<Option<Duration>>,
    /// Whether every process is to stand still.
    hold: watch::Receiver<bool>,
    stdin: Option<mpsc::Sender<String>>,
    stdout: Option<mpsc::Receiver<Vec<Line>>>,
    stderr: Option<mpsc::Receiver<Vec<Line>>>,
    pipes: JoinSet<()>,
    outgoing: VecDeque<AgentEvent>,
    requests: HashMap<String, oneshot::Sender<Result<Value, ControlError>>>,
    next_request: u64,
    stderr_tail: VecDeque<String>,
    in_turn: bool,
    /// There were words since the last end of a text.
    in_text: bool,
    stage: Stage,
    deadline: Instant,
    grace: Duration,
}

impl Conversation {
    pub(super) fn new(
        mut child: Child,
        tree: ProcessTree,
        sandboxed: bool,
        hearing: Hearing,
        (events, commands): (mpsc::Sender<AgentEvent>, mpsc::Receiver<Command>),
        (stop, hold): (watch::Receiver<Option<Duration>>, watch::Receiver<bool>),
    ) -> Self {
        let mut pipes = JoinSet::new();
        let stdin = child.stdin.take().map(|pipe| {
            let (sender, lines) = mpsc::channel(64);
            pipes.spawn(write(pipe, lines));
            sender
        });
        let stdout = child.stdout.take().map(|pipe| {
            let (sender, batches) = mpsc::channel(4);
            pipes.spawn(lines::read(pipe, LINE_LIMIT, sender));
            batches
        });
        let stderr = child.stderr.take().map(|pipe| {
            let (sender, batches) = mpsc::channel(4);
            pipes.spawn(lines::read(pipe, STDERR_LIMIT, sender));
            batches
        });
        Self {
            child,
            tree,
            sandboxed,
            hearing,
            events,
            commands: Some(commands),
            stop,
            hold,
            stdin,
            stdout,
            stderr,
            pipes,
            outgoing: VecDeque::new(),
            requests: HashMap::new(),
            next_request: 0,
            stderr_tail: VecDeque::new(),
            in_turn: false,
            in_text: false,
            stage: Stage::Running,
            deadline: Instant::now(),
            grace: Duration::ZERO,
        }
    }

    /// Runs until the process and everything it has started is gone. What it has said last is
    /// still to be delivered.
    pub(super) async fn run(mut self) -> Farewell {
        let status = loop {
            match self.next_step().await {
                Step::Ended(status) => break status,
                Step::Stop(grace) => self.stop(grace).await,
                Step::Hold(is_held) => self.hold(is_held).await,
                Step::Escalate => self.escalate().await,
                // A session that does not listen any more has given the process up.
                Step::Deserted => {
                    self.outgoing.clear();
                    self.kill().await;
                }
                Step::Deliver => self.deliver(),
                Step::Stdout(batch) => self.hear(batch),
                Step::Stderr(batch) => self.overhear(batch),
                Step::Told(command) => self.obey(command),
            }
        };
        self.tree.root_is_reaped();
        let leftovers_killed = self.tree.kill().await;
        self.requests.clear();
        self.commands = None;
        self.stdin = None;
        // Whoever still holds a pipe open was not of the agent: its words are not waited for.
        if timeout(DRAIN_LIMIT, self.drain()).await.is_err() {
            tracing::warn!("the pipes of an ended agent stay open");
        }
        self.pipes.shutdown().await;
        let cause = status.map_or(ExitCause::Unknown, ExitCause::of);
        let exit = Exit {
            cause,
            stderr_tail: self.stderr_tail.into(),
            leftovers_killed,
        };
        self.outgoing.push_back(AgentEvent::Exited(exit));
        Farewell {
            events: self.events,
            outgoing: self.outgoing,
        }
    }

    async fn next_step(&mut self) -> Step {
        let is_behind = self.outgoing.len() >= BACKLOG;
        // A command is taken only when its line can be passed on.
        let can_say = self.stdin.as_ref().is_none_or(|stdin| stdin.capacity() > 0);
        tokio::select! {
            biased;
            Ok(grace) = requested(&mut self.stop), if self.stage == Stage::Running => {
                Step::Stop(grace)
            }
            Ok(()) = self.hold.changed(), if self.stage == Stage::Running => {
                Step::Hold(*self.hold.borrow())
            }
            () = sleep_until(self.deadline), if self.stage > Stage::Running => Step::Escalate,
            status = self.child.wait() => Step::Ended(status.ok()),
            permit = self.events.reserve(), if !self.outgoing.is_empty() => match permit {
                Ok(_) => Step::Deliver,
                Err(_) => Step::Deserted,
            },
            () = self.events.closed(), if self.stage < Stage::Killed => Step::Deserted,
            batch = receive(&mut self.stdout), if !is_behind => Step::Stdout(batch),
            batch = receive(&mut self.stderr), if !is_behind => Step::Stderr(batch),
            command = receive(&mut self.commands), if can_say => Step::Told(command),
        }
    }

    /// Begins the way to the end: a process without a turn has three tenths of the grace to end by
    /// itself, and the rest is for SIGTERM. A turn is not interrupted: the conversation would say that the
    /// person wanted that, and the next process would not go on with it.
    async fn stop(&mut self, grace: Duration) {
        self.grace = grace;
        // One that stands still can't end by itself, and must not go on.
        if grace.is_zero() || *self.hold.borrow() {
            return self.kill().await;
        }
        if !self.in_turn {
            return self.close();
        }
        self.terminate(grace);
    }

    async fn hold(&mut self, is_held: bool) {
        if is_held {
            self.tree.hold().await;
        } else {
            self.tree.release();
        }
    }

    async fn escalate(&mut self) {
        match self.stage {
            Stage::Running => self.close(),
            Stage::Closed => self.terminate(self.grace.mul_f64(0.7)),
            Stage::Terminated | Stage::Killed => self.kill().await,
        }
    }

    fn close(&mut self) {
        self.stage = Stage::Closed;
        self.deadline = Instant::now() + self.grace.mul_f64(0.3);
        self.stdin = None;
    }

    fn terminate(&mut self, patience: Duration) {
        self.stage = Stage::Terminated;
        self.deadline = Instant::now() + patience;
        self.tree.terminate(self.sandboxed);
    }

    async fn kill(&mut self) {
        self.stage = Stage::Killed;
        // Should anything survive this, it is tried again.
        self.deadline = Instant::now() + Duration::from_secs(1);
        self.tree.kill().await;
    }

    fn deliver(&mut self) {
        while let Some(event) = self.outgoing.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.outgoing.push_front(event);
                return;
            }
        }
    }

    fn hear(&mut self, batch: Option<Vec<Line>>) {
        let Some(batch) = batch else {
            self.stdout = None;
            return;
        };
        let at = Utc::now();
        for line in batch {
            let translation = self.hearing.stdout(&line, at);
            for event in translation.events {
                self.note_turn(&event);
                self.queue(event);
            }
            if let Some(outcome) = translation.response {
                self.answered(outcome);
            }
            if let Some(refusal) = translation.refusal {
                self.say(refusal);
            }
        }
    }

    fn note_turn(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::TurnStarted(_) => self.in_turn = true,
            AgentEvent::TurnEnded(_) => self.in_turn = false,
            _ => {}
        }
    }

    /// Adds an event; lines that follow each other become one event, and so do words.
    fn queue(&mut self, event: AgentEvent) {
        let is_behind = self.outgoing.len() >= BACKLOG;
        match event {
            AgentEvent::TextDelta(_) => self.in_text = true,
            AgentEvent::TextEnded { .. } if !std::mem::take(&mut self.in_text) => return,
            _ => {}
        }
        match (self.outgoing.back_mut(), event) {
            (Some(AgentEvent::Log(lines)), AgentEvent::Log(more))
                if lines.len() < LINES_AT_ONCE =>
            {
                lines.extend(more);
            }
            (Some(AgentEvent::TextDelta(text)), AgentEvent::TextDelta(more)) => {
                if text.len() < WORDS_AT_ONCE {
                    text.push_str(&more);
                }
            }
            (_, AgentEvent::TextDelta(_)) if is_behind => {}
            (_, event) => self.outgoing.push_back(event),
        }
    }

    fn overhear(&mut self, batch: Option<Vec<Line>>) {
        let Some(batch) = batch else {
            self.stderr = None;
            let last = self.hearing.end_of_stderr();
            return self.note_stderr(last);
        };
        for line in batch {
            let lines = self.hearing.stderr(&line);
            self.note_stderr(lines);
        }
    }

    fn note_stderr(&mut self, lines: Vec<String>) {
        let at = Utc::now();
        for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
            if self.stderr_tail.len() == STDERR_TAIL {
                self.stderr_tail.pop_front();
            }
            self.queue(AgentEvent::Log(vec![stderr_line(&line, at)]));
            self.stderr_tail.push_back(line);
        }
    }

    fn obey(&mut self, command: Option<Command>) {
        match command {
            None => self.commands = None,
            Some(Command::CloseStdin) => self.stdin = None,
            Some(Command::Line(line)) => self.say(line),
            Some(Command::Request { build, reply }) => {
                self.next_request += 1;
                let id = format!("platform-{}", self.next_request);
                let line = build(&id);
                self.requests.insert(id, reply);
                self.say(line);
            }
        }
    }

    fn say(&mut self, line: String) {
        let Some(stdin) = &self.stdin else { return };
        // A CLI that does not read any more is about to end, or will be ended.
        if stdin.try_send(line).is_err() {
            tracing::warn!("an agent does not read what it is told");
        }
    }

    fn answered(&mut self, outcome: ControlOutcome) {
        let (request_id, answer) = match outcome {
            ControlOutcome::Success {
                request_id,
                response,
            } => (request_id, Ok(response)),
            ControlOutcome::Error { request_id, error } => {
                (request_id, Err(ControlError::Refused { reason: error }))
            }
        };
        if let Some(reply) = self.requests.remove(&request_id) {
            // Whoever asked may have stopped waiting.
            reply.send(answer).ok();
        }
    }

    /// Reads what is left in the pipes.
    async fn drain(&mut self) {
        while self.stdout.is_some() {
            let batch = receive(&mut self.stdout).await;
            self.hear(batch);
        }
        while self.stderr.is_some() {
            let batch = receive(&mut self.stderr).await;
            self.overhear(batch);
        }
    }
}

async fn requested(stop: &mut watch::Receiver<Option<Duration>>) -> Result<Duration, ()> {
    match stop.wait_for(Option::is_some).await {
        Ok(grace) => (*grace).ok_or(()),
        Err(_) => Err(()),
    }
}

/// The next item of a channel; waits for ever if there is none.
async fn receive<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match channel {
        Some(channel) => channel.recv().await,
        None => std::future::pending().await,
    }
}

async fn write(mut pipe: ChildStdin, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.recv().await {
        if pipe.write_all(line.as_bytes()).await.is_err() || pipe.flush().await.is_err() {
            return;
        }
    }
}
