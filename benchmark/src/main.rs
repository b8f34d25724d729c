//! `make bench`: what the server can take, measured on the machine at hand.
//!
//! `benchmark <server>` drives a release build of the server as a stranger would, over loopback.
//! The server in turn starts this same program in place of the Claude CLI: then it is a generator
//! of lines. Nothing here fails for being slow; each figure is printed beside its target.

mod append;
mod generator;
mod http;
mod installation;
mod log_lines;
mod queue;
mod redaction;
mod report;
mod site;
mod startup;
mod stream;

use std::path::PathBuf;

use anyhow::Context as _;

use report::Report;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().context("usage: benchmark <server>")?;
    match first.to_str() {
        Some("--version") => generator::tell_version(),
        Some("-p") => generator::converse()?,
        _ => {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(measure(PathBuf::from(first)))?;
        }
    }
    Ok(())
}

async fn measure(server: PathBuf) -> anyhow::Result<()> {
    let server = server
        .canonicalize()
        .with_context(|| format!("there is no server at {}", server.display()))?;
    let mut report = Report::start();
    log_lines::measure(&server, &mut report).await?;
    append::measure(&mut report).await?;
    queue::measure(&mut report).await?;
    redaction::measure(&report);
    startup::measure(&server, &mut report).await?;
    report.conclude();
    Ok(())
}
