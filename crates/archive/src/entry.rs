//! What is known of a member before anything is unpacked, and why an archive is refused.

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below the archive's root, with `/` between its parts.
    pub(super) name: String,
    pub(super) folder: bool,
    /// Bytes, unpacked.
    pub(super) size: u64,
    /// Where its bytes begin: in the file or, of a tarball, in what that unpacks to.
    pub(super) start: u64,
    pub(super) packing: Packing,
    pub(super) crc: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    /// Into so many bytes.
    Deflated {
        bytes: u64,
    },
    /// As part of a stream.
    Taped,
}

/// Why an archive is not taken.
#[derive(Debug)]
pub(super) enum Bad {
    CutShort,
    Wrong(String),
    Io(std::io::Error),
}
