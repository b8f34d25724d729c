//! A small repository to try changes on, for the demo: the one that the scenario `change` knows.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use super::WorkspaceError;
use super::git::{Git, run_with};

#[derive(RustEmbed)]
#[folder = "scenarios/change/repository"]
struct Files;

/// Makes the repository `greeter.git` in `folder` unless it is there; gives its path, without links.
///
/// A crash in the middle leaves nothing that would be taken for the repository.
pub async fn lay_out(folder: &Path, search_path: &OsStr) -> Result<PathBuf, WorkspaceError> {
    fs::create_dir_all(folder)?;
    let folder = fs::canonicalize(folder)?;
    let repository = folder.join("greeter.git");
    if repository.try_exists()? {
        return Ok(repository);
    }
    let unfinished = folder.join("greeter.git.unfinished");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let git = Git::new(search_path);
    git.init(&unfinished, &["--bare"]).await?;
    let import = git.command(&unfinished, "fast-import");
    run_with("fast-import", import, &history()).await?;
    fs::rename(&unfinished, &repository)?;
    Ok(repository)
}

/// One commit of all files, as `git fast-import` reads it.
fn history() -> Vec<u8> {
    let message = "A greeter, with tests\n";
    let mut head = String::from("commit refs/heads/main\n");
    // A fixed time, so that everybody's sample is the same commit.
    head.push_str(
        "committer Claude Code Server <platform@claude-code-server.invalid> 1767225600 +0000\n",
    );
    let written = write!(head, "data {}\n{message}", message.len());
    written.expect("a text takes whatever is written");
    let mut history = head.into_bytes();
    for name in Files::iter() {
        let file = Files::get(&name).expect("what is listed is there");
        // The repository around this one must not take it for its own.
        let path = if name == "gitignore" {
            ".gitignore"
        } else {
            &name
        };
        history.extend_from_slice(format!("M 100644 inline {path}\n").as_bytes());
        history.extend_from_slice(format!("data {}\n", file.data.len()).as_bytes());
        history.extend_from_slice(&file.data);
        history.push(b'\n');
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::git::run;

    #[tokio::test]
    async fn the_sample_is_made_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = OsStr::new("/usr/bin:/bin");
        fs::create_dir_all(folder.path().join("samples/greeter.git.unfinished/left")).unwrap();
        let first = lay_out(&folder.path().join("samples"), path).await.unwrap();
        let again = lay_out(&folder.path().join("samples"), path).await.unwrap();
        assert_eq!(first, again);
        let mut list = Git::new(path).command(&first, "ls-tree");
        list.args(["-r", "--name-only", "main"]);
        let listed = run("ls-tree", list, std::time::Duration::from_secs(10)).await;
        let names = String::from_utf8(listed.unwrap()).unwrap();
        assert_eq!(
            names.lines().collect::<Vec<_>>(),
            [
                ".gitignore",
                "CLAUDE.md",
                "README.md",
                "package.json",
                "src/greeting.js",
                "test/greeting.test.js"
            ]
        );
        assert_eq!(fs::read_dir(first.parent().unwrap()).unwrap().count(), 1);
    }
}
