//! Reads rows of a file in any order from several threads. The start of each row is found without reading the rows.
//!
//! All rows of one extractor have the same length apart from the id and the image's sides, so the end of a row can be
//! predicted from the previous one. A row that ends elsewhere is read and checked at once; all others when they are
//! requested.

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parse::{ColumnDamage, whole_number};
use super::reader::{row_error, row_of_line};
use crate::features::MAX_ROW_BYTES;
use crate::features::error::{Column, RowDamage, TsvLayout};
use crate::features::foreign_format;
use crate::features::row::{Row, check_id};
use crate::features::row_error::TsvError;
use base::error::Error;
use base::files::{self, text};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// Enough for the longest id and both sides of an image.
const HEAD: usize = 1280;
/// Bytes read at a time to search for a row's end.
const STEP: usize = 1 << 20;

/// Where the rows of a file are. Memory grows with the ids only.
pub struct TsvIndex {
    file: File,
    path: PathBuf,
    bytes: u64,
    /// The first row's.
    layout: TsvLayout,
    entries: Vec<Entry>,
    by_id: HashMap<Arc<str>, usize>,
}

struct Entry {
    id: Arc<str>,
    offset: u64,
    /// Without the line feed.
    bytes: usize,
    line: u64,
}

impl TsvIndex {
    /// Finds the rows of a file. Numbers of boxes may differ from row to row.
    ///
    /// # Errors
    /// The first row that is damaged as far as can be seen from its ends, or that has the id of an earlier one;
    /// [`TsvError::Io`] if the file cannot be read.
    pub fn build(path: &Path, progress: &dyn Observer) -> Result<Self, TsvError> {
        let file = files::open_regular(path).map_err(TsvError::Io)?;
        let data = file.metadata().map_err(|error| TsvError::io("read", path, &error))?;
        let (path_of, bytes, layout) = (path.to_owned(), data.len(), TsvLayout::Ten);
        let index = Self { file, path: path_of, bytes, layout, entries: Vec::new(), by_id: HashMap::new() };
        let name = format!("looking through {}", path.display());
        let task = ProgressTask::begin(progress, TaskStart::new(name, index.bytes, Unit::Bytes));
        index.walk(&task)
    }

    fn walk(mut self, task: &ProgressTask<'_>) -> Result<Self, TsvError> {
        let mut rest = None;
        let (mut head, mut text, mut row) = (Vec::new(), Vec::new(), Row::default());
        let (mut offset, mut line) = (self.look_at_start(&mut head)?, 1);
        while offset < self.bytes {
            self.read_some(offset, HEAD, &mut head)?;
            let blank = if head.starts_with(b"\r\n") { 2 } else { u64::from(head.starts_with(b"\n")) };
            if blank > 0 {
                (offset, line) = (offset + blank, line + 1);
                continue;
            }
            let front = front(&head);
            let expected = front.and_then(|(_, bytes)| Some(bytes + rest?));
            let bytes = match expected {
                Some(bytes) if self.ends_at(offset + bytes as u64)? => bytes,
                _ => {
                    self.search_end(offset, line, &mut text)?;
                    if self.entries.is_empty() {
                        self.layout = foreign_format::layout_of_first_line(&text);
                    }
                    self.check(&text, offset, line, self.entries.len(), &mut row)?;
                    text.len()
                }
            };
            rest = front.map(|(_, front)| bytes - front);
            let id: Arc<str> = front.map_or(row.img_id.as_str(), |(id, _)| id).into();
            if let Some(&first) = self.by_id.get(&id) {
                let damage = RowDamage::Duplicate { first_line: self.entries[first].line };
                return Err(row_error(&self.path, line, &head, (Some(Column::ImgId), damage)));
            }
            self.by_id.insert(Arc::clone(&id), self.entries.len());
            self.entries.push(Entry { id, offset, bytes, line });
            let next = offset + bytes as u64 + 1;
            task.advance(next.min(self.bytes) - offset);
            (offset, line) = (next, line + 1);
        }
        Ok(self)
    }

