//! Unpacks whole folders: into a hidden folder beside the final one, which is renamed when it is complete.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::entry::{Compression, Entry};
use super::{Archive, MemberSpec, names};
use base::cleanup::{self, CleanupGuard};
use base::error::{Error, Result};

const BLOCK: usize = 256 << 10;

impl Archive {
    /// Unpacks the folder `wanted.name`, wherever it is in the archive, as the folder `to`; the whole archive if the name is
    /// empty. Returns the number of files; `progress` receives the bytes just unpacked.
    ///
    /// Everything is first unpacked into `.NAME.unpacking` beside `to`; what a killed process left there is removed. Files
    /// that macOS adds (`__MACOSX`, `.DS_Store`) are skipped.
    ///
    /// # Errors
    /// Usage if `to` holds something; data if the archive has no such folder or more than one, is damaged, or is larger
    /// unpacked than allowed; disk if there is no room, after what was unpacked has been removed.
    pub fn folder(&self, wanted: &MemberSpec, to: &Path, progress: &mut dyn FnMut(u64)) -> Result<u64> {
        let chosen = self.choose(wanted)?;
        if std::fs::read_dir(to).is_ok_and(|mut inside| inside.next().is_some()) {
            return Err(Error::usage(format!("{} already exists", to.display()))
                .next("remove it to unpack it again, or move it away"));
        }
        let staging = Staging::create(to)?;
        let mut buffer = vec![0; BLOCK];
        let mut files = 0;
        for (entry, name) in chosen {
            let path = staging.path.join(name);
            let above = if entry.folder { Some(path.as_path()) } else { path.parent() };
            if let Some(above) = above {
                let made = DirBuilder::new().recursive(true).mode(0o755).create(above);
                made.map_err(|error| Error::io("create the folder", above, &error))?;
            }
            if !entry.folder {
                self.copy(entry, &path, &mut buffer, progress)?;
                files += 1;
            }
        }
        staging.finish(to)?;
        Ok(files)
    }

    /// Returns the entries to unpack, with their names below the requested folder.
    fn choose(&self, wanted: &MemberSpec) -> Result<Vec<(&Entry, &str)>> {
        if self.entries.iter().any(|entry| entry.packing == Compression::TarStream) {
            return Err(Error::data(format!("{} is a tar archive", self.path.display()))
                .because("folders are unpacked from zip archives only")
                .next("name each member to unpack"));
        }
        let inside = if wanted.name.is_empty() { String::new() } else { self.locate(&wanted.name)? };
        let mut chosen: Vec<(&Entry, &str)> = self
            .entries
            .iter()
            .filter(|entry| !names::is_junk(&entry.name))
            .filter_map(|entry| Some((entry, entry.name.strip_prefix(inside.as_str())?)))
            .collect();
        // In the archive's order, to read a file of 20 GB sequentially.
        chosen.sort_by_key(|(entry, _)| entry.start);
        let bytes = chosen.iter().try_fold(0_u64, |sum, (entry, _)| sum.checked_add(entry.size));
        match bytes {
            Some(bytes) if bytes <= wanted.size_max => Ok(chosen),
            _ => Err(self.wrong(format!("it would unpack to more than {} bytes", wanted.size_max))),
        }
    }

    /// Finds the only folder of that name; returns it with a slash at its end.
    fn locate(&self, wanted: &str) -> Result<String> {
        let mut found: Vec<&str> = Vec::new();
        for entry in self.entries.iter().filter(|entry| !names::is_junk(&entry.name)) {
            let ends = entry.name.match_indices('/').map(|(at, _)| at).chain(entry.folder.then_some(entry.name.len()));
            for folder in ends.map(|end| &entry.name[..end]) {
                if names::file_name(folder) == wanted && !found.contains(&folder) {
                    found.push(folder);
                }
            }
        }
        match found.as_slice() {
            [one] => Ok(format!("{one}/")),
            [] => Err(self.wrong(format!("it has no folder named {wanted:?}; it contains {}", self.summary()))),
            several => {
                Err(self.wrong(format!("it has {} folders of that name: {}", several.len(), several.join(", "))))
            }
        }
    }

    fn copy(&self, entry: &Entry, to: &Path, buffer: &mut [u8], progress: &mut dyn FnMut(u64)) -> Result<()> {
        let mut member = self.member(entry)?;
        // Never through a link, never over what is there.
        let out = OpenOptions::new().write(true).create_new(true).mode(0o644).open(to);
        let mut out = out.map_err(|error| Error::io("create", to, &error))?;
        loop {
            let read = match member.read(buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("unpack", to, &error).next("fetch the archive again")),
            };
            out.write_all(&buffer[..read]).map_err(|error| Error::io("write", to, &error))?;
            progress(read as u64);
        }
    }
}

/// The folder that is filled; removed unless finished.
struct Staging {
    path: PathBuf,
    finished: bool,
    _removed: CleanupGuard,
}

impl Staging {
    fn create(to: &Path) -> Result<Self> {
        let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(Error::usage(format!("{} cannot be the name of a folder", to.display()))
                .next("name a folder that does not exist yet"));
        };
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create the folder", parent, &error))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".unpacking");
        let path = parent.join(hidden);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path, &error)),
            _ => {}
        }
        let make = || Ok(((), DirBuilder::new().mode(0o755).create(&path).map(|()| path.clone())?));
        let ((), removed) =
            cleanup::temporary(make).map_err(|error: std::io::Error| Error::io("create the folder", &path, &error))?;
        Ok(Self { path, finished: false, _removed: removed })
    }

    /// Syncs the file system once for all files: a sync for each would take longer than unpacking.
    fn finish(mut self, to: &Path) -> Result<()> {
        let folder = File::open(&self.path).map_err(|error| Error::io("read", &self.path, &error))?;
        rustix::fs::syncfs(&folder).map_err(|error| Error::io("write", &self.path, &error.into()))?;
        std::fs::rename(&self.path, to).map_err(|error| Error::io("rename to", to, &error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
