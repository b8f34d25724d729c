//! What a browser fetches of the WASM module before a page is live.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, ensure};

use crate::http;
use crate::installation::Installation;
use crate::report::{Aim, Report, thousands};

/// What every page needs.
const MAIN: &str = "app_bg.wasm";

/// Pages, and the modules that each needs beside the main one, as `app/src/pages/lazy.rs` names them.
const PAGES: [(&str, &[&str]); 7] = [
    ("the list of tasks", &["list"]),
    ("a small page (new task, guides)", &["small"]),
    ("the settings", &["settings"]),
    ("the queue and the schedules", &["planning"]),
    ("a task", &["task", "activity"]),
    ("a task's review", &["task", "review"]),
    ("a task's other tabs", &["task", "tabs"]),
];

#[derive(Clone, Copy, Default)]
struct Size {
    raw: usize,
    /// At the quality that files are compressed with ahead of time.
    packed: usize,
}

/// The sizes of the modules, each compressed by itself, as the server sends them.
pub async fn measure(it: &Installation, report: &mut Report) -> anyhow::Result<()> {
    let listed = http::get(it.addr, "/pkg/modules.json", "").await?;
    if listed.status != 200 {
        report.note("the server was built without its site: no size of the WASM modules");
        return Ok(());
    }
    let modules: BTreeMap<String, Vec<String>> = serde_json::from_slice(&listed.body)?;
    let mut sizes = BTreeMap::new();
    for file in modules.values().flatten().map(String::as_str).chain([MAIN]) {
        if !sizes.contains_key(file) {
            sizes.insert(file, size(it, file).await?);
        }
    }
    for (page, needs) in PAGES {
        let mut files = vec![MAIN];
        for module in needs {
            let needed = modules
                .get(*module)
                .with_context(|| format!("no module {module}"))?;
            files.extend(needed.iter().map(String::as_str));
        }
        files.sort_unstable();
        files.dedup();
        enter(
            report,
            &format!("WASM, {page}"),
            files.iter().map(|file| sizes[file]),
        );
    }
    let all = sizes.values().copied().fold(Size::default(), Size::plus);
    report.row(&["WASM, all modules".to_owned(), all.to_string()]);
    Ok(())
}

fn enter(report: &mut Report, what: &str, sizes: impl Iterator<Item = Size>) {
    let size = sizes.fold(Size::default(), Size::plus);
    report.row(&[what.to_owned(), size.to_string()]);
    report.aim(Aim {
        what: format!("{what}, brotli"),
        target: "under 400 KB".to_owned(),
        measured: kilobytes(size.packed),
        is_reached: size.packed < 400_000,
    });
}

async fn size(it: &Installation, file: &str) -> anyhow::Result<Size> {
    let path = format!("/pkg/{file}");
    let raw = http::get(it.addr, &path, "").await?;
    ensure!(raw.status == 200, "{path}: status {}", raw.status);
    let sent = http::get(it.addr, &path, "Accept-Encoding: br\r\n").await?;
    let head = sent.head.to_ascii_lowercase();
    ensure!(
        head.contains("content-encoding: br"),
        "{path} is not sent compressed"
    );
    let mut packed = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, 11, 22);
    packed.write_all(&raw.body).context("brotli failed")?;
    Ok(Size {
        raw: raw.body.len(),
        packed: packed.into_inner().len().max(sent.body.len()),
    })
}

impl Size {
    fn plus(self, other: Self) -> Self {
        Self {
            raw: self.raw + other.raw,
            packed: self.packed + other.packed,
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} brotli, {} raw",
            kilobytes(self.packed),
            kilobytes(self.raw)
        )
    }
}

fn kilobytes(bytes: usize) -> String {
    format!("{} KB", thousands(bytes as u64 / 1_000))
}
