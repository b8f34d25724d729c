//! The real Claude Code CLI that the tests run.

use std::path::{Path, PathBuf};

/// Where the CLI is: as configured, else where the set-up script puts it.
pub fn claude_bin() -> PathBuf {
    if let Some(configured) = std::env::var_os("CCS_CLAUDE_BIN") {
        return configured.into();
    }
    let tools = std::env::var_os("CCS_TOOLS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools"),
        PathBuf::from,
    );
    let found = tools.join("bin/claude");
    assert!(
        found.exists(),
        "no Claude CLI in {}: run scripts/claude-cli.sh",
        tools.display()
    );
    found
}
