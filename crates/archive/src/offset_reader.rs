//! Reads a file from an offset on, without moving a shared file position.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A reader of a file that starts at an offset. Several readers of the same file are independent.
pub(super) struct OffsetReader {
    pub file: Arc<File>,
    pub offset: u64,
}

impl Read for OffsetReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
