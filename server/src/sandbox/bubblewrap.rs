//! The command line of bubblewrap for one agent.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Cell, INNER_WORKSPACE, Inside};

/// The program, found on the server's own path.
pub const PROGRAM: &str = "bwrap";

const INNER_PROGRAM: &str = "/opt/claude/claude";
pub(super) const INNER_HOME: &str = "/home/agent";
const INNER_CONFIG: &str = "/home/agent/.claude";
const INNER_TMP: &str = "/tmp";

/// Top-level directories that are links into `/usr` on most systems.
const MERGED: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What programs need of `/etc`; the rest of it is none of an agent's business.
const ETC: [&str; 15] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "group",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "passwd",
    "pki",
    "resolv.conf",
    "ssl",
];

/// Where things are inside.
pub fn inside(cell: &Cell) -> Inside {
    let program = if is_visible(cell, &cell.program) {
        cell.program.clone()
    } else {
        PathBuf::from(INNER_PROGRAM)
    };
    Inside {
        program,
        workspace: INNER_WORKSPACE.into(),
        config: INNER_CONFIG.into(),
        tmp: INNER_TMP.into(),
        home: INNER_HOME.into(),
    }
}

/// All arguments up to the program to run. The environment is not among them: command lines are
/// visible to everybody on the machine.
pub fn arguments(cell: &Cell) -> Vec<OsString> {
    let mut arguments = Arguments::default();
    for flag in [
        "--unshare-user-try",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--die-with-parent",
        "--new-session",
    ] {
        arguments.add([flag]);
    }
    arguments.add(["--cap-drop", "ALL"]);
    arguments.add(["--hostname", "agent"]);
    arguments.add(["--ro-bind", "/usr", "/usr"]);
    for path in MERGED {
        match fs::read_link(path) {
            Ok(target) => arguments.add([OsString::from("--symlink"), target.into(), path.into()]),
            Err(_) if Path::new(path).is_dir() => arguments.add(["--ro-bind", path, path]),
            Err(_) => {}
        }
    }
    for name in ETC {
        let path = format!("/etc/{name}");
        arguments.add(["--ro-bind-try", &path, &path]);
    }
    arguments.add(["--proc", "/proc"]);
    arguments.add(["--dev", "/dev"]);
    arguments.add(["--dir", "/var"]);
    arguments.add(["--symlink", "/tmp", "/var/tmp"]);
    arguments.bind("--bind", &cell.tmp, INNER_TMP);
    arguments.bind("--bind", &cell.home, INNER_HOME);
    arguments.bind("--bind", &cell.config, INNER_CONFIG);
    for path in &cell.read_only {
        arguments.bind("--ro-bind-try", path, path);
    }
    if !is_visible(cell, &cell.program) {
        arguments.bind("--ro-bind", &cell.program, INNER_PROGRAM);
    }
    let bind = if cell.is_workspace_read_only {
        "--ro-bind"
    } else {
        "--bind"
    };
    arguments.bind(bind, &cell.workspace, INNER_WORKSPACE);
    arguments.add(["--chdir", INNER_WORKSPACE]);
    arguments.add(["--"]);
    arguments.0
}

/// The entries of a search path that exist inside.
pub fn visible_path(cell: &Cell, path: &str) -> String {
    let merged = |entry: &Path| MERGED.iter().any(|root| entry.starts_with(root));
    let visible = path.split(':').filter(|entry| {
        let entry = Path::new(entry);
        merged(entry) || is_visible(cell, entry)
    });
    visible.collect::<Vec<_>>().join(":")
}

/// Whether a path of the host is at the same place inside.
fn is_visible(cell: &Cell, path: &Path) -> bool {
    path.starts_with("/usr") || cell.read_only.iter().any(|root| path.starts_with(root))
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add<T: Into<OsString>>(&mut self, arguments: impl IntoIterator<Item = T>) {
        self.0.extend(arguments.into_iter().map(Into::into));
    }

    fn bind(&mut self, flag: &str, outside: &Path, inside: impl AsRef<Path>) {
        self.add([
            flag.into(),
            outside.as_os_str().to_owned(),
            inside.as_ref().into(),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(program: &str) -> Cell {
        Cell {
            program: program.into(),
            workspace: "/data/w".into(),
            config: "/data/c".into(),
            tmp: "/data/t".into(),
            home: "/data/h".into(),
            read_only: vec!["/opt/rust".into()],
            is_workspace_read_only: false,
        }
    }

    #[test]
    fn only_the_cell_is_writable_and_etc_is_not_whole() {
        let arguments = arguments(&cell("/data/claude"));
        let arguments: Vec<_> = arguments
            .iter()
            .map(|part| part.to_str().unwrap())
            .collect();
        let writable: Vec<_> = arguments
            .windows(3)
            .filter(|part| part[0] == "--bind")
            .map(|part| (part[1], part[2]))
            .collect();
        assert_eq!(
            writable,
            [
                ("/data/t", "/tmp"),
                ("/data/h", "/home/agent"),
                ("/data/c", "/home/agent/.claude"),
                ("/data/w", "/workspace"),
            ]
        );
        assert!(!arguments.contains(&"/etc"));
        assert!(!arguments.contains(&"/etc/shadow"));
        assert!(arguments.contains(&"--die-with-parent"));
    }

    #[test]
    fn who_only_looks_gets_the_work_directory_read_only() {
        let cell = Cell {
            is_workspace_read_only: true,
            ..cell("/data/claude")
        };
        let arguments = arguments(&cell);
        let bound = |flag: &str| {
            let mut parts = arguments.windows(3);
            parts.any(|part| part == [flag, "/data/w", "/workspace"])
        };
        assert!(bound("--ro-bind") && !bound("--bind"));
    }

    #[test]
    fn a_program_of_the_system_stays_where_it_is() {
        assert_eq!(
            inside(&cell("/usr/bin/claude")).program,
            Path::new("/usr/bin/claude")
        );
        assert_eq!(
            inside(&cell("/data/claude")).program,
            Path::new(INNER_PROGRAM)
        );
    }

    #[test]
    fn the_search_path_keeps_what_exists_inside() {
        let path = "/root/.cargo/bin:/opt/rust/bin:/usr/local/bin:/usr/bin:/bin:.";
        assert_eq!(
            visible_path(&cell("/data/claude"), path),
            "/opt/rust/bin:/usr/local/bin:/usr/bin:/bin"
        );
    }
}
