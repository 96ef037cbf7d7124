//! Renders `report.html`: one file without scripts that works offline, on paper, on a phone, and in the dark.
//!
//! The sections come in the order in which people read: the verdict, what needs attention (`attention`), the results (`results`)
//! with their evidence (`evidence`), the curves and examples (`learning`), and the record for those who want to check (`record`).
//!
//! [`document()`], [`scrolling`] and [`heads`] serve other pages too, so that all look alike.

mod attention;
mod document;
mod evidence;
mod learning;
mod page;
mod parts;
mod record;
mod results;

pub use document::document;
pub use page::render;
pub use parts::{heads, scrolling};
