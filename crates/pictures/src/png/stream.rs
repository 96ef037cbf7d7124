//! Some parts of a file, read as if they were one.

use std::io::{BufRead, ErrorKind, Read, Result, Seek, SeekFrom};

/// Parts that are read one behind the other.
pub(super) struct Stream<'a, const N: usize> {
    parts: [&'a [u8]; N],
}

impl<'a, const N: usize> Stream<'a, N> {
    pub(super) fn new(parts: [&'a [u8]; N]) -> Self {
        Self { parts }
    }

    fn part(&mut self) -> Option<&mut &'a [u8]> {
        self.parts.iter_mut().find(|part| !part.is_empty())
    }
}

impl<const N: usize> Read for Stream<'_, N> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.part().map_or(Ok(0), |part| part.read(buffer))
    }
}

impl<const N: usize> BufRead for Stream<'_, N> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        Ok(self.part().map_or(&[], |part| *part))
    }

    fn consume(&mut self, amount: usize) {
        if let Some(part) = self.part() {
            part.consume(amount);
        }
    }
}

/// The crate `png` asks for it and never seeks.
impl<const N: usize> Seek for Stream<'_, N> {
    fn seek(&mut self, _: SeekFrom) -> Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }
}
