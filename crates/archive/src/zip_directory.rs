//! Reads the directory of a zip archive and checks it as a whole before anything is unpacked.
//!
//! The zip crate compares the directory with the header before each member (name, sizes, checksum, method) and rejects members
//! that overlap or reach into the directory. This module also rejects what is never unpacked (links, devices, encryption,
//! other methods) and impossible sizes, and limits what is read into memory.

use std::fs::File;
use std::io::{BufReader, ErrorKind};

use zip::read::{ArchiveOffset, Config, ZipFileEntry};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::entry::{ArchiveError, Compression, Entry};
use super::names;
use super::zip_end::{self, ZipEndError};

/// Deflate expands two bits to at most 258 bytes.
const LARGEST_RATIO: u64 = 1032;
/// Most reads are of one member's header; a larger buffer would read too much.
const BUFFER: usize = 4 << 10;
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
/// `zip` marks content that it read from a pipe like this; it is an ordinary member.
const PIPE: u32 = 0o010_000;

/// Reads and checks the members of an archive of `size` bytes.
pub(super) fn entries(file: &File, size: u64) -> Result<Vec<Entry>, ArchiveError> {
    let directory = zip_end::find(file, size).map_err(|bad| match bad {
        ZipEndError::Missing => ArchiveError::CutShort,
        ZipEndError::Wrong(why) => ArchiveError::Wrong(why),
        ZipEndError::Io(error) => ArchiveError::Io(error),
    })?;
    // Offsets count from the file's first byte; otherwise the crate would guess what lies before the archive.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = ZipArchive::with_config(config, BufReader::with_capacity(BUFFER, file)).map_err(from_zip)?;
    if zip.has_duplicate_names() {
        return Err(ArchiveError::Wrong("two of its members have the same name".into()));
    }
    if zip.len() as u64 != directory.entries || zip.central_directory_start() != directory.start || zip.offset() != 0 {
        return Err(ArchiveError::Wrong("its directory does not hold what its end record says".into()));
    }
    zip.validate_header_consistency().map_err(from_zip)?;
    let mut entries = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let data_start = zip.by_index_raw(index).map_err(from_zip)?.data_start();
        let start = data_start.ok_or_else(|| ArchiveError::Wrong("a member has no place".into()))?;
        entries.push(entry(&zip.by_index_data(index).map_err(from_zip)?, start).map_err(ArchiveError::Wrong)?);
    }
    names::check_together(&entries).map_err(ArchiveError::Wrong)?;
    Ok(entries)
}

fn entry(entry: &ZipFileEntry<'_>, start: u64) -> Result<Entry, String> {
    let (name, folder) = names::check(entry.name_raw())?;
    let refused = |why: String| Err(format!("the member {name:?} is refused: {why}"));
    if entry.encrypted() {
        return refused("it is encrypted".into());
    }
    // Whatever system the entry says it comes from: unpackers differ in whether they look at that.
    match entry.external_attributes() >> 16 & FILE_TYPE {
        0 => {}
        REGULAR | PIPE if !folder => {}
        FOLDER if folder => {}
        _ => return refused("it is a link, a device, or not what its name says".into()),
    }
    let (size, bytes) = (entry.size(), entry.compressed_size());
    let packing = match entry.compression() {
        CompressionMethod::Stored if size != bytes => {
            return refused(format!("{bytes} bytes stored as they are cannot be {size}"));
        }
        CompressionMethod::Stored => Compression::Stored,
        CompressionMethod::Deflated if bytes.saturating_mul(LARGEST_RATIO) < size => {
            return refused(format!("{bytes} bytes cannot unpack to {size}"));
        }
        CompressionMethod::Deflated => Compression::Deflated { bytes },
        other => return refused(format!("its compression method {other} is not supported")),
    };
    if folder && size > 0 {
        return refused("it is a folder with content".into());
    }
    Ok(Entry { name: name.to_owned(), folder, size, start, packing, crc: Some(entry.crc32()) })
}

fn from_zip(error: ZipError) -> ArchiveError {
    match error {
        // Such are offsets that no file reaches.
        ZipError::Io(error) if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidInput) => {
            ArchiveError::Io(error)
        }
        other => ArchiveError::Wrong(other.to_string()),
    }
}
