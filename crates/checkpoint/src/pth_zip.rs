//! Reads PyTorch's container since version 1.6: a zip archive with one pickle and one member per storage.

use std::io::{Cursor, Read};

use bytes::Bytes;
use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::error::damage_error;
use super::pickle_value::PickleStorage;
use archive::zip_end::{self, ZipEndError};
use base::error::{Error, Result};

/// Maximum size of a state dict's pickle in bytes; about 200 bytes per tensor are usual.
const LARGEST_PICKLE: u64 = 8 << 20;
/// Maximum number of members of a checkpoint, which has one per tensor.
const MOST_MEMBERS: u64 = 100_000;

/// An open archive.
pub(super) struct PthArchive {
    content: Bytes,
    zip: ZipArchive<Cursor<Bytes>>,
    /// The folder of all members, with its slash.
    prefix: String,
    /// Number of bytes that compressed members may still unpack to.
    unpack_left: u64,
}

impl PthArchive {
    /// Finds the archive's folder and checks its byte order.
    pub(super) fn open(content: &Bytes) -> Result<Self> {
        // PyTorch writes zip64 end records even if the plain ones suffice. If nothing may precede the archive, the crate (9.8)
        // takes the offset of the directory from its record. Otherwise it guesses the offset from the directory's size, and can be
        // wrong by the 76 bytes of those records if the first entry is as long.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        check_end(content)?;
        let mut zip = ZipArchive::with_config(config, Cursor::new(content.clone())).map_err(|e| {
            damage_error("its zip directory cannot be read: the file is cut short or damaged").because(e)
        })?;
        check_members(&mut zip)?;
        let (mut prefixes, mut program, mut arrays) = (Vec::new(), false, false);
        for name in zip.file_names() {
            let name = name.map_err(|e| Error::data("a member's name cannot be read").because(e))?;
            program |= name.ends_with("/constants.pkl");
            arrays |= name.ends_with(".npy");
            if let Some(prefix) = name.strip_suffix("data.pkl").filter(|p| p.is_empty() || p.ends_with('/')) {
                prefixes.push(prefix.to_owned());
            }
        }
        if program {
            return Err(Error::data("it is a TorchScript program (torch.jit.save), not a dict of tensors")
                .next("save the model's state_dict() with torch.save instead"));
        }
        let prefix = match prefixes.as_slice() {
            [one] => one.clone(),
            [] if arrays => {
                return Err(Error::data("it is a NumPy archive (.npz)")
                    .next("save the tensors with torch.save or as safetensors"));
            }
            [] => return Err(Error::data("it is a zip archive without data.pkl, so torch.save did not write it")),
            _ => return Err(Error::data(format!("the zip archive holds {} checkpoints", prefixes.len()))),
        };
        // PyTorch does not compress, but archives that other tools have packed again may be compressed.
        let unpack_left = (content.len() as u64).saturating_mul(16).saturating_add(1 << 20);
        let mut archive = Self { content: content.clone(), zip, prefix, unpack_left };
        if archive.has("byteorder") && archive.member("byteorder")? != "little" {
            return Err(Error::data("its byte order is not little-endian, which is not supported"));
        }
        Ok(archive)
    }

    /// Returns the pickle that describes the tensors.
    pub(super) fn pickle(&mut self) -> Result<Bytes> {
        // Its size is checked before it is unpacked to memory.
        let index = self.zip.index_for_name(&format!("{}data.pkl", self.prefix));
        let size = index.and_then(|index| self.zip.by_index_data(index).ok().map(|entry| entry.size()));
        if let Some(size) = size.filter(|size| *size > LARGEST_PICKLE) {
            return Err(Error::data(format!(
                "its pickle would take {size} bytes, far more than a dict of tensors needs (at most {LARGEST_PICKLE})"
            ))
            .next("do not trust this file; if it is yours, save only the model's state_dict()"));
        }
        self.member("data.pkl")
    }

    /// Returns the bytes of the storage `key`.
    pub(super) fn storage(&mut self, key: &str, declared: PickleStorage) -> Result<Bytes> {
        let bytes = self.member(&format!("data/{key}"))?;
        if declared.count.checked_mul(declared.dtype.size()) != Some(bytes.len()) {
            return Err(damage_error(format!(
                "storage {key:?} should have {} elements of {:?}, but its member has {} bytes",
                declared.count,
                declared.dtype,
                bytes.len()
            )));
        }
        Ok(bytes)
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{}{name}", self.prefix)).is_some()
    }

