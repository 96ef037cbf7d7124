//! Diagnoses a row that does not parse.
//!
//! The extractor appends. If it is killed in the middle of a row and restarted, it writes the next row directly behind the
//! incomplete one: `ID1 <tab> … half of a column` + `ID2 <tab> H2 <tab> W2 <tab> …`. So a second image id stands at the end
//! of some column and two whole numbers, height and width, follow where they do not belong. Of bottom-up-attention's six
//! columns it is three: width, height and number of boxes.

use super::parse::{ColumnDamage, whole_number};
use crate::features::error::{RowDamage, TsvLayout};
use crate::features::foreign_format;

/// A glued row has at most 19 columns; more need not be looked at.
const LOOKED_AT: usize = 64;

/// Replaces the error of the parser by a more likely explanation, if the line has one. `previous` is the id of a good row
/// before; `ended`: the line had a line feed.
pub(super) fn explain(
    line: &[u8],
    layout: TsvLayout,
    previous: Option<&str>,
    ended: bool,
    bad: ColumnDamage,
) -> ColumnDamage {
    if let Some(foreign) = foreign_format::of_content(&line[..line.len().min(foreign_format::START)]) {
        return (None, RowDamage::OtherKind(foreign));
    }
    if let Some(offset) = memchr::memchr(0, line).filter(|&offset| line[offset..].iter().all(|&byte| byte == 0)) {
        return (None, RowDamage::ZeroBytes { offset });
    }
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').take(LOOKED_AT).collect();
    let number = |index: usize| fields.get(index).is_some_and(|field| whole_number(field).is_ok());
    if is_row_of(layout.other(), fields.len(), number) {
        return (None, RowDamage::OtherLayout { layout: layout.other() });
    }
    let sides = sides(layout);
    // A row's own numbers begin at 1. Where an id is a number itself, the last ones of a run are meant.
    let begins = |at: &usize| (*at..at + sides).all(number) && !number(at + sides);
    if let Some(second) = (2..fields.len()).find(begins) {
        let column = layout.columns().get(second - 1).copied();
        return (column, RowDamage::Glued { second: previous.and_then(|id| id_at_end(fields[second - 1], id)) });
    }
    if let (Some(column), RowDamage::Base64 { .. }) = &bad {
        let field = fields.get(layout.columns().iter().position(|c| c == column).unwrap_or(usize::MAX));
        if let Some(second) = field.zip(previous).and_then(|(field, id)| begun_id(field, id)) {
            return (bad.0, RowDamage::Glued { second: Some(second) });
        }
    }
    let cut = matches!(
        bad.1,
        RowDamage::Truncated { .. }
            | RowDamage::Base64Cut { .. }
            | RowDamage::WrongLength { .. }
            | RowDamage::Uneven { .. }
    );
    if !ended && cut {
        return (bad.0, RowDamage::Truncated { columns: fields.len(), of: layout.columns().len(), at_end: true });
    }
    bad
}

/// Number of whole numbers that follow the id.
fn sides(layout: TsvLayout) -> usize {
    match layout {
        TsvLayout::Ten => 2,
        TsvLayout::Six => 3,
    }
}

/// Returns whether a line has all columns of a layout, numbers where they belong and nowhere else in front.
fn is_row_of(layout: TsvLayout, columns: usize, number: impl Fn(usize) -> bool) -> bool {
    let sides = sides(layout);
    columns == layout.columns().len() && (1..=sides).all(&number) && !(sides + 1..=sides + 2).any(number)
}

/// Returns the second id inside an image id column such as `COCO_train2014_0000COCO_train2014_000000573195`.
pub(super) fn glued_id(id: &str, previous: &str) -> Option<String> {
    let wanted = shape(previous.as_bytes());
    if shape(id.as_bytes()) == wanted {
        return None;
    }
    let second = id_at_end(id.as_bytes(), previous)?;
    // What stands before must be the beginning of such an id, or this is only another kind of name.
    let first = shape(id.strip_suffix(second.as_str())?.as_bytes());
    (!first.is_empty() && wanted.starts_with(&first)).then_some(second)
}

/// Returns the longest end of `field` that is shaped like `previous`.
fn id_at_end(field: &[u8], previous: &str) -> Option<String> {
    let wanted = shape(previous.as_bytes());
    if !wanted.iter().any(u8::is_ascii_alphabetic) {
        return None;
    }
    let tail = &field[field.len().saturating_sub(2 * previous.len() + 16)..];
    (0..tail.len()).map(|from| &tail[from..]).find(|end| shape(end) == wanted).map(text)
}

/// Returns the beginning of an id with `previous`' first word, such as `COCO_`, inside base64, which has no `_` and no `-`.
fn begun_id(field: &[u8], previous: &str) -> Option<String> {
    let word = previous.as_bytes();
    let length = word.iter().position(|byte| !byte.is_ascii_alphabetic())? + 1;
    if length < 3 || word[length - 1].is_ascii_alphanumeric() {
        return None;
    }
    let from = memchr::memmem::find(field, &word[..length])?;
    Some(text(&field[from..field.len().min(from + 64)]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns an id with every run of digits replaced by one `0`.
fn shape(id: &[u8]) -> Vec<u8> {
    let mut shape = Vec::with_capacity(id.len());
    for &byte in id {
        let byte = if byte.is_ascii_digit() { b'0' } else { byte };
        if byte != b'0' || shape.last() != Some(&b'0') {
            shape.push(byte);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_second_id() {
        let coco = "COCO_train2014_000000132417";
        let second = |id, previous| glued_id(id, previous);
        assert_eq!(second("COCO_tCOCO_train2014_000000573195", coco).as_deref(), Some("COCO_train2014_000000573195"));
        assert_eq!(second("train-1train-22-0-img1", "train-10-3-img0").as_deref(), Some("train-22-0-img1"));
        assert_eq!(second("n12n345", "n67").as_deref(), Some("n345"));
        for (id, previous) in [
            (coco, coco),
            ("2345", "n67"),
            ("n345", "2345"),
            ("23456", "2345"),
            ("cat_cat_1", "dog"),
            ("flipped_n7", "n8"),
        ] {
            assert_eq!(second(id, previous), None, "{id} after {previous}");
        }
        assert_eq!(begun_id(b"AAAACOCO_tra", coco).as_deref(), Some("COCO_tra"));
    }
}
