//! Unpacks and hashes one member of an archive.

use std::thread;

use crate::manifest::{Checksums, Unpack};
use crate::paths::AssetPaths;
use archive::Archive;
use base::error::{Error, Result};
use base::files::part_file::PartFile;
use base::files::relay::{FeedError, RelayError, relay};

/// An unpacked file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackedFile {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256.
    pub hashes: Checksums,
}

/// Unpacks the file named `unpack.member` to `paths`, and hashes it in the same pass: one thread inflates, one hashes and
/// writes. `progress` receives the number of bytes of each write. The file has the name `PATH.part` until it is complete,
/// verified and synced.
///
/// # Errors
/// The errors of [`Archive::file`]; data if the member is damaged, checksum if it is not the expected one, disk if there is no
/// space. The partial file is removed; a file that was at `paths` before stays.
pub fn unpack_file(
    archive: &Archive,
    unpack: &Unpack,
    paths: &AssetPaths,
    progress: &mut dyn FnMut(u64),
) -> Result<UnpackedFile> {
    let member = archive.file(&unpack.member_spec())?;
    let mut part = PartFile::create(paths.file())?;
    let (relay, [feed]) = relay();
    let (read, written) = thread::scope(|scope| {
        let inflating = scope.spawn(|| relay.run(member));
        let written = part.fill(feed, progress);
        (inflating.join(), written)
    });
    let failed = |error| Error::io("unpack", paths.file(), &error).next("fetch the archive again");
    let (size, sha256) = match (read, written) {
        (Ok(Err(RelayError::Source(error))), _) => return Err(failed(error)),
        (_, Err(FeedError::Failed(error))) => return Err(error),
        (Ok(Ok(())), Ok(done)) => done,
        _ => return Err(Error::bug(format!("unpacking {} stopped without a reason", paths.file().display()))),
    };
    if let Some(wanted) = unpack.sha256.as_deref().filter(|wanted| *wanted != sha256) {
        return Err(Error::checksum(format!("the unpacked {} is not the expected file", paths.file().display()))
            .because(format!("the archive's {:?} has the sha256 {sha256}, not {wanted}", unpack.member))
            .next("fetch the archive again, or get it from another source"));
    }
    part.finish()?;
    Ok(UnpackedFile { size, hashes: Checksums { sha256: Some(sha256), ..Checksums::default() } })
}
