//! What keeps the secrets in this process's memory from getting out of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::stdio::dup2_stdin;

const KEY: &str = "CCS_MASTER_KEY";
const KEY_FILE: &str = "CCS_MASTER_KEY_FILE";

/// Where the key is read from once it has left the environment.
const STANDARD_INPUT: &str = "/dev/stdin";

/// No core dumps, and none but root may look into the process: not by a debugger, not by `/proc`.
/// What it starts has no core dumps either.
pub fn protect() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// A key in the environment stays readable there as long as the process lives. So the program
/// starts itself again, as the same process, with the key on its standard input instead. Returns
/// at once if there is none. To be called before there are threads.
pub fn take_key_out_of_environment(
    arguments: impl IntoIterator<Item = OsString>,
) -> io::Result<()> {
    let Some(key) = std::env::var_os(KEY).filter(|key| !key.is_empty()) else {
        return Ok(());
    };
    let mut memory = File::from(memfd_create("master-key", MemfdFlags::CLOEXEC)?);
    memory.write_all(key.as_bytes())?;
    let mut arguments = arguments.into_iter();
    let mut again = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again
        .args(arguments)
        .env_remove(KEY)
        .env(KEY_FILE, STANDARD_INPUT)
        .stdin(memory);
    Err(again.exec())
}

/// Lets go of a key that was read from standard input.
pub fn forget_standard_input() -> io::Result<()> {
    if std::env::var_os(KEY_FILE).is_some_and(|path| path == STANDARD_INPUT) {
        dup2_stdin(File::open("/dev/null")?)?;
    }
    Ok(())
}
