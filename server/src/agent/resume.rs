//! What to do with a conversation whose process is gone: read from the CLI's own transcript.
//!
//! Measured with version 2.1.330:
//! - The transcript is written about a tenth of a second behind. What a killed process had just
//!   said may be missing, up to the whole file; the conversation then goes on from what is there.
//! - A user message that is in the transcript is never run again by sending it again, even if its
//!   turn was cut off: the CLI answers `completed` at once. It has to be told to take up the turn
//!   ([`super::process::AgentSpec::rerun_interrupted`]). It does so by itself then, under a message
//!   of its own, so the turn's result does not name the uuid that was sent.
//! - A cut tool call stays visible to the model, with "outcome unknown" as its result.
//! - A tool call that was put off by a hook is put before the hook again, whether the turn is to be
//!   taken up or not. Allowed, it is executed; its turn ends with a result of its own.
//! - A conversation whose last turn had ended does nothing until it gets a message.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, openat, openat2, unlinkat};
use rustix::io::Errno;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::process::SessionStart;

/// The longest line of a transcript that is read, in bytes; a longer one is passed over.
const LINE_LIMIT: usize = 32 * 1024 * 1024;

/// The longest transcript that is read, in bytes. The agent can write there as it likes.
const TRANSCRIPT_LIMIT: u64 = 2 * 1024 * 1024 * 1024;

/// Entries about what waits to be taken up: it may have come to nothing.
const QUEUE: &str = "queue-operation";

/// How a conversation goes on in a new process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumePlan {
    /// There is no transcript: begin the conversation, and send the message.
    Fresh,
    /// The message is not in the transcript: resume, and send it with its uuid.
    SendAgain,
    /// The turn was cut off: resume with `rerun_interrupted`, and send nothing. Should no turn
    /// start within some seconds, a new message helps.
    RunsByItself,
    /// The turn has ended to wait for a person: resume, and send nothing. The call comes before
    /// the hook again.
    Deferred {
        /// The call.
        tool_use_id: String,
    },
    /// The turn had ended, but its result was lost: resume, and send a new message.
    AlreadyDone,
}

impl ResumePlan {
    /// How the process has to be started.
    pub fn session_start(&self, session: Uuid) -> SessionStart {
        match self {
            Self::Fresh => SessionStart::New(session),
            _ => SessionStart::Resume(session),
        }
    }

    /// Whether the process has to take up the turn by itself.
    pub fn is_rerun(&self) -> bool {
        *self == Self::RunsByItself
    }
}

/// Reads the transcript of a conversation. `open_message` is the message whose turn has no result
/// yet, if there is one. Blocks.
pub fn resume_plan(
    config_dir: &Path,
    session: Uuid,
    open_message: Option<Uuid>,
) -> io::Result<ResumePlan> {
    let Some(transcript) = transcript(config_dir, session)? else {
        return Ok(ResumePlan::Fresh);
    };
    if transcript.metadata()?.len() > TRANSCRIPT_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    plan(BufReader::new(transcript), open_message)
}

/// What the main agent has said in the turn that `message` began, as the transcript has it: with
/// secrets, if it told any. Blocks.
pub fn said_since(config_dir: &Path, session: Uuid, message: Uuid) -> io::Result<Vec<String>> {
    match transcript(config_dir, session)? {
        Some(transcript) if transcript.metadata()?.len() <= TRANSCRIPT_LIMIT => {
            said(BufReader::new(transcript), message)
        }
        _ => Ok(Vec::new()),
    }
}

/// Which of these messages the transcript of a conversation lacks. Blocks.
pub fn lacking(config_dir: &Path, session: Uuid, messages: &[Uuid]) -> io::Result<Vec<Uuid>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    match transcript(config_dir, session)? {
        Some(transcript) if transcript.metadata()?.len() <= TRANSCRIPT_LIMIT => {
            missing(BufReader::new(transcript), messages)
        }
        _ => Ok(messages.to_vec()),
    }
}

fn missing(mut lines: impl BufRead, messages: &[Uuid]) -> io::Result<Vec<Uuid>> {
    let mut missing: Vec<_> = messages
        .iter()
        .map(|message| (*message, message.to_string()))
        .collect();
    let mut line = Vec::new();
    while next_line(&mut lines, &mut line, LINE_LIMIT)? {
        let entry = serde_json::from_slice::<Entry>(&line);
        if entry.is_ok_and(|entry| entry.kind != QUEUE) {
            let text = String::from_utf8_lossy(&line);
            missing.retain(|(_, uuid)| !text.contains(uuid.as_str()));
        }
    }
    Ok(missing.into_iter().map(|(message, _)| message).collect())
}

fn said(mut lines: impl BufRead, message: Uuid) -> io::Result<Vec<String>> {
    let wanted = message.to_string();
    let (mut texts, mut has_begun) = (Vec::new(), false);
    let mut line = Vec::new();
    while next_line(&mut lines, &mut line, LINE_LIMIT)? {
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else {
            continue;
        };
        if !has_begun {
            let is_message = entry.kind == "user";
            has_begun = is_message && String::from_utf8_lossy(&line).contains(&wanted);
        }
        let is_own = entry.kind == "assistant" && !entry.is_sidechain;
        if let Some(message) = entry.message.filter(|_| has_begun && is_own)
            && message.model.as_deref() != Some("<synthetic>")
        {
            let blocks = message.content.as_array().into_iter().flatten();
            let words = blocks.filter(|block| block["type"] == "text");
            texts.extend(words.filter_map(|block| block["text"].as_str().map(str::to_owned)));
        }
    }
    Ok(texts)
}

/// What the lines of a transcript tell of its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The last message of the main conversation.
    pub(crate) message: Option<Uuid>,
    /// Whether nothing is under way behind it; `None` if no message is among them.
    pub(crate) is_at_rest: Option<bool>,
}

