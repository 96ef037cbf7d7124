//! `report.html`: one file without scripts that works offline, on paper, on a phone, and in the dark.
//!
//! The order is the reader's: the verdict, what needs attention (`attention`), the results (`results`) and what they rest on
//! (`evidence`), how it was learned and what the data looks like (`learning`), then what a person needs who wants to check
//! (`record`).

mod attention;
mod evidence;
mod learning;
mod page;
mod parts;
mod record;
mod results;

pub use page::render;
