//! Reads the content of one member, as a stream that ends without error only if size and checksum are as declared.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Take};
use std::sync::Arc;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::entry::{Compression, Entry};
use super::offset_reader::OffsetReader;
use super::tar_gz::TarStream;

/// Below 64 KiB inflating gets measurably slower.
const BUFFER: usize = 256 << 10;

/// A reader of one member. The last byte is delivered only after the checks, so a complete read is a correct one.
pub(super) struct Member {
    source: Source,
    /// The member and its archive, for errors.
    label: String,
    size: u64,
    left: u64,
    crc: Option<u32>,
    sum: Crc,
    checked: bool,
}

enum Source {
    Stored(Take<OffsetReader>),
    Deflated { stream: Box<DeflateDecoder<BufReader<Take<OffsetReader>>>>, bytes: u64 },
    TarStream(Box<TarStream>),
}

impl Member {
    pub(super) fn open(archive: &Arc<File>, entry: &Entry, label: String) -> io::Result<Self> {
        let at = OffsetReader { file: archive.clone(), offset: entry.start };
        let source = match entry.packing {
            Compression::Stored => Source::Stored(at.take(entry.size)),
            Compression::Deflated { bytes } => {
                let packed = BufReader::with_capacity(BUFFER, at.take(bytes));
                Source::Deflated { stream: Box::new(DeflateDecoder::new(packed)), bytes }
            }
            Compression::TarStream => Source::TarStream(Box::new(TarStream::open_at(
                OffsetReader { file: archive.clone(), offset: 0 },
                entry.start,
            )?)),
        };
        Ok(Self { source, label, size: entry.size, left: entry.size, crc: entry.crc, sum: Crc::new(), checked: false })
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, MemberError> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = if wanted == 0 { 0 } else { self.source.read(&mut buffer[..wanted])? };
        if read == 0 && self.left > 0 {
            return Err(MemberError::Content(format!(
                "it ends after {} of {} bytes",
                self.size - self.left,
                self.size
            )));
        }
        self.sum.update(&buffer[..read]);
        self.left -= read as u64;
        if self.left == 0 && !self.checked {
            self.check_end()?;
            self.checked = true;
        }
        Ok(read)
    }

    fn check_end(&mut self) -> Result<(), MemberError> {
        if let Source::Deflated { stream, bytes } = &mut self.source {
            if stream.read(&mut [0])? > 0 {
                return Err(MemberError::Content(format!("it has more than {} bytes", self.size)));
            }
            if stream.total_in() != *bytes {
                return Err(MemberError::Content(format!(
                    "{} of its {bytes} packed bytes are used",
                    stream.total_in()
                )));
            }
        }
        match self.crc {
            Some(crc) if crc != self.sum.sum() => {
                Err(MemberError::Content(format!("its CRC-32 is {:08x}, not {crc:08x}", self.sum.sum())))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Member {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_some(buffer).map_err(|wrong| match wrong {
            MemberError::Io(error) if error.raw_os_error().is_some() => error,
            MemberError::Io(error) => damaged(&self.label, &error),
            MemberError::Content(why) => damaged(&self.label, &why),
        })
    }
}

fn damaged(label: &str, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{label} is damaged: {why}"))
}

enum MemberError {
    Io(io::Error),
    Content(String),
}

impl From<io::Error> for MemberError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(source) => source.read(buffer),
            Self::Deflated { stream, .. } => stream.read(buffer),
            Self::TarStream(tape) => tape.read(buffer),
        }
    }
}
