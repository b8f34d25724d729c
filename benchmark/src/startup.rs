//! What it costs to have a server: time until it is ready, memory while nobody needs it, and what
//! a browser has to load.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::installation::{Installation, Memory};
use crate::report::{Aim, Report, megabytes, milliseconds, percentile};
use crate::site;

const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(5);

/// Starts the server again and again. With the real Claude CLI if `CCS_CLAUDE_BIN` names it, for
/// the server asks it for its version.
pub async fn measure(server: &Path, report: &mut Report) -> anyhow::Result<()> {
    let cli = if let Some(cli) = std::env::var_os("CCS_CLAUDE_BIN") {
        PathBuf::from(cli)
    } else {
        report.note("no CLI in CCS_CLAUDE_BIN: the line generator stands in for it");
        std::env::current_exe()?
    };
    report.heading("The server by itself", &["", "measured"]);
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let it = Installation::start(server, &cli, 3).await?;
        fresh.push(it.ready_after);
        let it = Installation::start_on(it.stop().await?, server, &cli, 3).await?;
        again.push(it.ready_after);
        it.stop().await?;
    }
    enter_ready(report, "a first start", fresh);
    enter_ready(report, "a later start", again);

    let it = Installation::start(server, &cli, 3).await?;
    sleep(IDLE).await;
    let idle = it.memory(Memory::Now);
    report.row(&["memory, idle".to_owned(), megabytes(idle)]);
    report.aim(Aim {
        what: "memory, idle".to_owned(),
        target: "under 60 MB".to_owned(),
        measured: megabytes(idle),
        is_reached: idle.is_some_and(|idle| idle < 60_000_000),
    });
    site::measure(&it, report).await?;
    it.stop().await?;
    Ok(())
}

fn enter_ready(report: &mut Report, which: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let median = percentile(&times, 50);
    let measured = format!("{} ms", milliseconds(median));
    let what = format!("time to ready, {which}");
    report.row(&[what.clone(), measured.clone()]);
    report.aim(Aim {
        what,
        target: "under 1 s".to_owned(),
        measured,
        is_reached: median < Duration::from_secs(1),
    });
}
