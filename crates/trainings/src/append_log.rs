//! A log that a run appends to, and that a resumed run truncates to its length at the snapshot.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base::error::{Error, Result};
use base::files;

/// A log file opened for appending. Writes are buffered until [`flush`](Self::flush) at the latest.
pub struct AppendLog {
    path: PathBuf,
    out: BufWriter<File>,
    length: u64,
}

impl AppendLog {
    /// Opens `path`, creating it if it is missing, and truncates it to its first `keep` bytes. `None` keeps all of it.
    ///
    /// # Errors
    /// Data if the file is shorter than `keep`, so something else has changed it, or if `path` is a link, a pipe or a device.
    pub fn open(path: &Path, keep: Option<u64>) -> Result<Self> {
        let failed = |e: &std::io::Error| Error::io("write", path, e);
        let mut file = files::open_own(path)?;
        let there = file.metadata().map_err(|e| failed(&e))?.len();
        let length = keep.unwrap_or(there);
        if length > there {
            return Err(Error::data(format!("{} has {there} bytes, but had {length} at the snapshot", path.display()))
                .next("restore the file, or train from scratch with --restart"));
        }
        file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|e| failed(&e))?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file), length })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io("write", &self.path, &e))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Writes all buffered bytes to the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|e| Error::io("write", &self.path, &e))
    }

    /// Writes all buffered bytes to disk. Returns the length of the file, to which a run that resumes from now truncates it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn mark(&mut self) -> Result<u64> {
        self.flush()?;
        self.out.get_ref().sync_data().map_err(|e| Error::io("write", &self.path, &e))?;
        Ok(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_appends_after_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text = || std::fs::read_to_string(&path).unwrap();
        let mut log = AppendLog::open(&path, None).unwrap();
        log.write(b"one\n").unwrap();
        let mark = log.mark().unwrap();
        log.write(b"lost\n").unwrap();
        drop(log);
        let mut log = AppendLog::open(&path, Some(mark)).unwrap();
        log.write(b"two\n").unwrap();
        log.flush().unwrap();
        assert_eq!(text(), "one\ntwo\n");
        assert!(AppendLog::open(&path, Some(100)).is_err());
        assert_eq!(text(), "one\ntwo\n");
        AppendLog::open(&path, None).unwrap().write(b"three\n").unwrap();
        assert_eq!(text(), "one\ntwo\nthree\n");
    }
}