/// Reads whole lines of a transcript.
pub(crate) fn seen(lines: &[u8]) -> Seen {
    let mut seen = Seen::default();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
            continue;
        };
        if let Some(stand) = next_stand(&entry) {
            seen.is_at_rest = Some(matches!(stand, Stand::Ended | Stand::Deferred(_)));
            seen.message = entry.uuid.or(seen.message);
        }
    }
    seen
}

/// The file of a conversation, whatever directory it was held in. The agent can write there, so
/// no link is followed.
pub(crate) fn transcript(config_dir: &Path, session: Uuid) -> io::Result<Option<File>> {
    Ok(found(config_dir, session)?.map(|(file, _)| file))
}

/// Removes the file of a conversation that has not begun. As long as it is there, the CLI would not begin
/// a conversation with this id. Says whether it was there. Blocks.
pub(crate) fn discard(config_dir: &Path, session: Uuid) -> io::Result<bool> {
    let Some((_, project)) = found(config_dir, session)? else {
        return Ok(false);
    };
    unlinkat(&project, format!("{session}.jsonl"), AtFlags::empty())?;
    Ok(true)
}

/// The file, and the directory that it is in.
fn found(config_dir: &Path, session: Uuid) -> io::Result<Option<(File, OwnedFd)>> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // NONBLOCK: a pipe that an agent left there must not hang the reader.
    let file = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let config = openat(CWD, config_dir, folder, Mode::empty());
    let Some(config) = present(config)? else {
        return Ok(None);
    };
    let projects = openat2(&config, "projects", folder, Mode::empty(), inside);
    let Some(projects) = present(projects)? else {
        return Ok(None);
    };
    for project in Dir::read_from(&projects)? {
        let project = project?;
        let Ok(name) = project.file_name().to_str() else {
            continue;
        };
        let project = openat2(&projects, name, folder, Mode::empty(), inside);
        let Some(project) = present(project)? else {
            continue;
        };
        let name = format!("{session}.jsonl");
        let found = openat2(&project, name, file, Mode::empty(), inside);
        let Some(found) = present(found)?.map(File::from) else {
            continue;
        };
        if found.metadata()?.is_file() {
            return Ok(Some((found, project)));
        }
    }
    Ok(None)
}

/// What was opened; nothing if it is not there, or is not what the CLI would have put there.
fn present<T>(opened: Result<T, Errno>) -> io::Result<Option<T>> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the next line into `line`, and says whether there was one. What goes beyond `limit` bytes
/// is passed over.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<bool> {
    line.clear();
    let most = limit as u64;
    if lines.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.len() == limit && line.last() != Some(&b'\n') {
        lines.skip_until(b'\n')?;
    }
    Ok(true)
}

/// One line of a transcript, as far as it matters.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, rename = "isSidechain")]
    is_sidechain: bool,
    #[serde(default)]
    uuid: Option<Uuid>,
    #[serde(default)]
    message: Option<EntryMessage>,
    #[serde(default)]
    attachment: Option<Attachment>,
}

#[derive(Deserialize)]
struct EntryMessage {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Attachment {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, rename = "toolUseID")]
    tool_use_id: Option<String>,
}

/// Where a conversation stands.
enum Stand {
    Nothing,
    CutOff,
    Deferred(String),
    Ended,
}

fn plan(mut lines: impl BufRead, open_message: Option<Uuid>) -> io::Result<ResumePlan> {
    let wanted = open_message.map(|uuid| uuid.to_string());
    let mut is_known = wanted.is_none();
    let mut stand = Stand::Nothing;
    let mut line = Vec::new();
    while next_line(&mut lines, &mut line, LINE_LIMIT)? {
        // A torn last line is no entry yet, and one that is cut off is none that matters.
        if let Ok(entry) = serde_json::from_slice::<Entry>(&line) {
            let text = String::from_utf8_lossy(&line);
            is_known |= entry.kind != QUEUE
                && wanted
                    .as_ref()
                    .is_some_and(|uuid| text.contains(uuid.as_str()));
            if let Some(next) = next_stand(&entry) {
                stand = next;
            }
        }
    }
    Ok(match stand {
        Stand::Nothing => ResumePlan::Fresh,
        _ if !is_known => ResumePlan::SendAgain,
        Stand::Deferred(tool_use_id) => ResumePlan::Deferred { tool_use_id },
        Stand::CutOff if wanted.is_some() => ResumePlan::RunsByItself,
        Stand::CutOff | Stand::Ended => ResumePlan::AlreadyDone,
    })
}

/// Where the conversation stands after this entry, if the entry changes that.
fn next_stand(entry: &Entry) -> Option<Stand> {
    if entry.is_sidechain {
        return None;
    }
    if let Some(attachment) = &entry.attachment {
        let is_deferral = attachment.kind == "hook_deferred_tool";
        let call = attachment.tool_use_id.clone().filter(|_| is_deferral)?;
        return Some(Stand::Deferred(call));
    }
    let message = entry.message.as_ref()?;
    match entry.kind.as_str() {
        "user" if is_interruption(&message.content) => Some(Stand::Ended),
        "user" => Some(Stand::CutOff),
        "assistant" => match message.stop_reason.as_deref() {
            None | Some("tool_use" | "pause_turn") => Some(Stand::CutOff),
            Some(_) => Some(Stand::Ended),
        },
        _ => None,
    }
}

/// The note the CLI leaves when a turn was ended on request.
fn is_interruption(content: &Value) -> bool {
    let text = content
        .as_str()
        .or_else(|| content.pointer("/0/text").and_then(Value::as_str));
    text.is_some_and(|text| text.starts_with("[Request interrupted by user"))
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
