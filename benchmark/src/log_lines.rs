//! Log lines at full speed: from the agents' standard output through the store to the clients.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::generator::{self, WRITTEN_AT};
use crate::http;
use crate::installation::{Installation, Memory};
use crate::report::{Aim, Report, milliseconds, percentile, thousands};
use crate::stream::{self, Delivery, Recording};

/// Other programs on the machine disturb; of so many runs the median counts, but every lost line.
const RUNS: usize = 3;

const PATIENCE: Duration = Duration::from_mins(1);

/// How many agents say how many lines each, to how many clients each, and when they begin.
#[derive(Clone, Copy)]
struct Load {
    agents: u64,
    lines: u64,
    clients: u64,
    /// Until then all agents have to be there.
    lead: Duration,
}

/// What came of one run.
struct Outcome {
    stored: u64,
    /// By the client that got the fewest lines; a line that came twice counts once.
    received: u64,
    p50: Duration,
    p99: Duration,
    lines_per_second: f64,
    memory: Option<u64>,
    /// When the last agent began, after the moment it was asked to.
    late: Duration,
    /// Why a client got fewer lines than were said.
    cut_off: Option<&'static str>,
}

/// One agent and twenty, each with 1, 3 and 10 clients.
pub async fn measure(server: &Path, report: &mut Report) -> anyhow::Result<()> {
    report.heading(
        "Log lines, from the agent's standard output to the client",
        &[
            "agents × lines",
            "clients each",
            "stored",
            "received by each",
            "p50 ms",
            "p99 ms",
            "lines/s",
            "server memory, peak",
        ],
    );
    let one = (1, 20_000, Duration::from_secs(2));
    let twenty = (20, 1_000, Duration::from_secs(8));
    for (agents, lines, lead) in [one, twenty] {
        for clients in [1, 3, 10] {
            let load = Load {
                agents,
                lines,
                clients,
                lead,
            };
            let mut outcomes = Vec::new();
            for _ in 0..RUNS {
                outcomes.push(run(server, load).await?);
            }
            enter(report, load, &outcomes);
        }
    }
    Ok(())
}

fn enter(report: &mut Report, load: Load, outcomes: &[Outcome]) {
    let all = load.agents * load.lines;
    let stored = outcomes.iter().map(|run| run.stored).min().unwrap_or(0);
    let received = outcomes.iter().map(|run| run.received).min().unwrap_or(0);
    let median = |figure: fn(&Outcome) -> Duration| {
        let mut figures: Vec<_> = outcomes.iter().map(figure).collect();
        figures.sort_unstable();
        percentile(&figures, 50)
    };
    let p99 = median(|run| run.p99);
    let mut rates: Vec<_> = outcomes.iter().map(|run| run.lines_per_second).collect();
    rates.sort_unstable_by(f64::total_cmp);
    let memory = outcomes.iter().filter_map(|run| run.memory).max();
    report.row(&[
        format!("{} × {}", load.agents, thousands(load.lines)),
        load.clients.to_string(),
        format!("{} of {}", thousands(stored), thousands(all)),
        format!("{} of {}", thousands(received), thousands(load.lines)),
        milliseconds(median(|run| run.p50)),
        milliseconds(p99),
        format!("{:.0}", rates[rates.len() / 2]),
        crate::report::megabytes(memory),
    ]);
    let name = format!("{} agents, {} clients", load.agents, load.clients);
    if let Some(late) = outcomes.iter().map(|run| run.late).max()
        && late > Duration::from_millis(500)
    {
        let late = milliseconds(late);
        report.note(&format!(
            "{name}: an agent began {late} ms after the others"
        ));
    }
    if let Some(reason) = outcomes.iter().find_map(|run| run.cut_off) {
        report.note(&format!("{name}: {reason}"));
    }
    let lost = (all - stored) + (load.lines - received);
    report.aim(Aim {
        what: format!("lines lost, {name}"),
        target: "0".to_owned(),
        measured: thousands(lost),
        is_reached: lost == 0,
    });
    if load.clients == 3 {
        report.aim(Aim {
            what: format!("p99 to the client, {name}"),
            target: "under 150 ms".to_owned(),
            measured: format!("{} ms", milliseconds(p99)),
            is_reached: p99 < Duration::from_millis(150),
        });
    }
}