    /// Tells files of other kinds; the length of a byte order mark, which is left out.
    fn look_at_start(&self, head: &mut Vec<u8>) -> Result<u64, TsvError> {
        self.read_some(0, foreign_format::START, head)?;
        let mark = head.len() - text::strip_bom(head).len();
        match foreign_format::of_content(&head[mark..]) {
            Some(foreign) => Err(row_error(&self.path, 1, b"", (None, RowDamage::OtherKind(foreign)))),
            None => Ok(mark as u64),
        }
    }

    /// Returns whether a line ends at this offset, with a line feed or with the file.
    fn ends_at(&self, offset: u64) -> Result<bool, TsvError> {
        let mut byte = [0];
        let read = self.file.read_at(&mut byte, offset).map_err(|error| TsvError::io("read", &self.path, &error))?;
        Ok(offset == self.bytes || (read == 1 && byte == *b"\n"))
    }

    /// Reads a line of unknown length without its line feed.
    fn search_end(&self, offset: u64, line: u64, text: &mut Vec<u8>) -> Result<(), TsvError> {
        text.clear();
        let mut step = Vec::new();
        loop {
            self.read_some(offset + text.len() as u64, STEP, &mut step)?;
            let stop = memchr::memchr(b'\n', &step);
            text.extend_from_slice(&step[..stop.unwrap_or(step.len())]);
            if text.len() > MAX_ROW_BYTES {
                return Err(row_error(&self.path, line, text, (None, RowDamage::TooLong { limit: MAX_ROW_BYTES })));
            }
            if stop.is_some() || step.is_empty() {
                return Ok(());
            }
        }
    }

    fn read_some(&self, offset: u64, most: usize, out: &mut Vec<u8>) -> Result<(), TsvError> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        out.resize(most.min(left), 0);
        self.file.read_exact_at(out, offset).map_err(|error| self.cut_short(&error))
    }

    fn cut_short(&self, error: &std::io::Error) -> TsvError {
        if error.kind() == ErrorKind::UnexpectedEof {
            let error = Error::data(format!("{} became shorter while it was read", self.path.display()));
            return TsvError::Io(error.next("wait until whatever writes it has ended"));
        }
        TsvError::io("read", &self.path, error)
    }

    fn check(&self, text: &[u8], offset: u64, line: u64, at: usize, row: &mut Row) -> Result<(), TsvError> {
        let previous = at.checked_sub(1).map(|before| &*self.entries[before].id);
        let ended = offset + (text.len() as u64) < self.bytes;
        if at == 0
            && self.layout == TsvLayout::Ten
            && let Some(foreign) = foreign_format::of_first_line(text).filter(|_| ended)
        {
            return Err(row_error(&self.path, line, text, (None, RowDamage::OtherKind(foreign))));
        }
        row_of_line(text, self.layout, previous, ended, row)
            .and_then(|()| row.check_values().map_err(|(column, damage)| -> ColumnDamage { (Some(column), damage) }))
            .map_err(|bad| row_error(&self.path, line, text, bad))
    }

    /// Reads and checks the row at a place of [`Self::ids`]; `text` is a buffer to be re-used.
    ///
    /// # Errors
    /// A damaged row with its place, or a file that cannot be read.
    pub fn read(&self, at: usize, text: &mut Vec<u8>, row: &mut Row) -> Result<(), TsvError> {
        let entry = &self.entries[at];
        text.resize(entry.bytes, 0);
        self.file.read_exact_at(text, entry.offset).map_err(|error| self.cut_short(&error))?;
        self.check(text, entry.offset, entry.line, at, row)
    }

    /// Returns the rows' columns.
    pub fn layout(&self) -> TsvLayout {
        self.layout
    }

    /// Returns the image ids in the file's order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.id)
    }

    /// Returns the image id of a row.
    pub fn id(&self, at: usize) -> &str {
        &self.entries[at].id
    }

    /// Returns the row number of an image.
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Returns the bytes of a row as text.
    pub fn row_bytes(&self, at: usize) -> u64 {
        self.entries[at].bytes as u64 + 1
    }

    /// Returns the size of the file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Returns the id and the bytes of the first three columns with their tabs, if they are valid.
