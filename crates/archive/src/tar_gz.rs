//! Reads tar archives compressed with gzip. They have no directory: opening one reads it once to its end. This checks gzip's
//! checksum and every header, so that the same rules hold as for zip archives before anything is unpacked.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::entry::{ArchiveError, Compression, Entry};
use super::names;
use super::offset_reader::OffsetReader;

/// Magic number of gzip.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
const MOST_ENTRIES: usize = 1 << 20;
/// Longest pax header that is accepted, in bytes.
const LONGEST_NOTE: u64 = 64 << 10;

/// Reads and checks the members of an archive.
pub(super) fn entries(file: &Arc<File>) -> Result<Vec<Entry>, ArchiveError> {
    let mut stream = MultiGzDecoder::new(OffsetReader { file: file.clone(), offset: 0 });
    let mut entries = Vec::new();
    let mut tar = tar::Archive::new(&mut stream);
    for member in tar.entries().map_err(from_io)?.raw(true) {
        let mut member = member.map_err(from_io)?;
        if entries.len() >= MOST_ENTRIES {
            return Err(ArchiveError::Wrong("it has too many members".into()));
        }
        let folder = match member.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => false,
            EntryType::Directory => true,
            EntryType::XHeader | EntryType::XGlobalHeader => {
                check_note(&mut member)?;
                continue;
            }
            other => {
                return Err(ArchiveError::Wrong(format!(
                    "it holds a member of a kind that is not unpacked: {other:?}"
                )));
            }
        };
        let raw = member.path_bytes();
        // `tar` of the current folder writes the folder itself and puts `./` before all names.
        let raw = raw.strip_prefix(b"./").unwrap_or(&raw);
        if folder && matches!(raw, b"" | b".") {
            continue;
        }
        let (name, _) = names::check(raw).map_err(ArchiveError::Wrong)?;
        let (name, size, start) = (name.to_owned(), member.size(), member.raw_file_position());
        if folder && size > 0 {
            return Err(ArchiveError::Wrong(format!("the folder {name:?} has content")));
        }
        entries.push(Entry { name, folder, size, start, packing: Compression::TarStream, crc: None });
    }
    io::copy(&mut stream, &mut io::sink()).map_err(from_io)?;
    names::check_together(&entries).map_err(ArchiveError::Wrong)?;
    Ok(entries)
}

/// Checks a pax header: it may set times, but no name or size that differs from the member's own header.
fn check_note(note: &mut impl Read) -> Result<(), ArchiveError> {
    let mut text = Vec::new();
    note.take(LONGEST_NOTE + 1).read_to_end(&mut text).map_err(from_io)?;
    let says = |key: &[u8]| memchr::memmem::find(&text, key).is_some();
    if text.len() as u64 > LONGEST_NOTE
        || [&b" path="[..], b" linkpath=", b" size=", b" GNU.sparse"].iter().any(|key| says(key))
    {
        return Err(ArchiveError::Wrong("it uses an extension of the format (pax) that is not supported".into()));
    }
    Ok(())
}

fn from_io(error: io::Error) -> ArchiveError {
    match error.kind() {
        ErrorKind::UnexpectedEof => ArchiveError::CutShort,
        _ if error.raw_os_error().is_some() => ArchiveError::Io(error),
        _ => ArchiveError::Wrong(error.to_string()),
    }
}

/// The unpacked archive from an offset on.
pub(super) struct TarStream(MultiGzDecoder<OffsetReader>);

impl TarStream {
    pub(super) fn open_at(packed: OffsetReader, offset: u64) -> io::Result<Self> {
        let mut stream = MultiGzDecoder::new(packed);
        let skipped = io::copy(&mut (&mut stream).take(offset), &mut io::sink())?;
        if skipped < offset {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Self(stream))
    }
}

impl Read for TarStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
