//! Where a task's repository comes from, and whether it may come from there.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A repository may not be taken, with the reason for whoever named it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Neither a path nor an address of a kind that is taken.
    #[error("must be an absolute path on the server, a file:// address or an https:// address")]
    Kind,
    /// A secret in an address would be stored and shown with it.
    #[error(
        "must not hold a user name, a password or a token; those of private repositories stand in \
         the file that the server's operator has named (CCS_GIT_CREDENTIALS_FILE)"
    )]
    Credentials,
    /// The installation allows no folder.
    #[error(
        "can't be a folder of this server: its operator has allowed none (CCS_ALLOWED_ROOTS); an \
         https:// address can be used"
    )]
    NoRoots,
    /// Another folder than those that are allowed, or a link that leads there.
    #[error("must lie in a folder that the server's operator has allowed (CCS_ALLOWED_ROOTS)")]
    NotAllowed,
    /// Nothing is there.
    #[error("does not exist on this server")]
    Missing,
    /// There is no repository in it.
    #[error("is not a git repository: it has neither a folder .git nor is it a bare repository")]
    NoRepository,
    /// A part of it lies elsewhere.
    #[error("keeps a part of itself elsewhere ({part}); name the repository that it belongs to")]
    Elsewhere {
        /// As in `.git` or `objects/info/alternates`.
        part: &'static str,
    },
    /// The server can't look at it.
    #[error("can't be read by the server")]
    Unreadable(#[source] io::Error),
}

/// A repository that may be fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On this machine: without links, in an allowed folder.
    Folder(PathBuf),
    /// An https address without credentials.
    Address(String),
}

/// Decides where repositories may come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Repositories of this machine lie in one of these.
    pub roots: Arc<[PathBuf]>,
    /// What is the platform's own is nobody's source.
    pub own: Arc<Path>,
}

impl Sources {
    /// What a person has named, if it may be used. Looks at the file system.
    pub fn find(&self, given: &str) -> Result<Source, SourceError> {
        let given = given.trim();
        if let Some(rest) = given.strip_prefix("https://") {
            return address(given, rest);
        }
        let path = match given.strip_prefix("file://") {
            // Escapes would be read in one way here and in another by git.
            Some(rest) if rest.contains('%') => return Err(SourceError::Kind),
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => given,
        };
        self.folder(Path::new(path)).map(Source::Folder)
    }

    fn folder(&self, path: &Path) -> Result<PathBuf, SourceError> {
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err(SourceError::Kind);
        }
        if self.roots.is_empty() {
            return Err(SourceError::NoRoots);
        }
        // By its words first: whether anything is there is nobody's business outside of the roots.
        if !self.roots.iter().any(|root| path.starts_with(root)) {
            return Err(SourceError::NotAllowed);
        }
        let path = resolved(path)?;
        let root = self.roots.iter().find(|root| {
            let root = fs::canonicalize(root);
            root.is_ok_and(|root| path.starts_with(root))
        });
        let own = fs::canonicalize(&self.own);
        if root.is_none() || own.is_ok_and(|own| path.starts_with(own)) {
            return Err(SourceError::NotAllowed);
        }
        check_repository(&path)?;
        Ok(path)
    }
}

fn resolved(path: &Path) -> Result<PathBuf, SourceError> {
    fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SourceError::Missing,
        _ => SourceError::Unreadable(error),
    })
}

/// A repository could lead git out of the allowed folder: by a file or link in place of `.git`, by
/// a shared folder, or by objects that it borrows.
fn check_repository(path: &Path) -> Result<(), SourceError> {
    let inner = path.join(".git");
    let repository = match kind(&inner)? {
        Some(Kind::Folder) => inner,
        Some(Kind::Other) => return Err(SourceError::Elsewhere { part: ".git" }),
        None => path.to_owned(),
    };
    if kind(&repository.join("HEAD"))?.is_none() {
        return Err(SourceError::NoRepository);
    }
    match kind(&repository.join("objects"))? {
        Some(Kind::Folder) => {}
        Some(Kind::Other) => return Err(SourceError::Elsewhere { part: "objects" }),
        None => return Err(SourceError::NoRepository),
    }
    for part in ["commondir", "objects/info/alternates"] {
        if kind(&repository.join(part))?.is_some() {
            return Err(SourceError::Elsewhere { part });
        }
    }
    Ok(())
}

enum Kind {
    Folder,
    Other,
}

/// What lies there, without following a link.
fn kind(path: &Path) -> Result<Option<Kind>, SourceError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(Some(Kind::Folder)),
        Ok(_) => Ok(Some(Kind::Other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(SourceError::Unreadable(error)),
    }
}

