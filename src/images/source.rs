//! Finds the source that the training image is built from.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::known::{KnownImage, Role};
use base::error::{Error, Result};
use sandbox::Build;

/// Label with the source's commit, followed by `-dirty` if the tree had changes.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// Folders that are excluded from a build: they are large and not source.
const LEFT_OUT: [&str; 3] = ["/.git", "/target", "/workspace"];

/// Describes the build of an image from `source`, else from the current folder or the nearest one above that has the Dockerfile. The
/// workspace is excluded.
///
/// # Errors
/// Usage if the Dockerfile is not found.
pub fn build_of(known: &KnownImage, source: Option<&Path>, workspace: &Path) -> Result<Build> {
    let dockerfile = known.dockerfile.as_deref();
    let folder = match (source, dockerfile) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(dockerfile)) => nearest(dockerfile)?,
        (None, None) => {
            let what = format!("the image of `{}` comes from a registry", known.role);
            return Err(Error::usage(what).next(format!(
                "pull it with `repro images pull {0}`, or name the folder of its Dockerfile with --source",
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
            // The program in the image reports the commit too, but cannot ask git there.
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

/// Returns the ignore pattern of a workspace inside the source.
fn below(workspace: &Path, folder: &Path) -> Option<String> {
    let (workspace, folder) = (workspace.canonicalize().ok()?, folder.canonicalize().ok()?);
    let path = workspace.strip_prefix(folder).ok()?.to_str()?.to_owned();
    (!path.is_empty()).then(|| format!("/{}", globset::escape(&path)))
}

/// Returns the commit of a working tree; `None` if git does not tell.
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
        if Command::new("git").arg("--version").output().is_err() {
            println!("skipped: git is not here");
            return;
        }
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
