//! Parses a line into a row, in either layout.

use super::diagnose;
use super::parse;

use super::super::error::{Column, RowDamage, TsvLayout};
use super::super::row::Row;

/// Reads one line of obj36 (without its line feed), values checked; what it cannot know is whether other lines agree with it.
///
/// # Errors
/// The column, if it is one, and the damage.
pub fn read_line(line: &[u8], row: &mut Row) -> Result<(), (Option<Column>, RowDamage)> {
    let layout = TsvLayout::Ten;
    parse::parse(line, layout, row).map_err(|bad| diagnose::explain(line, layout, None, true, bad))?;
    row.check_values().map_err(|(column, damage)| (Some(column), damage))
}
