//! Folders for what lives only as long as one operation, and clearing away after a killed server.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

const PREFIX: &str = "tmp-";
/// No operation takes this long.
const ABANDONED: Duration = Duration::from_hours(1);

/// A folder that is removed in the end, also if the operation is given up.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder in `parent`, on the same file system as what is beside it.
    pub fn new(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!("{PREFIX}{}", Uuid::new_v4()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed now is cleared away before the next run.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Removes locks, folders and reports of commands that were killed. Nobody else may be writing refs
/// in this repository; snapshots may be taken meanwhile.
pub fn clear(repository: &Path) -> io::Result<()> {
    remove_locks(&repository.join("refs"))?;
    for entry in fs::read_dir(repository)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        let is_folder = entry.file_type()?.is_dir();
        let is_left = |prefix: &str| name.starts_with(prefix) && is_abandoned(&entry);
        if is_folder {
            if is_left(PREFIX) {
                fs::remove_dir_all(path)?;
            }
        } else if name.ends_with(".lock")
            || name == "gc.pid"
            || is_left("fast_import_crash_")
            || is_left("index-")
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED))
}

fn remove_locks(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_locks(&entry.path())?;
        } else if entry.file_name().to_string_lossy().ends_with(".lock") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
