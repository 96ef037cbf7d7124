//! All hashes that are demanded of a file, in one pass; beside the work that brings the bytes where there are two cores.

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

/// Pieces that may wait for the hashing thread: enough to even out, little enough to stay in memory.
const WAITING: usize = 32;
const BUFFER: usize = 1 << 20;

/// SHA-256 always; MD5 and git's SHA-1 where they are demanded.
#[derive(Clone, Debug)]
pub struct Digest {
    sha256: Sha256,
    md5: Option<Md5>,
    /// With the size that its head says.
    git_blob: Option<(Sha1, u64)>,
    bytes: u64,
}

impl Digest {
    /// Takes the hashes that `demands` has. Git's SHA-1 begins with the file's size in bytes: it is taken only where `size` is known.
    pub fn new(demands: &Checksums, size: Option<u64>) -> Self {
        let git_blob = demands.git_blob.as_ref().and(size).map(|size| {
            let mut sha1 = Sha1::new();
            sha1.update(format!("blob {size}\0"));
            (sha1, size)
        });
        Self { sha256: Sha256::new(), md5: demands.md5.as_ref().map(|_| Md5::new()), git_blob, bytes: 0 }
    }

    /// Takes the next bytes of the file.
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

    /// The hashes in lower-case hexadecimal. Git's is absent where the file turned out to have another size than was said.
    pub fn finish(self) -> Checksums {
        let git_blob = self.git_blob.filter(|(_, size)| *size == self.bytes);
        Checksums {
            sha256: Some(hex(&self.sha256.finalize())),
            md5: self.md5.map(|md5| hex(&md5.finalize())),
            git_blob: git_blob.map(|(sha1, _)| hex(&sha1.finalize())),
        }
    }
}

/// Reads a file and takes SHA-256 and what else is demanded; `progress` hears how many bytes were just read.
///
/// # Errors
/// What [`Error::io`] says where the file cannot be read.
pub fn hash_file(path: &Path, demands: &Checksums, progress: &mut dyn FnMut(u64)) -> Result<Checksums> {
    let mut file = files::open_regular(path)?;
    let size = file.metadata().map_err(|error| Error::io("read", path, &error))?.len();
    let mut digest = Digest::new(demands, Some(size));
    feed(&mut file, path, &mut digest, progress)?;
    Ok(digest.finish())
}

/// Hashes what is left to read of an open file.
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

/// A [`Digest`] on a thread of its own.
#[derive(Debug)]
pub struct Background {
    pieces: SyncSender<Bytes>,
    thread: JoinHandle<Digest>,
}

impl Background {
    /// Goes on with `digest`.
    ///
    /// # Errors
    /// Infra where the machine gives no thread.
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
            .map_err(|error| Error::infra("cannot start a thread that hashes").because(error))?;
        Ok(Self { pieces, thread })
    }

    /// Hands over the next bytes; waits while too much is waiting.
    pub fn update(&self, bytes: Bytes) -> Result<()> {
        self.pieces.send(bytes).map_err(|_| died())
    }

    /// Waits for the hashes of everything handed over.
    pub fn finish(self) -> Result<Checksums> {
        drop(self.pieces);
        self.thread.join().map(Digest::finish).map_err(|_| died())
    }
}

fn died() -> Error {
    Error::bug("the thread that hashes has died")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Checksums {
        let any = || Some(String::new());
        Checksums { sha256: any(), md5: any(), git_blob: any() }
    }

    #[test]
    fn known_hashes() {
        let mut digest = Digest::new(&all(), Some(6));
        digest.update(b"hel");
        digest.update(b"lo\n");
        // As sha256sum, md5sum and git hash-object say it.
        let hashes = digest.finish();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(hashes.sha256.as_deref(), Some(sha256));
        assert_eq!(hashes.md5.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
        assert_eq!(hashes.git_blob.as_deref(), Some("ce013625030ba8dba906f756967f9e9ca394464a"));

        let background = Background::start(Digest::new(&all(), Some(6))).unwrap();
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
    fn only_what_is_demanded_and_known() {
        let only = Digest::new(&Checksums::default(), Some(0)).finish();
        assert!(only.sha256.is_some() && only.md5.is_none() && only.git_blob.is_none());
        assert!(Digest::new(&all(), None).finish().git_blob.is_none());
        assert!(Digest::new(&all(), Some(1)).finish().git_blob.is_none(), "another size than was said");
    }
}
