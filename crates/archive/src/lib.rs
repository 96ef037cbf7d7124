//! Unpacks untrusted archives: zip, and tar compressed with gzip.
//!
//! [`Archive::open`] checks everything that the archive says about its members before anything is written. It rejects:
//!
//! | refused | because |
//! |---|---|
//! | names that are absolute, contain `..`, `.`, `\`, control characters, a drive letter or an empty part, or are not UTF-8 | they mean something else on other systems, or lead outside |
//! | a name twice; a file that is also a folder | ambiguous |
//! | links, devices, encryption, methods other than stored and deflate | no published file needs them |
//! | members that overlap, or reach outside the archive | bombs |
//! | a size that the packed bytes cannot unpack to, more entries than the directory can hold | bombs |
//! | a header that contradicts the directory, a member that the directory lacks | unpackers would disagree |
//! | bytes before or behind the archive, no end record | the archive is cut short or was changed |
//!
//! Then members are streamed, never more bytes than declared or allowed, and the last byte is delivered only after the CRC-32
//! was checked. Members are found by file name, in whatever folder of the archive they are.

mod entry;
mod member;
mod names;
mod offset_reader;
mod tar_gz;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod unpack_folder;
mod zip_directory;
pub mod zip_end;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::entry::{ArchiveError, Entry};
use self::member::Member;
use base::error::{Error, Result};
use base::files;

/// The file or folder to take from an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSpec {
    /// Its name without the folders that contain it; may be empty for the whole archive.
    pub name: String,
    /// Most bytes that it may have unpacked (a folder: all its files together).
    pub size_max: u64,
}

/// An open archive whose members were all checked.
pub struct Archive {
    path: PathBuf,
    file: Arc<File>,
    entries: Vec<Entry>,
}

impl Archive {
    /// Opens an archive and checks everything that it says about its members. The content of a zip archive is not read; a
    /// tarball is read once to its end.
    ///
    /// # Errors
    /// Data if it is damaged, cut short, no archive, or refused.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |error: &std::io::Error| Error::io("read the archive", path, error);
        let file = Arc::new(files::open_regular(path)?);
        let size = file.metadata().map_err(|error| io(&error))?.len();
        let mut magic = [0; 2];
        let is_tarball = match file.read_exact_at(&mut magic, 0) {
            Ok(()) => magic == tar_gz::MAGIC,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(io(&error)),
        };
        let entries = if is_tarball { tar_gz::entries(&file) } else { zip_directory::entries(&file, size) };
        match entries {
            Ok(entries) => Ok(Self { path: path.to_owned(), file, entries }),
            Err(ArchiveError::Io(error)) => Err(io(&error)),
            Err(ArchiveError::CutShort) => Err(Error::data(format!("the archive {} is cut short", path.display()))
                .because(format!("it has {size} bytes and no end record"))
                .next("remove it and fetch it again")),
            Err(ArchiveError::Wrong(why)) => {
                Err(Error::data(format!("the archive {} cannot be trusted", path.display()))
                    .because(why)
                    .next("remove it and fetch it again; if its checksum is right, fetch it from another source"))
            }
        }
    }

    /// Returns the content of the only file of that name, in whatever folder it is.
    ///
    /// Reading fails (kind `InvalidData`) if the member is damaged. A reader that reached the end got what the archive
    /// declares.
    ///
    /// # Errors
    /// Data if there is none, or more than one, or it is larger than allowed.
    pub fn file(&self, wanted: &MemberSpec) -> Result<impl Read + Send + use<>> {
        self.member(self.find(wanted)?)
    }

    /// Returns the size of the only file of that name, in bytes, as the archive declares it.
    ///
    /// # Errors
    /// See [`file`](Self::file).
    pub fn size(&self, wanted: &MemberSpec) -> Result<u64> {
        self.find(wanted).map(|entry| entry.size)
    }

    /// Returns whether the archive has a file of that name in any folder.
    pub fn holds(&self, name: &str) -> bool {
        let named =
            |entry: &Entry| !entry.folder && names::file_name(&entry.name) == name && !names::is_junk(&entry.name);
        self.entries.iter().any(named)
    }

    fn find(&self, wanted: &MemberSpec) -> Result<&Entry> {
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
            [] => Err(self.wrong(format!("it has no file named {:?}; it contains {}", wanted.name, self.summary()))),
            several => {
                let names: Vec<&str> = several.iter().take(3).map(|entry| entry.name.as_str()).collect();
                Err(self.wrong(format!("it has {} files of that name: {}", several.len(), names.join(", "))))
            }
        }
    }

    fn member(&self, entry: &Entry) -> Result<Member> {
        let label = format!("the member {:?} of {}", entry.name, self.path.display());
        Member::open(&self.file, entry, label).map_err(|error| Error::io("read the archive", &self.path, &error))
    }

    fn wrong(&self, why: String) -> Error {
        Error::data(format!("the archive {} does not contain what is expected", self.path.display()))
            .because(why)
            .next("check that it is the right archive; fetch it again, or from another source")
    }

    /// Lists its first files.
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
