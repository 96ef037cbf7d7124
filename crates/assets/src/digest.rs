//! Computes all required hashes of a file in one pass, optionally in a background thread.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::manifest::Checksums;
use base::error::{Error, Result};
use base::files::{self, hex};
use base::signals;

/// Maximum number of chunks in the queue of the hashing thread.
const WAITING: usize = 32;
const BUFFER: usize = 1 << 20;

/// Hashes of a byte stream: always SHA-256, and MD5 and git's SHA-1 if required.
#[derive(Clone, Debug)]
pub struct Digest {
    sha256: Sha256,
    md5: Option<Md5>,
    /// The hash state and the size in its header.
    git_blob: Option<(Sha1, u64)>,
    bytes: u64,
}

impl Digest {
    /// Creates the hashes that `demands` contains. Git's SHA-1 begins with the size of the file in bytes: it is computed only
    /// if `size` is known.
    pub fn new(demands: &Checksums, size: Option<u64>) -> Self {
        let git_blob = demands.git_blob.as_ref().and(size).map(|size| {
            let mut sha1 = Sha1::new();
            sha1.update(format!("blob {size}\0"));
            (sha1, size)
        });
        Self { sha256: Sha256::new(), md5: demands.md5.as_ref().map(|_| Md5::new()), git_blob, bytes: 0 }
    }

    /// Adds the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some((sha1, _)) = &mut self.git_blob {
            sha1.update(bytes);
        }
        self.bytes += bytes.len() as u64;
    }

    /// Returns the hashes in lower-case hexadecimal. Git's is missing if the file had another size than announced.
    pub fn finish(self) -> Checksums {
        let git_blob = self.git_blob.filter(|(_, size)| *size == self.bytes);
        Checksums {
            sha256: Some(hex(&self.sha256.finalize())),
            md5: self.md5.map(|md5| hex(&md5.finalize())),
            git_blob: git_blob.map(|(sha1, _)| hex(&sha1.finalize())),
        }
    }
}

/// Reads a file and computes SHA-256 and the other hashes that `demands` contains. `progress` receives the number of bytes
/// of each read.
///
/// # Errors
/// [`Error::io`] if the file cannot be read.
pub fn hash_file(path: &Path, demands: &Checksums, progress: &mut dyn FnMut(u64)) -> Result<Checksums> {
    let mut file = files::open_regular(path)?;
    let size = file.metadata().map_err(|error| Error::io("read", path, &error))?.len();
    let mut digest = Digest::new(demands, Some(size));
    feed(&mut file, path, &mut digest, progress)?;
    Ok(digest.finish())
}

/// Hashes the rest of an open file.
pub(super) fn feed(file: &mut File, path: &Path, digest: &mut Digest, progress: &mut dyn FnMut(u64)) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        signals::check()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                digest.update(&buffer[..count]);
                progress(count as u64);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path, &error)),
        }
    }
}

/// A [`Digest`] in a background thread.
#[derive(Debug)]
pub struct BackgroundDigest {
    pieces: SyncSender<Bytes>,
    thread: JoinHandle<Digest>,
}

impl BackgroundDigest {
    /// Continues `digest` in a new thread.
    ///
    /// # Errors
    /// Infra if the thread cannot be started.
    pub fn start(mut digest: Digest) -> Result<Self> {
        let (pieces, arriving) = sync_channel::<Bytes>(WAITING);
        let thread = std::thread::Builder::new()
            .name("hash".into())
            .spawn(move || {
                for piece in arriving {
                    digest.update(&piece);
                }
                digest
            })
            .map_err(|error| Error::infra("cannot start the hashing thread").because(error))?;
        Ok(Self { pieces, thread })
    }

    /// Adds the next bytes; blocks while the queue is full.
    ///
    /// # Errors
    /// A bug if the thread has panicked.
    pub fn update(&self, bytes: Bytes) -> Result<()> {
        self.pieces.send(bytes).map_err(|_| died())
    }

    /// Waits for the hashes of all bytes.
    ///
    /// # Errors
    /// A bug if the thread has panicked.
    pub fn finish(self) -> Result<Checksums> {
        drop(self.pieces);
        self.thread.join().map(Digest::finish).map_err(|_| died())
    }
}

fn died() -> Error {
    Error::bug("the hashing thread has panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Checksums {
        let any = || Some(String::new());
        Checksums { sha256: any(), md5: any(), git_blob: any() }
    }

    #[test]
    fn hashes_are_those_of_the_usual_tools() {
        let mut digest = Digest::new(&all(), Some(6));
        digest.update(b"hel");
        digest.update(b"lo\n");
        // The values of sha256sum, md5sum and git hash-object.
        let hashes = digest.finish();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(hashes.sha256.as_deref(), Some(sha256));
        assert_eq!(hashes.md5.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
        assert_eq!(hashes.git_blob.as_deref(), Some("ce013625030ba8dba906f756967f9e9ca394464a"));

        let background = BackgroundDigest::start(Digest::new(&all(), Some(6))).unwrap();
        for byte in b"hello\n".chunks(1) {
            background.update(Bytes::from_static(byte)).unwrap();
        }
        assert_eq!(background.finish().unwrap(), hashes);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "hello\n").unwrap();
        let mut read = 0;
        assert_eq!(hash_file(&path, &all(), &mut |bytes| read += bytes).unwrap(), hashes);
        assert_eq!(read, 6);
        assert!(hash_file(folder.path(), &all(), &mut |_| {}).is_err());
    }

    #[test]
    fn only_required_hashes_are_computed() {
        let only = Digest::new(&Checksums::default(), Some(0)).finish();
        assert!(only.sha256.is_some() && only.md5.is_none() && only.git_blob.is_none());
        assert!(Digest::new(&all(), None).finish().git_blob.is_none());
        assert!(Digest::new(&all(), Some(1)).finish().git_blob.is_none(), "another size than announced");
    }
}
