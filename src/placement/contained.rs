//! A worker in a container of the training image: what it touches lies at the same places there.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::find;
use super::image::{Outcome, Place};
use super::mounts::Mounts;
use super::request::request;
use super::work::{Asked, Touched};
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use base::files;
use protocol::Event;
use sandbox::Mount;

/// Where a request lies in a container.
pub const REQUEST: &str = "/request.json";

/// Does the work.
///
/// # Errors
/// What stands in the way of the container; what happens in it is part of the outcome.
pub(crate) fn run(place: &Place, asked: &Asked, hear: &mut dyn FnMut(Event)) -> Result<Outcome> {
    let (mut mounts, landing) = mounts(&asked.touched)?;
    let request = request(asked)?;
    mounts.push(Mount::read(request.path(), REQUEST));
    let mut sandbox = place.sandbox(&asked.name, &[find::NAME, "run", REQUEST], mounts);
    sandbox.lifeline = true;
    // Paths are as the person gave them.
    sandbox.workdir = Some(here()?);
    let mut outcome = place.converse(&sandbox, hear);
    if let (Ok(_), Some(landing)) = (&outcome.result, &landing)
        && let Err(error) = landing.bring()
    {
        outcome.result = Err(error);
    }
    Ok(outcome)
}

/// What a container sees of this machine, and where its one file lands first.
fn mounts(touched: &Touched) -> Result<(Vec<Mount>, Option<Landing>)> {
    let mut mounts = Mounts::new();
    for path in &touched.reads {
        mounts.read(path)?;
    }
    if let Some(folder) = &touched.folder {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        mounts.write(folder)?;
    }
    let landing = touched.file.as_deref().map(Landing::of).transpose()?;
    if let Some(Landing { file, folder }) = &landing {
        mounts.write_elsewhere(files::folder_of(file), folder.path())?;
    }
    Ok((mounts.finish()?, landing))
}

/// A folder of its own that stands for a file's in the container: the file's own may hold anything.
struct Landing {
    file: PathBuf,
    folder: TemporaryFolder,
}

impl Landing {
    fn of(file: &Path) -> Result<Self> {
        let folder = TemporaryFolder::new(None).map_err(|e| Error::io("write in", &std::env::temp_dir(), &e))?;
        Ok(Self { file: file.to_owned(), folder })
    }

    /// Copies the file to its own place, whole or not at all.
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
            "the current folder {here:?} is not UTF-8, which a container's paths must be"
        ))
        .next("run it from another folder"));
    }
    Ok(here)
}
