//! The folder in which an extraction lies until it is whole: `OUT/.extract-NAME`.
//!
//! ```text
//! lock                      held while somebody is at work
//! made-by.json              what extracts; rows of another extractor are never mixed in
//! part-0001/images/         links to the images of one part
//! part-0001/features/       where the extractor works and writes its rows
//! part-0001/log             what it said
//! ```
//!
//! A part is written by one run only. What a killed run left is read, never written to again: nothing can be glued to a
//! half row.

use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::rows::Rows;
use super::sets::Source;
use base::error::{Error, Result};
use base::files;
use base::files::lock::FileLock;

const FILE_LIMIT: u64 = 1 << 20;

/// The folder, locked.
#[derive(Debug)]
pub struct Work {
    folder: PathBuf,
    /// Held until dropped.
    _lock: FileLock,
    next: u32,
}

/// What extracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// Its name.
    pub backend: String,
    /// Its version: everything that decides what features come out.
    pub version: String,
}

/// A folder for one run of an extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Links to the images, laid out as the source's.
    pub images: PathBuf,
    /// Where rows are written.
    pub features: PathBuf,
    /// What the extractor said.
    pub log: PathBuf,
}

impl Work {
    /// Where the work on a source lies.
    pub fn place(out: &Path, source: &Source) -> PathBuf {
        out.join(format!(".extract-{}", source.stem()))
    }

    /// Takes the folder, which is made where it is missing.
    ///
    /// # Errors
    /// Infra where somebody else is at work there; data where the rows in it are another extractor's.
    pub fn take(out: &Path, source: &Source, made_by: &MadeBy) -> Result<Self> {
        let folder = Self::place(out, source);
        let path = folder.join("lock");
        files::create_folder_of(&path)?;
        let lock = FileLock::try_acquire(files::open_own(&path)?, &folder).map_err(|error| match error {
            TryLockError::WouldBlock => Error::infra(format!("another run is extracting {} here", source.output))
                .because(format!("{} is locked", path.display()))
                .next("wait until it ends, or give another --out"),
            TryLockError::Error(error) => Error::io("lock", &path, &error),
        })?;
        let mut work = Self { folder, _lock: lock, next: 1 };
        work.next = work.numbers()?.last().map_or(1, |last| last.saturating_add(1));
        work.check(made_by)?;
        Ok(work)
    }

    fn check(&self, made_by: &MadeBy) -> Result<()> {
        let path = self.folder.join("made-by.json");
        if path.exists() {
            let text = files::read_text(&path, FILE_LIMIT)?;
            let before: MadeBy = serde_json::from_str(&text)
                .map_err(|error| Error::data(format!("{} is damaged", path.display())).because(error))?;
            if before != *made_by {
                let folder = self.folder.display();
                return Err(Error::data(format!("the rows in {folder} are another extractor's"))
                    .because(format!("they are of {} {}", before.backend, before.version))
                    .because(format!("this is {} {}", made_by.backend, made_by.version))
                    .next(format!("go on with the one before, or remove {folder} to begin anew")));
            }
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(made_by)
            .map_err(|error| Error::bug("the work folder cannot be described").because(error))?;
        files::write_bytes(&path, &bytes)
    }

    fn numbers(&self) -> Result<Vec<u32>> {
        let entries = fs::read_dir(&self.folder).map_err(|error| Error::io("read the folder", &self.folder, &error))?;
        let number = |entry: std::io::Result<fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.strip_prefix("part-")?.parse().ok()
        };
        let mut numbers: Vec<u32> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn part(&self, number: u32) -> Part {
        let folder = self.folder.join(format!("part-{number:04}"));
        Part { number, images: folder.join("images"), features: folder.join("features"), log: folder.join("log") }
    }

    /// A new part with empty folders.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn new_part(&mut self) -> Result<Part> {
        let part = self.part(self.next);
        self.next = self.next.saturating_add(1);
        for folder in [&part.images, &part.features] {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, &error))?;
        }
        Ok(part)
    }

    /// Takes every good row of earlier runs, whatever their parts were. How many damaged ones there were.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn collect(&self, rows: &mut Rows) -> Result<usize> {
        let mut damaged = 0;
        for number in self.numbers()? {
            let folder = self.part(number).features;
            // A run that was killed while it made its part.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.sort();
            for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "tsv")) {
                damaged += rows.take_file(file)?;
            }
        }
        Ok(damaged)
    }

    /// Removes the folder: its rows lie in the output.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.folder).map_err(|error| Error::io("remove", &self.folder, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::Listed;
    use super::super::sets::{Set, Split};
    use super::*;
    use data::features::testing::{row_of, text};

    #[test]
    fn rows_of_earlier_parts_are_found_and_nobody_comes_between() {
        let out = tempfile::tempdir().unwrap();
        let source = Source::of(Set::Coco, Some(Split::Train)).unwrap();
        let made_by = MadeBy { backend: "caffe".into(), version: "1".into() };
        let mut work = Work::take(out.path(), &source, &made_by).unwrap();
        assert!(Work::take(out.path(), &source, &made_by).unwrap_err().to_string().contains("another run"));
        let (one, two) = (work.new_part().unwrap(), work.new_part().unwrap());
        for (part, number) in [(&one, 0), (&two, 1)] {
            fs::write(part.features.join("train_obj36.tsv"), text(&[row_of(number, 2, 3)])).unwrap();
        }
        drop(work);
        let mut work = Work::take(out.path(), &source, &made_by).unwrap();
        let image = |number| {
            let id = row_of(number, 2, 3).img_id;
            Listed { path: PathBuf::from(&id), location: PathBuf::from(&id), id, size: None }
        };
        let mut rows = Rows::new(&[image(0), image(1)], 2, 3);
        assert_eq!((work.collect(&mut rows).unwrap(), rows.len(), work.new_part().unwrap().number), (0, 2, 3));
        drop(work);
        let other = MadeBy { version: "2".into(), ..made_by.clone() };
        assert!(Work::take(out.path(), &source, &other).unwrap_err().to_string().contains("another extractor's"));
        Work::take(out.path(), &source, &made_by).unwrap().remove().unwrap();
        assert!(!Work::place(out.path(), &source).exists());
    }
}
