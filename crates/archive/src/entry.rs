//! Archive entries as they are known before unpacking, and the reasons to reject an archive.

/// A file or folder in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Path below the archive's root, with `/` between its parts.
    pub(super) name: String,
    pub(super) folder: bool,
    /// Bytes, unpacked.
    pub(super) size: u64,
    /// Offset of its bytes: in the file or, in a tarball, in the unpacked stream.
    pub(super) start: u64,
    pub(super) packing: Compression,
    pub(super) crc: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Stored,
    /// Into so many bytes.
    Deflated {
        bytes: u64,
    },
    /// As part of a stream.
    TarStream,
}

/// Why an archive is not taken.
#[derive(Debug)]
pub(super) enum ArchiveError {
    CutShort,
    Wrong(String),
    Io(std::io::Error),
}
