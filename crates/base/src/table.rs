//! Tables and paragraphs for a terminal of [`WIDTH`] columns. Lines break between words only: a path, a name or an address stays whole
//! so that it can be copied.

use std::fmt::Write;

use crate::sanitize;

/// Columns of a page.
pub const WIDTH: usize = 80;
/// A last column with less room than this moves to lines of its own.
const NARROW: usize = 24;
/// Further indentation of such lines.
const BELOW: usize = 4;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

/// Aligned columns. The last one takes the rest of the line and wraps.
#[derive(Debug)]
pub struct Table {
    sides: Vec<Side>,
    widths: Vec<usize>,
    indent: usize,
}

impl Table {
    /// Returns a table that is wide enough for all `rows`; `sides` are those of all columns but the last.
    pub fn new<'a>(indent: usize, sides: &[Side], rows: impl IntoIterator<Item = &'a Vec<String>>) -> Self {
        let mut widths = vec![0; sides.len()];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        Self { sides: sides.to_vec(), widths, indent }
    }

    /// Adds one row to `out`.
    pub fn row(&self, out: &mut String, cells: &[String]) {
        let mut line = " ".repeat(self.indent);
        for ((side, width), cell) in self.sides.iter().zip(&self.widths).zip(cells) {
            let _ = match side {
                Side::Left => write!(line, "{cell:<width$}  "),
                Side::Right => write!(line, "{cell:>width$}  "),
            };
        }
        let last = cells.get(self.widths.len()).map_or("", String::as_str);
        let column = line.chars().count();
        // Decided for the whole table, not for a row: columns must not jump.
        if column + NARROW > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            if !last.is_empty() {
                paragraph(out, &" ".repeat(self.indent + BELOW), last);
            }
            return;
        }
        paragraph(out, &line, last);
    }
}

/// Returns aligned columns, a text per row: the first column at the left, the others at the right, one row below the other. Columns for
/// which [`WIDTH`] has no room follow in further blocks, each of which begins with the first column again.
pub fn blocks(indent: usize, rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let columns = rows.first().map_or(0, Vec::len);
    let cells = |column: usize| rows.iter().map(move |row| row.get(column).map_or("", String::as_str));
    let width = |column: usize| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let start: Vec<String> = cells(0).map(|cell| format!("{:indent$}{cell:<1$}", "", width(0))).collect();
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for column in 1..columns {
        let has_room = |block: &Vec<String>| {
            block.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 2 + width(column) <= WIDTH
        };
        if !blocks.last().is_some_and(has_room) {
            blocks.push(start.clone());
        }
        for (line, cell) in blocks.last_mut().into_iter().flatten().zip(cells(column)) {
            let _ = write!(line, "  {cell:>0$}", width(column));
        }
    }
    blocks
}

/// Adds a paragraph to `out`: the first line after `first`, the others below it. Each line is sanitized, since a word that is harmless
/// inside a line may begin one.
pub fn paragraph(out: &mut String, first: &str, text: &str) {
    let indent = first.chars().count();
    for (index, line) in wrapped(text, WIDTH.saturating_sub(indent)).into_iter().enumerate() {
        let head = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
        let _ = writeln!(out, "{}", sanitize::line(format!("{head}{line}").trim_end()));
    }
}

/// Returns lines of at most `width` characters, broken between words; a longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(rows: &[[&str; 3]]) -> String {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let (table, mut out) = (Table::new(2, &[Side::Left, Side::Right], &rows), String::new());
        rows.iter().for_each(|row| table.row(&mut out, row));
        out
    }

    #[test]
    fn lines_break_between_words_only() {
        let long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        let text = printed(&[
            ["name", "7", long],
            ["n", "1000", "workspace/data/mscoco_imgfeat/train2014_obj36.tsv/and/a/path/that/is/longer"],
        ]);
        assert!(text.starts_with("  name     7  one two"), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(long.split(' ').all(|word| words.contains(&word)), "{text}");
        assert!(text.lines().filter(|line| !line.contains('/')).all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("\n  n     1000  workspace/data/"), "a long word stays whole, beside its row: {text}");
    }

    #[test]
    fn a_word_that_begins_a_line_steers_nothing() {
        let mut out = String::new();
        paragraph(&mut out, "  ", &format!("{} ::error::forged", "a".repeat(70)));
        assert_eq!(out.lines().nth(1), Some("  \\::error::forged"));
    }

    #[test]
    fn columns_without_room_follow_below() {
        let row = |name: &str, text: &str| [name, text, text, text].map(str::to_owned).to_vec();
        let wide = "thirty-characters-of-a-column.";
        let blocks = blocks(1, &[row("task", wide), row("vqa", "7")]);
        let line = |cells: &str, count: usize| cells.repeat(count);
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            blocks[0],
            [format!(" task{}", line(&format!("  {wide}"), 2)), format!(" vqa {}", line(&format!("  {:>30}", 7), 2))]
        );
        assert_eq!(blocks[1], [format!(" task  {wide}"), format!(" vqa   {:>30}", 7)]);
    }

    #[test]
    fn a_last_column_without_room_has_lines_of_its_own() {
        let wide = "a-name-of-more-than-fifty-characters-in-the-first-column";
        assert_eq!(
            printed(&[[wide, "1", "what it is"], ["b", "2", ""]]),
            format!("  {wide}  1\n      what it is\n  {:<1$}  2\n", "b", wide.len())
        );
    }
}