async fn run(server: &Path, load: Load) -> anyhow::Result<Outcome> {
    let generator = std::env::current_exe()?;
    let agents = usize::try_from(load.agents)?;
    let it = Installation::start(server, &generator, agents).await?;
    let until = Instant::now() + load.lead + PATIENCE;
    let begin = generator::now() + u64::try_from(load.lead.as_nanos())?;
    let mut clients = JoinSet::new();
    let mut tasks = Vec::new();
    for _ in 0..load.agents {
        let task = create(&it, load.lines, begin / 1_000_000).await?;
        for _ in 0..load.clients {
            clients.spawn(stream::record(it.addr, task.clone(), load.lines, until));
        }
        tasks.push(task);
    }
    let mut recordings: Vec<Recording> = Vec::new();
    while let Some(recording) = clients.join_next().await {
        recordings.push(recording??);
    }
    let mut stored = 0;
    for task in &tasks {
        settle(&it, task, until).await?;
        stored += stored_lines(&it, task).await?;
    }
    let memory = it.memory(Memory::Peak);
    it.stop().await?;
    evaluate(load, begin, stored, memory, &recordings)
}

async fn create(it: &Installation, lines: u64, begin: u64) -> anyhow::Result<String> {
    let task = json!({
        "title": "Benchmark", "type": "custom", "start": true,
        "description": generator::prompt(lines, begin),
    });
    let task = http::post_json(it.addr, "/api/tasks", &task).await?;
    let id = task["id"].as_str().context("a task without an id")?;
    Ok(id.to_owned())
}

/// Waits for the task's end, so that nothing of it is still on its way.
async fn settle(it: &Installation, task: &str, until: Instant) -> anyhow::Result<()> {
    loop {
        let task = http::get_json(it.addr, &format!("/api/tasks/{task}")).await?;
        if task["status"] == "completed" {
            return Ok(());
        }
        if Instant::now() > until {
            anyhow::bail!("a task did not end:\n{task:#}\n{}", it.log());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// How many of the generator's lines the task's log holds.
async fn stored_lines(it: &Installation, task: &str) -> anyhow::Result<u64> {
    let (mut after, mut stored) = (0, 0);
    loop {
        let path = format!("/api/tasks/{task}/logs?after={after}&limit=1000");
        let page = http::get_json(it.addr, &path).await?;
        let lines: &[Value] = page["items"].as_array().map_or(&[], Vec::as_slice);
        let Some(last) = lines.last() else {
            return Ok(stored);
        };
        after = last["seq"].as_u64().context("a line without a number")?;
        let texts = lines.iter().filter_map(|line| line["text"].as_str());
        stored += texts.filter(|text| text.contains(WRITTEN_AT)).count() as u64;
    }
}

fn evaluate(
    load: Load,
    begin: u64,
    stored: u64,
    memory: Option<u64>,
    recordings: &[Recording],
) -> anyhow::Result<Outcome> {
    let mut delays = Vec::new();
    let (mut received, mut first, mut last, mut late) = (load.lines, u64::MAX, 0, 0);
    for recording in recordings {
        let deliveries: Vec<Delivery> = recording.deliveries()?;
        let in_order = deliveries
            .windows(2)
            .filter(|pair| pair[0].seq < pair[1].seq);
        let own = in_order.count() as u64 + u64::from(!deliveries.is_empty());
        received = received.min(own);
        if let Some(begun) = deliveries.iter().map(|line| line.written).min() {
            first = first.min(begun);
            late = late.max(begun.saturating_sub(begin));
        }
        for line in deliveries {
            delays.push(Duration::from_nanos(
                line.arrived.saturating_sub(line.written),
            ));
            last = last.max(line.arrived);
        }
    }
    delays.sort_unstable();
    let took = Duration::from_nanos(last.saturating_sub(first)).as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is printed without decimals"
    )]
    let lines_per_second = stored as f64 / took.max(f64::EPSILON);
    Ok(Outcome {
        stored,
        received,
        p50: percentile(&delays, 50),
        p99: percentile(&delays, 99),
        lines_per_second,
        memory,
        late: Duration::from_nanos(late),
        cut_off: recordings.iter().find_map(|recording| recording.cut_off),
    })
}