    /// Returns the bytes of a member after verifying its checksum. A stored member is not copied.
    pub(super) fn member(&mut self, name: &str) -> Result<Bytes> {
        let full = format!("{}{name}", self.prefix);
        let missing = || damage_error(format!("the zip archive has no member {full:?}"));
        let index = self.zip.index_for_name(&full).ok_or_else(missing)?;
        let wrong = |e: &dyn std::fmt::Display| damage_error(format!("the zip member {full:?} is damaged")).because(e);
        let mut member = self.zip.by_index(index).map_err(|e| wrong(&e))?;
        match member.compression() {
            CompressionMethod::Stored => {
                let size = usize::try_from(member.size()).map_err(|e| wrong(&e))?;
                let start = member.data_start().and_then(|start| usize::try_from(start).ok());
                let range = start.and_then(|start| Some(start..start.checked_add(size)?));
                let range = range.filter(|range| range.end <= self.content.len());
                let range = range.ok_or_else(|| wrong(&"it reaches past the end of the file"))?;
                let read = std::io::copy(&mut member, &mut std::io::sink()).map_err(|e| wrong(&e))?;
                if read != size as u64 {
                    return Err(wrong(&format!("it has {read} bytes instead of {size}")));
                }
                Ok(self.content.slice(range))
            }
            CompressionMethod::Deflated => {
                let size = member.size();
                self.unpack_left = self.unpack_left.checked_sub(size).ok_or_else(|| {
                    wrong(&format!("it would unpack to {size} bytes, far more than expected for a file of this size"))
                })?;
                let mut bytes = Vec::new();
                member.by_ref().take(size + 1).read_to_end(&mut bytes).map_err(|e| wrong(&e))?;
                if bytes.len() as u64 != size {
                    return Err(wrong(&format!("it does not unpack to {size} bytes")));
                }
                Ok(bytes.into())
            }
            other => Err(wrong(&format!("its compression ({other}) is not supported"))),
        }
    }
}

/// Checks the records at the end of the archive before the directory is read into memory.
fn check_end(content: &Bytes) -> Result<()> {
    let directory = zip_end::find(&content[..], content.len() as u64).map_err(|bad| match bad {
        ZipEndError::Missing => damage_error("its zip directory is missing: the file is cut short"),
        ZipEndError::Wrong(why) => damage_error(format!("its zip directory is wrong: {why}")),
        ZipEndError::Io(error) => damage_error("its zip directory cannot be read").because(error),
    })?;
    if directory.entries > MOST_MEMBERS {
        return Err(Error::data(format!(
            "it is a zip archive of {} members, more than {MOST_MEMBERS}; a checkpoint has one for each tensor",
            directory.entries
        ))
        .next("do not trust this file"));
    }
    Ok(())
}

/// Checks that no members share bytes or a name: reading them all would take far longer than the size of the file suggests.
fn check_members(zip: &mut ZipArchive<Cursor<Bytes>>) -> Result<()> {
    let suspicious =
        |what: String| Error::data(what).next("do not trust this file: torch.save does not write such archives");
    if zip.has_duplicate_names() {
        return Err(suspicious("two members of the zip archive have the same name".into()));
    }
    let mut ranges = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let wrong = |e: &dyn std::fmt::Display| damage_error("a member of the zip archive is damaged").because(e);
        let member = zip.by_index_raw(index).map_err(|e| wrong(&e))?;
        let start = member.data_start().ok_or_else(|| wrong(&"its offset is missing"))?;
        let end = start.checked_add(member.compressed_size()).ok_or_else(|| wrong(&"its size is too large"))?;
        ranges.push((member.header_start(), end, index));
    }
    ranges.sort_unstable();
    let name = |index: usize| zip.name_for_index(index).and_then(Result::ok).unwrap_or_default().into_owned();
    if let Some((a, b)) = ranges.iter().zip(ranges.iter().skip(1)).find(|((_, end, _), (start, ..))| end > start) {
        return Err(suspicious(format!("members of the zip archive overlap: {:?} and {:?}", name(a.2), name(b.2))));
    }
    match ranges.last() {
        Some((_, end, last)) if *end > zip.central_directory_start() => {
            Err(suspicious(format!("the member {:?} reaches into the directory of the zip archive", name(*last))))
        }
        _ => Ok(()),
    }
}
