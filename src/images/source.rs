//! What the training image is built from: this program's own source.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::known::{Known, Role};
use base::error::{Error, Result};
use sandbox::Build;

/// Label of the source's commit, `-dirty` behind it where the tree had changes.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// What a build never gets: it is large, and no source.
const LEFT_OUT: [&str; 3] = ["/.git", "/target", "/workspace"];

/// A build of an image from its source: `source`, else for the program's own Dockerfile the current folder or the nearest one above
/// that has it. The workspace is left out.
///
/// # Errors
/// Usage where the Dockerfile is not found.
pub fn build_of(known: &Known, source: Option<&Path>, workspace: &Path) -> Result<Build> {
    let dockerfile = known.dockerfile.as_deref();
    let folder = match (source, dockerfile) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(dockerfile)) => nearest(dockerfile)?,
        (None, None) => {
            let what = format!("the image of `{}` comes from a registry", known.role);
            return Err(Error::usage(what).next(format!(
                "`repro images pull {0}` fetches it; to build it, name the folder of its Dockerfile with --source",
                known.role
            )));
        }
    };
    let dockerfile = dockerfile.unwrap_or("Dockerfile");
    if !folder.join(dockerfile).is_file() {
        let what = format!("{} has no {dockerfile}", folder.display());
        return Err(Error::usage(what).next("name the folder that has it with --source"));
    }
    let mut build = Build::new(&folder, dockerfile, &known.name);
    build.ignore = LEFT_OUT.map(str::to_owned).into();
    build.ignore.extend(below(workspace, &folder));
    if let Some(revision) = revision(&folder) {
        if known.role == Role::Train {
            // The program in the image says it too; it cannot ask git there.
            build.args.push(("SOURCE_COMMIT".to_owned(), revision.clone()));
        }
        build.labels.push((REVISION.to_owned(), revision));
    }
    Ok(build)
}

fn nearest(dockerfile: &str) -> Result<PathBuf> {
    let here = std::env::current_dir().map_err(|error| Error::io("find", Path::new("."), &error))?;
    let found = here.ancestors().find(|folder| folder.join(dockerfile).is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        Error::usage(format!("neither {} nor a folder above it has {dockerfile}", here.display()))
            .next("name the folder of this program's source with --source")
    })
}

/// The pattern of a workspace within the source, whatever it is called.
fn below(workspace: &Path, folder: &Path) -> Option<String> {
    let (workspace, folder) = (workspace.canonicalize().ok()?, folder.canonicalize().ok()?);
    let path = workspace.strip_prefix(folder).ok()?.to_str()?.to_owned();
    (!path.is_empty()).then(|| format!("/{}", globset::escape(&path)))
}

/// The commit of a working tree; none where git does not say.
fn revision(folder: &Path) -> Option<String> {
    let git = |words: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::known::of;

    #[test]
    fn the_source_is_labelled_with_its_commit() {
        let place = tempfile::tempdir().unwrap();
        let (folder, known) = (place.path(), of(Role::Train).unwrap());
        let wrong = build_of(&known, Some(folder), Path::new("workspace")).unwrap_err();
        assert!(wrong.to_string().contains("has no docker/train/Dockerfile"), "{wrong}");
        base::files::write_bytes(&folder.join("docker/train/Dockerfile"), b"FROM scratch\n").unwrap();
        std::fs::create_dir(folder.join("r[1]")).unwrap();
        let build = || build_of(&known, Some(folder), &folder.join("r[1]")).unwrap();
        assert_eq!(build().labels, [], "no repository");
        assert_eq!(build().ignore, ["/.git", "/target", "/workspace", "/r[[]1[]]"]);
        let git = |words: &[&str]| {
            let settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
            let status = Command::new("git").arg("-C").arg(folder).args(settings).args(words).output().unwrap();
            assert!(status.status.success(), "{status:?}");
        };
        git(&["init", "-q"]);
        git(&["add", "-A"]);
        git(&["commit", "-qm", "first"]);
        let label = |build: Build| build.labels[0].1.clone();
        assert_eq!(label(build()).len(), 40);
        std::fs::write(folder.join("new"), "").unwrap();
        assert!(label(build()).ends_with("-dirty"));
    }
}
