//! Reads rows of a file one by one. Memory grows only with the ids seen.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::diagnose;
use super::lines::{LineReader, LineStatus};
use super::parse::{ColumnDamage, parse};
use crate::features::MAX_ROW_BYTES;
use crate::features::error::{Column, RowDamage, TsvLayout};
use crate::features::foreign_format;
use crate::features::row::{Row, check_id};
use crate::features::row_error::{RowError, TsvError};
use base::files::{self, text};

/// Whether the rows of a file have the same number of boxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BoxCounts {
    /// They have, as training needs it.
    #[default]
    Equal,
    /// They need not have, as in what `repro extract --boxes MIN..MAX` writes.
    Any,
}

/// A streaming reader. The layout, the number of boxes and the feature dimension are the first good row's.
pub struct TsvReader<R> {
    lines: LineReader<R>,
    file: PathBuf,
    line: u64,
    first_lines: HashMap<Box<str>, u64>,
    box_counts: BoxCounts,
    shape: Option<Shape>,
    layout: Option<TsvLayout>,
    previous: Option<String>,
    /// Whether the format of the file has been checked.
    known: bool,
    mark: usize,
}

#[derive(Clone, Copy)]
struct Shape {
    boxes: usize,
    dim: usize,
    line: u64,
}

impl TsvReader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`TsvError::Io`] if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TsvError> {
        Ok(Self::new(files::open_regular(path).map_err(TsvError::Io)?, path))
    }
}

impl<R: Read> TsvReader<R> {
    /// Reads from `source`; `file` names it in errors. Needs no buffering around it.
    pub fn new(source: R, file: &Path) -> Self {
        Self::with_limit(source, file, MAX_ROW_BYTES)
    }

    pub(super) fn with_limit(source: R, file: &Path, longest_row: usize) -> Self {
        Self {
            lines: LineReader::new(source, longest_row),
            file: file.to_owned(),
            line: 0,
            first_lines: HashMap::new(),
            shape: None,
            box_counts: BoxCounts::Equal,
            layout: None,
            previous: None,
            known: false,
            mark: 0,
        }
    }

    /// Accepts other numbers of boxes than equal ones, or no others.
    pub fn with_boxes(self, box_counts: BoxCounts) -> Self {
        Self { box_counts, ..self }
    }

    /// Reads the next row into `row`; false at the end of the file. After [`TsvError::Row`] the row's content is
    /// unspecified and the next call continues with the next line.
    ///
    /// # Errors
    /// A damaged row with its place, or a file that cannot be read.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, TsvError> {
        if self.consumed() == 0 {
            self.look_at_start()?;
        }
        loop {
            let found = self.lines.next().map_err(|error| TsvError::io("read", &self.file, &error))?;
            if found == LineStatus::End {
                return Ok(false);
            }
            self.line += 1;
            let ended = match found {
                LineStatus::Line { ended } => ended,
                _ => return Err(self.bad((None, RowDamage::TooLong { limit: MAX_ROW_BYTES }))),
            };
            let line = self.lines.text();
            if matches!(line, b"" | b"\r") {
                continue;
            }
            let layout = self.layout.unwrap_or_else(|| foreign_format::layout_of_first_line(line));
            if !std::mem::replace(&mut self.known, true)
                && layout == TsvLayout::Ten
                && let Some(foreign) = foreign_format::of_first_line(line).filter(|_| ended)
            {
                return Err(self.bad((None, RowDamage::OtherKind(foreign))));
            }
            if let Err(bad) = row_of_line(line, layout, self.previous.as_deref(), ended, row) {
                return Err(self.bad(bad));
            }
            return match self.admit(row) {
                Ok(()) => {
                    self.layout = Some(layout);
                    Ok(true)
                }
                Err((column, RowDamage::OtherDim { .. })) if !ended => {
                    let columns = layout.columns().len();
                    Err(self.bad((Some(column), RowDamage::Truncated { columns, of: columns, at_end: true })))
                }
                Err((column, damage)) => Err(self.bad((Some(column), damage))),
            };
        }
    }

    /// Strips a byte order mark and recognises files of other formats.
    fn look_at_start(&mut self) -> Result<(), TsvError> {
        let start = self.lines.peek(foreign_format::START).map_err(|error| TsvError::io("read", &self.file, &error))?;
        let mark = start.len() - text::strip_bom(start).len();
        if let Some(foreign) = foreign_format::of_content(&start[mark..]) {
            self.line = 1;
            return Err(row_error(&self.file, 1, b"", (None, RowDamage::OtherKind(foreign))));
        }
        self.mark = mark;
        self.lines.skip(mark);
        Ok(())
    }

    fn admit(&mut self, row: &Row) -> Result<(), (Column, RowDamage)> {
        let (boxes, dim) = (row.num_boxes, row.dim());
        if let Some(first) = self.shape {
            if boxes != first.boxes && self.box_counts == BoxCounts::Equal {
                let damage = RowDamage::OtherBoxes { boxes, first: first.boxes, first_line: first.line };
                return Err((Column::NumBoxes, damage));
            }
            if dim != first.dim {
                return Err((Column::Features, RowDamage::OtherDim { dim, first: first.dim, first_line: first.line }));
            }
        }
        row.check_values()?;
        if let Some(&first_line) = self.first_lines.get(row.img_id.as_str()) {
            return Err((Column::ImgId, RowDamage::Duplicate { first_line }));
        }
        self.first_lines.insert(row.img_id.as_str().into(), self.line);
        self.shape.get_or_insert(Shape { boxes, dim, line: self.line });
        let previous = self.previous.get_or_insert_default();
        previous.clear();
        previous.push_str(&row.img_id);
        Ok(())
    }

    fn bad(&self, bad: ColumnDamage) -> TsvError {
        row_error(&self.file, self.line, self.lines.text(), bad)
    }

    /// Returns the length of the byte order mark before the first row, usually 0.
    pub fn mark_bytes(&self) -> u64 {
        self.mark as u64
    }

    /// Returns the line of the row read last, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Returns the bytes of the file up to the end of the row read last.
    pub fn consumed(&self) -> u64 {
        self.lines.consumed()
    }

    /// Returns the underlying source.
    pub fn get_ref(&self) -> &R {
        self.lines.get_ref()
    }
}

/// Parses one line, without its line feed, into a row; values are not checked. `previous` is the id of the row before;
/// `ended`: the line had a line feed.
pub(super) fn row_of_line(
    line: &[u8],
    layout: TsvLayout,
    previous: Option<&str>,
    ended: bool,
    row: &mut Row,
) -> Result<(), ColumnDamage> {
    parse(line, layout, row).map_err(|bad| diagnose::explain(line, layout, previous, ended, bad))?;
    match previous.and_then(|previous| diagnose::glued_id(&row.img_id, previous)) {
        Some(second) => Err((Some(Column::ImgId), RowDamage::Glued { second: Some(second) })),
        None => Ok(()),
    }
}

/// Puts the place to a finding; `text` is the line or its beginning.
pub(super) fn row_error(file: &Path, line: u64, text: &[u8], (column, damage): ColumnDamage) -> TsvError {
    let first = &text[..memchr::memchr(b'\t', text).unwrap_or(0).min(1024)];
    let img_id = check_id(first).ok().map(str::to_owned);
    TsvError::Row(Box::new(RowError { file: file.to_owned(), line, img_id, column, damage }))
}