fn front(head: &[u8]) -> Option<(&str, usize)> {
    let mut from = 0;
    let mut field = || {
        let stop = memchr::memchr2(b'\t', b'\n', &head[from..]).filter(|stop| head[from + stop] == b'\t')?;
        let field = &head[from..from + stop];
        from += stop + 1;
        Some(field)
    };
    let id = check_id(field()?).ok()?;
    whole_number(field()?).ok()?;
    whole_number(field()?).ok()?;
    Some((id, from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::testing::{file, row, row_of, text};
    use crate::features::tsv::TsvReader;
    use base::progress::Silent;

    fn index(bytes: &[u8]) -> Result<TsvIndex, TsvError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_obj36.tsv");
        std::fs::write(&path, bytes).unwrap();
        TsvIndex::build(&path, &Silent)
    }

    #[test]
    fn every_row_in_any_order() {
        let varied = [text(&[row_of(0, 2, 3)]), text(&[row_of(1, 4, 3)]), text(&[row_of(2, 1, 3)])].concat();
        let mut blank = file(3);
        blank.splice(0..0, *b"\r\n\n");
        let mut unended = file(3);
        unended.truncate(unended.len() - 2);
        for (bytes, expected) in [
            (file(3), [row(0), row(1), row(2)]),
            (blank, [row(0), row(1), row(2)]),
            (unended, [row(0), row(1), row(2)]),
            (varied, [row_of(0, 2, 3), row_of(1, 4, 3), row_of(2, 1, 3)]),
        ] {
            let index = index(&bytes).unwrap();
            let (mut buffer, mut found) = (Vec::new(), Row::default());
            assert_eq!(index.ids().len(), 3);
            for at in [2, 0, 1] {
                index.read(at, &mut buffer, &mut found).unwrap();
                assert_eq!(found, expected[at]);
                assert_eq!(index.index_of(&found.img_id), Some(at));
            }
            assert_eq!(index.index_of("another"), None);
        }
    }

    /// The index and its rows report the same damage as the reader.
    #[test]
    fn damage_is_named_as_the_reader_names_it() {
        let good = file(4);
        let second = memchr::memchr(b'\n', &good).unwrap() + 1;
        let edited = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            edit(&mut bytes);
            bytes
        };
        let length = second;
        for bytes in [
            edited(&|bytes| bytes.truncate(bytes.len() - 20)),
            edited(&|bytes| drop(bytes.drain(second + length - 30..second + length))),
            edited(&|bytes| bytes[second + length - 20] = b'!'),
            edited(&|bytes| bytes[second + length - 20] = 0),
            edited(&|bytes| bytes[second + length - 20] = b'\t'),
            edited(&|bytes| bytes[second] = b'"'),
            edited(&|bytes| drop(bytes.splice(second..second, good[..second].to_vec()))),
            b"PK\x03\x04 and so on".to_vec(),
            b"<html>no</html>".to_vec(),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a_obj36.tsv");
            std::fs::write(&path, &bytes).unwrap();
            let mut reader = TsvReader::open(&path).unwrap();
            let mut row = Row::default();
            let expected = loop {
                match reader.read(&mut row) {
                    Ok(true) => {}
                    Ok(false) => panic!("the reader found nothing"),
                    Err(error) => break error.to_string(),
                }
            };
            let found = TsvIndex::build(&path, &Silent)
                .and_then(|index| (0..index.ids().len()).try_for_each(|at| index.read(at, &mut Vec::new(), &mut row)));
            assert_eq!(found.unwrap_err().to_string(), expected);
        }
    }
}
