//! Aligned columns, the last of which wraps.

use std::fmt::Write;

use super::WIDTH;

/// Where the text of a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Columns of one width on a whole page; the last one takes what is left of the line and wraps at words.
pub(super) struct Table {
    sides: Vec<Side>,
    widths: Vec<usize>,
    indent: usize,
}

impl Table {
    /// Wide enough for all `rows`; `sides` are those of all columns but the last.
    pub(crate) fn new<'a>(indent: usize, sides: &[Side], rows: impl IntoIterator<Item = &'a Vec<String>>) -> Self {
        let mut widths = vec![0; sides.len()];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        Self { sides: sides.to_vec(), widths, indent }
    }

    /// Adds one row to `out`.
    pub(crate) fn row(&self, out: &mut String, cells: &[String]) {
        let mut line = " ".repeat(self.indent);
        for ((side, width), cell) in self.sides.iter().zip(&self.widths).zip(cells) {
            let _ = match side {
                Side::Left => write!(line, "{cell:<width$}  "),
                Side::Right => write!(line, "{cell:>width$}  "),
            };
        }
        let indent = line.chars().count();
        let last = cells.get(self.widths.len()).map_or("", String::as_str);
        for (index, text) in wrapped(last, WIDTH.saturating_sub(indent).max(20)).into_iter().enumerate() {
            match index {
                0 => line.push_str(&text),
                _ => {
                    let _ = write!(line, "\n{}{text}", " ".repeat(indent));
                }
            }
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// Adds a paragraph to `out`: the first line after `first`, the others below it.
pub fn paragraph(out: &mut String, first: &str, text: &str) {
    let indent = first.chars().count();
    for (index, line) in wrapped(text, WIDTH.saturating_sub(indent)).into_iter().enumerate() {
        let head = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
        let _ = writeln!(out, "{}", format!("{head}{line}").trim_end());
    }
}

/// Lines of at most `width` characters, broken between words; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
