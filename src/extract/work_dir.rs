//! The folder of an unfinished extraction: `OUT/.extract-NAME`.
//!
//! ```text
//! lock                      locked while a run is extracting
//! made-by.json              name and version of the extractor; rows of different extractors are never mixed
//! part-0001/images/         links to the images of one part
//! part-0001/features/       rows that the extractor writes
//! part-0001/log             output of the extractor
//! part-0001/run_on_cpu.py   where the original's script runs on the processor (`caffe::cpu`)
//! ```
//!
//! A part is written by one run only. The files of a killed run are read but never written to again, so that no row can be
//! appended to an incomplete one.

use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::image_sets::ImageSource;
use super::rows::RowIndex;
use base::error::{Error, Result};
use base::files;
use base::files::lock::FileLock;

const FILE_LIMIT: u64 = 1 << 20;

/// The locked folder.
#[derive(Debug)]
pub struct WorkDir {
    folder: PathBuf,
    /// Held until dropped.
    _lock: FileLock,
    next: u32,
}

/// Name and version of an extractor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractorId {
    /// Name.
    pub backend: String,
    /// Everything that determines its features.
    pub version: String,
}

/// The folder of one run of an extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Number, from 1.
    pub number: u32,
    /// The folder itself.
    pub folder: PathBuf,
    /// Links to the images, in the layout of the source.
    pub images: PathBuf,
    /// Folder for rows.
    pub features: PathBuf,
    /// Output of the extractor.
    pub log: PathBuf,
}

impl WorkDir {
    /// Returns the path of the folder for a source.
    pub fn place(out: &Path, source: &ImageSource) -> PathBuf {
        out.join(format!(".extract-{}", source.stem()))
    }

    /// Locks the folder, which is created if missing.
    ///
    /// # Errors
    /// Infra if another run uses it; data if it has rows of a different extractor.
    pub fn take(out: &Path, source: &ImageSource, made_by: &ExtractorId) -> Result<Self> {
        let folder = Self::place(out, source);
        let path = folder.join("lock");
        files::create_folder_of(&path)?;
        let lock = FileLock::try_acquire(files::open_own(&path)?, &folder).map_err(|error| match error {
            TryLockError::WouldBlock => Error::infra(format!("another run is already extracting {}", source.output))
                .because(format!("{} is locked", path.display()))
                .next("wait until it ends, or give a different --out"),
            TryLockError::Error(error) => Error::io("lock", &path, &error),
        })?;
        let mut work = Self { folder, _lock: lock, next: 1 };
        work.next = work.numbers()?.last().map_or(1, |last| last.saturating_add(1));
        work.check(made_by)?;
        Ok(work)
    }

    fn check(&self, made_by: &ExtractorId) -> Result<()> {
        let path = self.folder.join("made-by.json");
        if path.exists() {
            let text = files::read_text(&path, FILE_LIMIT)?;
            let before: ExtractorId = serde_json::from_str(&text)
                .map_err(|error| Error::data(format!("{} is damaged", path.display())).because(error))?;
            if before == *made_by {
                return Ok(());
            }
            // Without rows there is nothing to mix.
            if !self.row_files()?.is_empty() {
                let folder = self.folder.display();
                return Err(Error::data(format!("the rows in {folder} come from a different extractor"))
                    .because(format!("they come from {} {}", before.backend, before.version))
                    .because(format!("the current extractor is {} {}", made_by.backend, made_by.version))
                    .next(format!("continue with the earlier extractor, or remove {folder} to start from scratch")));
            }
        }
        let bytes = serde_json::to_vec_pretty(made_by)
            .map_err(|error| Error::bug("made-by.json cannot be serialized").because(error))?;
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
        let at = |name: &str| folder.join(name);
        Part { number, images: at("images"), features: at("features"), log: at("log"), folder }
    }

    /// Creates the next part with empty folders.
    ///
    /// # Errors
    /// Those of creating folders.
    pub fn new_part(&mut self) -> Result<Part> {
        let part = self.part(self.next);
        self.next = self.next.saturating_add(1);
        for folder in [&part.images, &part.features] {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, &error))?;
        }
        Ok(part)
    }

    /// Returns the files of all earlier runs that have rows.
    fn row_files(&self) -> Result<Vec<PathBuf>> {
        let mut all = Vec::new();
        for number in self.numbers()? {
            // A run may have been killed while it created its part.
            let Ok(entries) = fs::read_dir(self.part(number).features) else { continue };
            let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.retain(|file| file.extension().is_some_and(|ending| ending == "tsv"));
            files.retain(|file| file.metadata().map_or(true, |metadata| metadata.len() > 0));
            files.sort();
            all.extend(files);
        }
        Ok(all)
    }

    /// Adds the valid rows of all earlier runs to the index. Returns the number of damaged ones.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn collect(&self, rows: &mut RowIndex) -> Result<usize> {
        self.row_files()?.iter().map(|file| rows.take_file(file)).sum()
    }

    /// Removes the folder, once its rows are in the output.
    ///
    /// # Errors
    /// Those of removing the folder.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.folder).map_err(|error| Error::io("remove", &self.folder, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::image_list::ListedImage;
    use super::super::image_sets::{ImageSet, Split};
    use super::*;
    use data::features::testing::{row_of, text};

    #[test]
    fn rows_of_earlier_parts_are_found_and_a_second_run_is_refused() {
        let out = tempfile::tempdir().unwrap();
        let source = ImageSource::of(ImageSet::Coco, Some(Split::Train)).unwrap();
        let made_by = ExtractorId { backend: "caffe".into(), version: "1".into() };
        let mut work = WorkDir::take(out.path(), &source, &made_by).unwrap();
        assert!(WorkDir::take(out.path(), &source, &made_by).unwrap_err().to_string().contains("another run"));
        // An extractor that wrote no row leaves the folder to any other.
        fs::write(work.new_part().unwrap().features.join("train_obj36.tsv"), "").unwrap();
        drop(work);
        let made_by = ExtractorId { version: "2".into(), ..made_by };
        let mut work = WorkDir::take(out.path(), &source, &made_by).unwrap();
        let (one, two) = (work.new_part().unwrap(), work.new_part().unwrap());
        for (part, number) in [(&one, 0), (&two, 1)] {
            fs::write(part.features.join("train_obj36.tsv"), text(&[row_of(number, 2, 3)])).unwrap();
        }
        drop(work);
        let mut work = WorkDir::take(out.path(), &source, &made_by).unwrap();
        let image = |number| {
            let id = row_of(number, 2, 3).img_id;
            ListedImage { path: PathBuf::from(&id), location: PathBuf::from(&id), id, size: None }
        };
        let mut rows = RowIndex::new(&[image(0), image(1)], 2, 3);
        assert_eq!((work.collect(&mut rows).unwrap(), rows.len(), work.new_part().unwrap().number), (0, 2, 4));
        drop(work);
        let other = ExtractorId { version: "1".into(), ..made_by.clone() };
        assert!(WorkDir::take(out.path(), &source, &other).unwrap_err().to_string().contains("a different extractor"));
        WorkDir::take(out.path(), &source, &made_by).unwrap().remove().unwrap();
        assert!(!WorkDir::place(out.path(), &source).exists());
    }
}
