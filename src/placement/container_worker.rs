//! Runs a worker in a container of the training image. Its files have the same paths inside as outside.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::container::{ContainerOutcome, ContainerPlace};
use super::mounts::Mounts;
use super::request::request;
use super::worker_job::{FileAccess, WorkerJob};
use super::worker_program;
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use base::files;
use protocol::Event;
use sandbox::Mount;

/// Path of the request in a container.
pub const REQUEST: &str = "/request.json";

/// Does the work.
///
/// # Errors
/// Those of preparing the container; errors of the work are part of the outcome.
pub(crate) fn run(place: &ContainerPlace, asked: &WorkerJob, hear: &mut dyn FnMut(Event)) -> Result<ContainerOutcome> {
    let (mut mounts, staging) = mounts(&asked.files)?;
    let request = request(asked)?;
    mounts.push(Mount::read(request.path(), REQUEST));
    let mut sandbox = place.sandbox(&asked.name, &[worker_program::NAME, "run", REQUEST], mounts);
    sandbox.lifeline = true;
    sandbox.stop = asked.stop.clone();
    // Paths on the command line may be relative.
    sandbox.workdir = Some(here()?);
    let mut outcome = place.converse(&sandbox, hear);
    if let (Ok(_), Some(staging)) = (&outcome.result, &staging)
        && let Err(error) = staging.bring()
    {
        outcome.result = Err(error);
    }
    Ok(outcome)
}

/// Returns the mounts of the container, and the folder that its output file is staged in.
fn mounts(files: &FileAccess) -> Result<(Vec<Mount>, Option<StagingFolder>)> {
    let mut mounts = Mounts::new();
    for path in &files.reads {
        mounts.read(path)?;
    }
    if let Some(folder) = &files.folder {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        mounts.write(folder)?;
    }
    let staging = files.file.as_deref().map(StagingFolder::of).transpose()?;
    if let Some(StagingFolder { file, folder }) = &staging {
        mounts.write_elsewhere(files::folder_of(file), folder.path())?;
    }
    Ok((mounts.finish()?, staging))
}

/// An empty temporary folder that is mounted in place of the folder of the output file, since that may hold anything.
struct StagingFolder {
    file: PathBuf,
    folder: TemporaryFolder,
}

impl StagingFolder {
    fn of(file: &Path) -> Result<Self> {
        let folder = TemporaryFolder::new(None).map_err(|e| Error::io("write in", &std::env::temp_dir(), &e))?;
        Ok(Self { file: file.to_owned(), folder })
    }

    /// Copies the file to its place, atomically.
    fn bring(&self) -> Result<()> {
        let mut from = files::open_regular(&self.folder.path().join(self.file.file_name().unwrap_or_default()))?;
        files::write_atomically(&self.file, |out| {
            std::io::copy(&mut from, out).and_then(|_| out.flush()).map_err(|e| Error::io("write", &self.file, &e))
        })
    }
}

fn here() -> Result<PathBuf> {
    let here = std::env::current_dir().map_err(|e| Error::io("find", Path::new("."), &e))?;
    if here.to_str().is_none() {
        return Err(Error::usage(format!(
            "the path of the current folder, {here:?}, is not UTF-8; paths in a container must be"
        ))
        .next("run it from another folder"));
    }
    Ok(here)
}
