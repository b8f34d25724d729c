//! Reads the configuration, starts logging, runs what was asked for.

use std::process::ExitCode;

use server::config::{self, ConfigError};
use server::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let (config, command) = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(loaded) => loaded,
        Err(ConfigError::CommandLine(error)) => error.exit(),
        Err(error) => return refused(error.into()),
    };
    telemetry::init(&config.log);
    match server::run(config, command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refused(error.into()),
    }
}

/// One line with the whole chain: whoever started the program is looking at it.
#[expect(clippy::needless_pass_by_value, reason = "it ends here")]
fn refused(error: anyhow::Error) -> ExitCode {
    eprintln!("claude-code-server: {error:#}");
    ExitCode::FAILURE
}
