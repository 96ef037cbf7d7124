//! Reads lines of a file of any size into one buffer, which grows up to the longest line allowed.

use std::io::{ErrorKind, Read, Result};

const FIRST_CAPACITY: usize = 1 << 20;

/// Result of [`LineReader::next`]; the text is then in [`LineReader::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineStatus {
    /// A line; `ended` unless the file ends without a line feed.
    Line { ended: bool },
    /// A line beyond the limit, skipped.
    TooLong,
    /// The end of the file.
    End,
}

pub(super) struct LineReader<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    text: std::ops::Range<usize>,
    at_eof: bool,
    limit: usize,
    consumed: u64,
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(source: R, limit: usize) -> Self {
        let buffer = vec![0; FIRST_CAPACITY.min(limit)];
        Self { source, buffer, start: 0, end: 0, text: 0..0, at_eof: false, limit, consumed: 0 }
    }

    /// Returns the last line, without its line feed.
    pub(super) fn text(&self) -> &[u8] {
        &self.buffer[self.text.clone()]
    }

    /// Returns the bytes of the file up to the end of the last line.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Returns the next bytes of the file without consuming them, at most `count`; fewer only at its end.
    pub(super) fn peek(&mut self, bytes: usize) -> Result<&[u8]> {
        while self.end - self.start < bytes && !self.at_eof && self.end < self.buffer.len() {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + bytes)])
    }

    /// Leaves out bytes that [`Self::peek`] has shown.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.consumed += bytes as u64;
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.source
    }

    pub(super) fn next(&mut self) -> Result<LineStatus> {
        let mut scanned = self.start;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[scanned..self.end]) {
                self.take(scanned + found, 1);
                return Ok(LineStatus::Line { ended: true });
            }
            if self.at_eof {
                let left = self.end > self.start;
                self.take(self.end, 0);
                return Ok(if left { LineStatus::Line { ended: false } } else { LineStatus::End });
            }
            if self.end == self.buffer.len() && self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            scanned = self.end;
            if self.end == self.buffer.len() {
                if self.buffer.len() >= self.limit {
                    return self.skip_line();
                }
                self.buffer.resize((self.buffer.len() * 2).min(self.limit), 0);
            }
            self.fill()?;
        }
    }

    fn take(&mut self, stop: usize, line_feed: usize) {
        self.text = self.start..stop;
        self.consumed += (stop + line_feed - self.start) as u64;
        self.start = stop + line_feed;
    }

    fn fill(&mut self) -> Result<()> {
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    self.at_eof = read == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn skip_line(&mut self) -> Result<LineStatus> {
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                self.take(self.start + found, 1);
                break;
            }
            self.take(self.end, 0);
            if self.at_eof {
                break;
            }
            (self.start, self.end) = (0, 0);
            self.fill()?;
        }
        self.text = 0..0;
        Ok(LineStatus::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_up_to_the_limit() {
        let long = "x".repeat(3000);
        let text = format!("a\n\n{long}\nb\r\n{}\nc", "y".repeat(5000));
        let mut lines = LineReader::new(text.as_bytes(), 4096);
        let mut seen = Vec::new();
        loop {
            let found = lines.next().unwrap();
            if found == LineStatus::End {
                break;
            }
            seen.push((found, lines.text().len(), lines.consumed()));
        }
        let line = |ended| LineStatus::Line { ended };
        assert_eq!(
            seen,
            [
                (line(true), 1, 2),
                (line(true), 0, 3),
                (line(true), 3000, 3004),
                (line(true), 2, 3007),
                (LineStatus::TooLong, 0, 8008),
                (line(false), 1, 8009)
            ]
        );
        assert!(lines.buffer.len() <= 4096);
    }
}
