//! Unpacking archives that nobody vouches for: zip, and tar packed with gzip.
//!
//! [`Archive::open`] reads and checks everything that the archive says about its members before anything is written:
//!
//! | refused | because |
//! |---|---|
//! | names that are absolute, hold `..`, `.`, `\`, control characters, a drive letter, nothing between two slashes, or are not UTF-8 | they mean something else elsewhere, or lead outside |
//! | a name twice; a file that is also a folder | which one is meant? |
//! | links, devices, encryption, methods other than stored and deflate | no published file needs them |
//! | members that overlap, or reach outside the archive | bombs |
//! | a size that the packed bytes cannot unpack to, more entries than the directory can hold | bombs |
//! | a header before a member that contradicts the directory, a member that the directory lacks | unpackers would differ |
//! | bytes before or behind the archive, no end record | the archive is cut short or was changed |
//!
//! Then members are streamed, never more bytes than declared or allowed, and checked (CRC-32) before the last byte is
//! given. They are found by file name, whatever folder the archive puts them in.

mod at;
pub mod ends;
mod entry;
mod folder;
mod member;
mod names;
mod tarball;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod zipped;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::entry::{Bad, Entry};
use self::member::Member;
use base::error::{Error, Result};
use base::files;

/// What is wanted of an archive: a file, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name without the folders that the archive puts it in; of a folder it may be empty, for everything.
    pub name: String,
    /// It cannot be larger, unpacked (a folder: all its files together).
    pub size_max: u64,
}

/// An open archive whose members were all checked.
pub struct Archive {
    path: PathBuf,
    file: Arc<File>,
    entries: Vec<Entry>,
}

impl Archive {
    /// Opens an archive and checks all that it says of its members. A zip archive's content is not read; a tarball is read
    /// once to its end.
    ///
    /// # Errors
    /// Data where it is damaged, cut short, no archive, or refused.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |error: &std::io::Error| Error::io("read the archive", path, error);
        let file = Arc::new(files::open_regular(path)?);
        let size = file.metadata().map_err(|error| io(&error))?.len();
        let mut magic = [0; 2];
        let is_tarball = match file.read_exact_at(&mut magic, 0) {
            Ok(()) => magic == tarball::MAGIC,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(io(&error)),
        };
        let entries = if is_tarball { tarball::entries(&file) } else { zipped::entries(&file, size) };
        match entries {
            Ok(entries) => Ok(Self { path: path.to_owned(), file, entries }),
            Err(Bad::Io(error)) => Err(io(&error)),
            Err(Bad::CutShort) => Err(Error::data(format!("the archive {} is cut short", path.display()))
                .because(format!("it has {size} bytes and no end"))
                .next("remove it and fetch it again")),
            Err(Bad::Wrong(why)) => Err(Error::data(format!("the archive {} cannot be trusted", path.display()))
                .because(why)
                .next("remove it and fetch it again; where its checksum is right, take it from another source")),
        }
    }

    /// The one file of that name, whatever folder it is in.
    ///
    /// Reading it fails (kind `InvalidData`) where it is damaged; who reads to the end got what the archive promises.
    ///
    /// # Errors
    /// Data where there is none, or more than one, or it is larger than allowed.
    pub fn file(&self, wanted: &Wanted) -> Result<impl Read + Send + use<>> {
        self.member(self.find(wanted)?)
    }

    /// Bytes of the one file of that name, as the archive declares them.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn size(&self, wanted: &Wanted) -> Result<u64> {
        self.find(wanted).map(|entry| entry.size)
    }

    /// Whether a file of that name is in it, whatever folder it is in.
    pub fn holds(&self, name: &str) -> bool {
        let named =
            |entry: &Entry| !entry.folder && names::file_name(&entry.name) == name && !names::is_junk(&entry.name);
        self.entries.iter().any(named)
    }

    fn find(&self, wanted: &Wanted) -> Result<&Entry> {
        let named = |entry: &&Entry| {
            !entry.folder && names::file_name(&entry.name) == wanted.name && !names::is_junk(&entry.name)
        };
        let found: Vec<&Entry> = self.entries.iter().filter(named).collect();
        match found.as_slice() {
            [one] if one.size <= wanted.size_max => Ok(one),
            [one] => Err(self.wrong(format!(
                "{:?} has {} bytes; at most {} are expected of it",
                one.name, one.size, wanted.size_max
            ))),
            [] => Err(self.wrong(format!("no file in it is named {:?}; it holds {}", wanted.name, self.summary()))),
            several => {
                let names: Vec<&str> = several.iter().take(3).map(|entry| entry.name.as_str()).collect();
                Err(self.wrong(format!("{} files in it have that name: {}", several.len(), names.join(", "))))
            }
        }
    }

    fn member(&self, entry: &Entry) -> Result<Member> {
        let label = format!("the member {:?} of {}", entry.name, self.path.display());
        Member::open(&self.file, entry, label).map_err(|error| Error::io("read the archive", &self.path, &error))
    }

    fn wrong(&self, why: String) -> Error {
        Error::data(format!("the archive {} does not hold what it should", self.path.display()))
            .because(why)
            .next("look whether it is the right archive; fetch it again, or take it from another source")
    }

    /// Its first files.
    fn summary(&self) -> String {
        let files: Vec<&str> =
            self.entries.iter().filter(|entry| !entry.folder).map(|entry| entry.name.as_str()).collect();
        match files.len() {
            0 => "no files".to_owned(),
            n @ 1..=5 => format!("{n} files: {}", files.join(", ")),
            n => format!("{n} files: {}, …", files[..5].join(", ")),
        }
    }
}
