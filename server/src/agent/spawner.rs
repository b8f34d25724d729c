//! Starts processes from one OS thread that lives as long as the server.
//!
//! "Die with your parent" (`PR_SET_PDEATHSIG`) means the parent's *thread*: a child started from a
//! worker of the runtime would be killed when that worker ends.

use std::io;
use std::thread;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Starts processes from its own thread. The thread, and with it every process that dies with its
/// parent, ends when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
}

struct Request {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel(16);
        thread::Builder::new()
            .name("agent-spawner".to_owned())
            .spawn(move || serve(inbox))?;
        Ok(Self { requests })
    }

    /// Starts a process. It is killed if nobody waits for it any more.
    pub async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.kill_on_drop(true);
        let (reply, child) = oneshot::channel();
        let request = Request {
            command,
            runtime: Handle::current(),
            reply,
        };
        self.requests.send(request).await.map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

fn serve(mut inbox: mpsc::Receiver<Request>) {
    while let Some(Request {
        mut command,
        runtime,
        reply,
    }) = inbox.blocking_recv()
    {
        let _inside = runtime.enter();
        // An answer nobody waits for drops the child, which kills it.
        reply.send(command.spawn()).ok();
    }
}

fn gone() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the thread that starts processes has ended",
    )
}
