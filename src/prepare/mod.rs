//! What was fetched becomes what training reads: archives are unpacked, features get their stores, the original's
//! scripts are replayed, and everything that can be counted is counted.
//!
//! - [`plan`]: what is done, what is to do and what waits, without reading a file;
//! - [`prepare()`]: does it, with each file claimed while it is worked on;
//! - [`make`]: files made from others, as the original's scripts make them;
//! - [`check`]: counts that must hold, and features for every question; [`mod@count`]: the counting;
//! - [`summary`]: what was done and found.

pub mod check;
pub mod count;
pub mod make;
pub mod plan;
mod run;
mod settings;
pub mod summary;
mod tell;
mod unpack;

pub use plan::{OBJ36, State, Step, Work, disk_needed, most_at_a_time, steps};
pub use run::{is_unpacked, prepare};
pub use settings::{Settings, stores};
pub use summary::Summary;
