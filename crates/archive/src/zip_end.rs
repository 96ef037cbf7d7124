//! Finds the directory of a zip archive from the records at its end. This runs before the zip crate and is stricter: the crate
//! also accepts bytes before or behind an archive, but here an archive must fill its file.

use std::fs::File;
use std::io::{Error, ErrorKind, Result as IoResult};
use std::os::unix::fs::FileExt;

/// Entries, at most. The largest published archive has fewer than 150,000.
const MOST_ENTRIES: u64 = 1 << 20;
/// Bytes of the directory, at most: it is held in memory.
const LARGEST_DIRECTORY: u64 = 256 << 20;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END64: [u8; 4] = *b"PK\x06\x06";
const END64_BYTES: u64 = 56;
const LONGEST_COMMENT: u64 = 0xffff;
/// An entry of the directory without its name.
const ENTRY_BYTES: u64 = 46;

/// An archive: a file, or bytes in memory.
pub trait ReadAt {
    /// The bytes of an archive: a file, or a slice of memory.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> IoResult<()>;
}

impl ReadAt for File {
    fn fill(&self, buffer: &mut [u8], offset: u64) -> IoResult<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn fill(&self, buffer: &mut [u8], offset: u64) -> IoResult<()> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(buffer.len())?));
        let bytes = range.and_then(|range| self.get(range)).ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// Where the directory is and how much it claims to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CentralDirectory {
    /// Number of entries.
    pub entries: u64,
    /// Offset of the first entry.
    pub start: u64,
}

/// Why the end of a file is not that of a zip archive.
#[derive(Debug)]
pub enum ZipEndError {
    /// The end is missing: the archive is cut short.
    Missing,
    /// A record contradicts itself or the file, or declares too much.
    Wrong(String),
    /// The file cannot be read.
    Io(Error),
}

impl From<Error> for ZipEndError {
    fn from(error: Error) -> Self {
        Self::Io(error)
    }
}

/// Finds the directory of an archive of `size` bytes.
pub fn find<A: ReadAt + ?Sized>(file: &A, size: u64) -> Result<CentralDirectory, ZipEndError> {
    let wrong = |why: &str| Err(ZipEndError::Wrong(why.to_owned()));
    let tail_bytes = size.min(END_BYTES as u64 + LONGEST_COMMENT);
    let tail_start = size - tail_bytes;
    let mut tail = vec![0; tail_bytes as usize];
    file.fill(&mut tail, tail_start)?;
    let last = memchr::memmem::rfind_iter(&tail, &END).find(|at| at + END_BYTES <= tail.len());
    let Some(at) = last else { return Err(ZipEndError::Missing) };
    let (record, comment) = tail[at..].split_at(END_BYTES);
    if comment.len() != usize::from(u16_at(record, 20)) {
        return wrong("there are bytes behind its end record, or its comment is cut short");
    }
    let mut end = tail_start + at as u64;
    let narrow = EndRecord {
        disks: [u32::from(u16_at(record, 4)), u32::from(u16_at(record, 6))],
        entries: [u64::from(u16_at(record, 8)), u64::from(u16_at(record, 10))],
        size: u64::from(u32_at(record, 12)),
        start: u64::from(u32_at(record, 16)),
    };
    let mut claims = narrow;
    if let Some((wide, start)) = find_wide(file, end)? {
        if !narrow.is_short_for(&wide) {
            return wrong("its two end records contradict each other");
        }
        (claims, end) = (wide, start);
    }
    if claims.disks != [0, 0] || claims.entries[0] != claims.entries[1] {
        return wrong("it is one part of several");
    }
    let [entries, _] = claims.entries;
    if claims.start.checked_add(claims.size) != Some(end) {
        return wrong("its directory does not lie where its end record says: bytes are missing or were added");
    }
    if entries > MOST_ENTRIES || claims.size > LARGEST_DIRECTORY {
        return wrong(&format!(
            "it claims {entries} entries in a directory of {} bytes, which is too much",
            claims.size
        ));
    }
    if entries.checked_mul(ENTRY_BYTES).is_none_or(|least| least > claims.size) {
        return wrong(&format!("its directory of {} bytes cannot hold {entries} entries", claims.size));
    }
    Ok(CentralDirectory { entries, start: claims.start })
}

#[derive(Debug, Clone, Copy)]
struct EndRecord {
    disks: [u32; 2],
    entries: [u64; 2],
    size: u64,
    start: u64,
}

impl EndRecord {
    /// Returns whether each value equals the other's or is the marker for a value that did not fit.
    fn is_short_for(&self, wide: &Self) -> bool {
        let fits = |narrow: u64, wide: u64, all_ones: u64| narrow == wide || narrow == all_ones;
        (0..2).all(|at| fits(u64::from(self.disks[at]), u64::from(wide.disks[at]), 0xffff))
            && (0..2).all(|at| fits(self.entries[at], wide.entries[at], 0xffff))
            && fits(self.size, wide.size, 0xffff_ffff)
            && fits(self.start, wide.start, 0xffff_ffff)
    }
}

/// Returns the zip64 end record and its offset if a locator precedes the plain end record at `end`.
fn find_wide<A: ReadAt + ?Sized>(file: &A, end: u64) -> Result<Option<(EndRecord, u64)>, ZipEndError> {
    let wrong = |why: &str| Err(ZipEndError::Wrong(why.to_owned()));
    let Some(locator_start) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let mut locator = [0; LOCATOR_BYTES as usize];
    file.fill(&mut locator, locator_start)?;
    if locator[..4] != LOCATOR {
        return Ok(None);
    }
    let start = u64_at(&locator, 8);
    if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) != 1 {
        return wrong("it is one part of several");
    }
    if start.checked_add(END64_BYTES).is_none_or(|least| least > locator_start) {
        return wrong("its zip64 end record does not lie where it should");
    }
    let mut record = [0; END64_BYTES as usize];
    file.fill(&mut record, start)?;
    let stop = u64_at(&record, 4).checked_add(12).and_then(|bytes| bytes.checked_add(start));
    if record[..4] != END64 || stop != Some(locator_start) {
        return wrong("its zip64 end record is damaged");
    }
    let claims = EndRecord {
        disks: [u32_at(&record, 16), u32_at(&record, 20)],
        entries: [u64_at(&record, 24), u64_at(&record, 32)],
        size: u64_at(&record, 40),
        start: u64_at(&record, 48),
    };
    Ok(Some((claims, start)))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
