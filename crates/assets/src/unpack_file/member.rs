//! Unpacks one member into its place.

use std::thread;

use crate::manifest::{Checksums, Unpack};
use crate::place::Place;
use archive::Archive;
use base::error::{Error, Result};
use base::files::part_file::PartFile;
use base::files::relay::{FeedError, RelayError, relay};

/// A file that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes.
    pub size: u64,
    /// Its SHA-256.
    pub hashes: Checksums,
}

/// Unpacks the one file named `unpack.member` to `place`, hashing it in the same pass: one thread inflates, one hashes and
/// writes. `progress` hears of bytes just written. The file has the name `PATH.part` until it is whole, right and on the
/// disk.
///
/// # Errors
/// As [`Archive::file`]; data where the member is damaged, checksum where it is not the one that the manifest says, disk
/// where there is no room. What was written is removed; a file that was at `place` before stays.
pub fn unpack_file(
    archive: &Archive,
    unpack: &Unpack,
    place: &Place,
    progress: &mut dyn FnMut(u64),
) -> Result<Unpacked> {
    let member = archive.file(&unpack.wanted())?;
    let mut part = PartFile::create(place.file())?;
    let (relay, [feed]) = relay();
    let (read, written) = thread::scope(|scope| {
        let inflating = scope.spawn(|| relay.run(member));
        let written = part.fill(feed, progress);
        (inflating.join(), written)
    });
    let failed = |error| Error::io("unpack", place.file(), &error).next("fetch the archive again");
    let (size, sha256) = match (read, written) {
        (Ok(Err(RelayError::Source(error))), _) => return Err(failed(error)),
        (_, Err(FeedError::Failed(error))) => return Err(error),
        (Ok(Ok(())), Ok(done)) => done,
        _ => return Err(Error::bug(format!("unpacking {} stopped without a reason", place.file().display()))),
    };
    if let Some(wanted) = unpack.sha256.as_deref().filter(|wanted| *wanted != sha256) {
        return Err(Error::checksum(format!("{} is not the file that it should be", place.file().display()))
            .because(format!("the archive's {:?} has the sha256 {sha256}, not {wanted}", unpack.member))
            .next("fetch the archive again, or take it from another source"));
    }
    part.finish()?;
    Ok(Unpacked { size, hashes: Checksums { sha256: Some(sha256), ..Checksums::default() } })
}
