//! Unpacks members of archives to their places, and builds the store of features in the same pass.

use std::fs;
use std::path::Path;

use super::PrepareSettings;
use super::count::count;
use super::plan::OBJ36;
use super::step_reporter::StepReporter;
use archive::Archive;
use assets::manifest::{Checksums, Unpack};
use assets::paths::AssetPaths;
use assets::receipt::Receipt;
use assets::unpack_file::unpack_file;
use base::error::{Error, Result};
use base::files;
use data::features::store_stream;

/// Unpacks one entry of a manifest from a verified archive and writes its receipt.
///
/// # Errors
/// Data if the archive or its content is damaged or does not agree with the manifest; checksum; disk.
pub(super) fn unpack(
    archive: &Path,
    unpack: &Unpack,
    place: &AssetPaths,
    settings: &PrepareSettings,
    reporter: &StepReporter,
) -> Result<()> {
    let source = archive.display().to_string();
    let mut open = Archive::open(archive)?;
    let (size, sha256) = match unpack.expect.as_ref().filter(|expect| expect.kind == OBJ36) {
        _ if unpack.folder => {
            reporter.started("unpack", &source, None);
            folder(&mut open, unpack, place, reporter)?
        }
        None => {
            reporter.started("unpack", &source, Some(open.size(&unpack.member_spec())?));
            let before = PreviousFile::keep(place)?;
            let done = unpack_file(&open, unpack, place, &mut |bytes| reporter.advance_by(bytes))?;
            let sha256 = done.hashes.sha256.unwrap_or_default();
            before.settle(&sha256, reporter)?;
            (done.size, sha256)
        }
        Some(expect) => {
            reporter.started("unpack", &source, Some(open.size(&unpack.member_spec())?));
            let (stores, member) = (settings.stores(), open.file(&unpack.member_spec())?);
            let before = PreviousFile::keep(place)?;
            let progress = &mut |bytes| reporter.advance_by(bytes);
            let done = store_stream(member, place.file(), &stores, settings.precision, expect.count, progress)?;
            if let Some(wanted) = unpack.sha256.as_ref().filter(|wanted| **wanted != done.sha256) {
                return Err(Error::checksum(format!(
                    "{} has the sha256 {}, not {wanted}",
                    place.file().display(),
                    done.sha256
                ))
                .next("remove it, then fetch the archive from a different source"));
            }
            before.settle(&done.sha256, reporter)?;
            (done.bytes, done.sha256)
        }
    };
    let hashes = Checksums { sha256: Some(sha256.clone()), ..Checksums::default() };
    Receipt::new(place.file(), hashes, &source)?.write(place)?;
    reporter.done("unpacked", size, &sha256);
    Ok(())
}

/// Unpacks a folder and returns its size in bytes and the SHA-256 of its listing. A folder appears only when complete, so that an
/// existing one with the right number of files has merely lost its receipt.
fn folder(
    archive: &mut Archive,
    unpack: &Unpack,
    place: &AssetPaths,
    reporter: &StepReporter,
) -> Result<(u64, String)> {
    let to = place.file();
    if !fs::read_dir(to).is_ok_and(|mut inside| inside.next().is_some()) {
        archive.folder(&unpack.member_spec(), to, &mut |bytes| reporter.advance_by(bytes))?;
    }
    let expected = unpack.expect.as_ref().and_then(|expect| expect.count);
    let found = count(to, "files")?.unwrap_or(0);
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Error::data(format!("{} holds {found} files, not {expected}", to.display()))
            .next("remove it, then run this again to unpack it again"));
    }
    let mut listing = Vec::new();
    list(to, to, &mut listing)?;
    listing.sort();
    let bytes = listing.iter().map(|(_, bytes)| bytes).sum();
    let text: String = listing.iter().map(|(name, bytes)| format!("{name}\t{bytes}\n")).collect();
    Ok((bytes, files::sha256_bytes(text.as_bytes())))
}

fn list(root: &Path, folder: &Path, into: &mut Vec<(String, u64)>) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("list", folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let data = entry.metadata().map_err(failed)?;
        if data.is_dir() {
            list(root, &entry.path(), into)?;
        } else {
            let name = entry.path().strip_prefix(root).unwrap_or(&entry.path()).display().to_string();
            into.push((name, data.len()));
        }
    }
    Ok(())
}

/// A file that was there before, hard-linked to a second name so that it is not lost when it is replaced.
pub(super) struct PreviousFile(Option<(std::path::PathBuf, String)>);

impl PreviousFile {
    /// Links the existing file, if any.
    pub(crate) fn keep(place: &AssetPaths) -> Result<Self> {
        if !place.file().is_file() {
            return Ok(Self(None));
        }
        let sha256 = files::sha256(place.file())?;
        let aside = place.suspect(&sha256);
        match fs::hard_link(place.file(), &aside) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Error::io("keep a second name for", place.file(), &error))
            }
            _ => Ok(Self(Some((aside, sha256)))),
        }
    }

    /// Removes the link if the new file is the same; otherwise reports its path.
    pub(crate) fn settle(self, sha256: &str, reporter: &StepReporter) -> Result<()> {
        match self.0 {
            Some((aside, before)) if before == sha256 => {
                fs::remove_file(&aside).map_err(|error| Error::io("remove", &aside, &error))
            }
            Some((aside, _)) => {
                reporter.note(format!("a different file was there; it is kept as {}", aside.display()));
                Ok(())
            }
            None => Ok(()),
        }
    }
}
