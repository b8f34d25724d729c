//! Reads the configuration, starts logging, runs what was asked for.

use std::process::ExitCode;

use server::config::{self, ConfigError};
use server::{hardening, telemetry};

fn main() -> ExitCode {
    let (config, command) = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(loaded) => loaded,
        Err(ConfigError::CommandLine(error)) => error.exit(),
        Err(error) => return refused(error.into()),
    };
    let hardened = hardening::take_key_out_of_environment(std::env::args_os())
        .and_then(|()| hardening::forget_standard_input())
        .and_then(|()| hardening::protect());
    if let Err(error) = hardened {
        return refused(anyhow::Error::new(error).context("the process can't be protected"));
    }
    telemetry::init(&config.log);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refused(error.into()),
    };
    match runtime.block_on(server::run(config, command)) {
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