/// An https address: host, perhaps a port, and a path.
fn address(given: &str, rest: &str) -> Result<Source, SourceError> {
    let (host, path) = rest.split_once('/').ok_or(SourceError::Kind)?;
    if host.contains('@') {
        return Err(SourceError::Credentials);
    }
    let in_host = |sign: char| sign.is_ascii_alphanumeric() || "-.:[]".contains(sign);
    // Anything behind a question mark may be a token.
    if path.contains(['?', '#']) {
        return Err(SourceError::Credentials);
    }
    let in_path = |sign: char| sign.is_ascii_graphic() && sign != '\\';
    let is_address = !host.is_empty()
        && !path.is_empty()
        && host.chars().all(in_host)
        && path.chars().all(in_path);
    if !is_address {
        return Err(SourceError::Kind);
    }
    Ok(Source::Address(given.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Server {
        folder: tempfile::TempDir,
        sources: Sources,
    }

    impl Server {
        /// With a repository `allowed/app`, and another one, `secret`, that is not allowed.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for path in [
                "allowed/app/.git/objects",
                "secret/.git/objects",
                "allowed/data/record.git/objects",
            ] {
                fs::create_dir_all(folder.path().join(path)).unwrap();
            }
            for path in [
                "allowed/app/.git/HEAD",
                "secret/.git/HEAD",
                "allowed/data/record.git/HEAD",
            ] {
                fs::write(folder.path().join(path), "ref: refs/heads/main\n").unwrap();
            }
            let sources = Sources {
                roots: [folder.path().join("allowed")].into(),
                own: folder.path().join("allowed/data").into(),
            };
            Self { folder, sources }
        }

        fn path(&self, path: &str) -> String {
            self.folder.path().join(path).display().to_string()
        }

        fn refusal(&self, given: &str) -> String {
            match self.sources.find(given) {
                Ok(source) => panic!("{given} is taken as {source:?}"),
                Err(error) => format!("{error:?}"),
            }
        }
    }

    #[test]
    fn a_repository_in_an_allowed_folder_is_taken_by_path_and_by_address() {
        let it = Server::new();
        let path = it.path("allowed/app");
        for given in [path.clone(), format!("file://{path}"), format!(" {path}/ ")] {
            let found = it.sources.find(&given).unwrap();
            let expected = fs::canonicalize(&path).unwrap();
            assert_eq!(found, Source::Folder(expected), "{given}");
        }
        let web = "https://git.example.org:8443/team/app.git";
        assert_eq!(
            it.sources.find(web).unwrap(),
            Source::Address(web.to_owned())
        );
    }

    #[test]
    fn other_kinds_of_addresses_are_refused() {
        let it = Server::new();
        let kinds = [
            "app",
            "",
            "../app",
            "http://example.org/a",
            "ssh://git@example.org/a",
            "git@example.org:a",
            "ext::sh -c true",
            "git://example.org/a",
            "https://example.org",
            "https:///a",
            "https://exa mple.org/a",
            "https://example.org/a b",
            "file://host/a",
            "file:///a%2e",
            "-oProxyCommand=x",
            "--upload-pack=x",
        ];
        for given in kinds {
            assert_eq!(it.refusal(given), "Kind", "{given}");
        }
        let dots = format!("{}/../secret", it.path("allowed"));
        assert_eq!(it.refusal(&dots), "Kind");
    }

    #[test]
    fn an_address_with_a_secret_is_refused() {
        let it = Server::new();
        let secrets = [
            "https://me@example.org/a",
            "https://me:secret@example.org/a",
            "https://example.org/a?token=secret",
            "https://example.org/a#secret",
        ];
        for given in secrets {
            assert_eq!(it.refusal(given), "Credentials", "{given}");
        }
    }

    #[test]
    fn a_folder_outside_of_the_allowed_ones_is_refused_however_it_is_reached() {
        let it = Server::new();
        assert_eq!(it.refusal(&it.path("secret")), "NotAllowed");
        assert_eq!(it.refusal(&it.path("nothing")), "NotAllowed");
        symlink(it.path("secret"), it.path("allowed/link")).unwrap();
        assert_eq!(it.refusal(&it.path("allowed/link")), "NotAllowed");
        assert_eq!(
            it.refusal(&it.path("allowed/data/record.git")),
            "NotAllowed"
        );
        assert_eq!(it.refusal(&it.path("allowed-not")), "NotAllowed");
        let none = Sources {
            roots: Arc::new([]),
            own: Arc::clone(&it.sources.own),
        };
        assert!(matches!(
            none.find(&it.path("secret")),
            Err(SourceError::NoRoots)
        ));
    }

    #[test]
    fn a_repository_that_lies_elsewhere_in_part_is_refused() {
        let it = Server::new();
        assert_eq!(it.refusal(&it.path("allowed/nothing")), "Missing");
        assert_eq!(it.refusal(&it.path("allowed")), "NoRepository");
        for (name, file, text) in [
            ("worktree", ".git", "gitdir: /secret/.git\n"),
            ("shared", ".git/commondir", "/secret/.git\n"),
            (
                "borrowed",
                ".git/objects/info/alternates",
                "/secret/.git/objects\n",
            ),
        ] {
            let file = it.folder.path().join("allowed").join(name).join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            if name != "worktree" {
                let repository = it.folder.path().join("allowed").join(name).join(".git");
                fs::create_dir_all(repository.join("objects")).unwrap();
                fs::write(repository.join("HEAD"), "x").unwrap();
            }
            fs::write(file, text).unwrap();
            let refusal = it.refusal(&it.path(&format!("allowed/{name}")));
            assert!(refusal.starts_with("Elsewhere"), "{name}: {refusal}");
        }
        fs::create_dir(it.folder.path().join("allowed/linked")).unwrap();
        symlink(it.path("secret/.git"), it.path("allowed/linked/.git")).unwrap();
        assert!(
            it.refusal(&it.path("allowed/linked"))
                .starts_with("Elsewhere")
        );
    }
}
