//! What takes up disk and can go: found by class, removed by class. Only files that this program made or fetched count, each with the way to
//! have it again. Nothing that a command at work uses is removed, and no link leads out of the workspace.

mod class;
mod find;
mod in_use;
mod page;
mod places;
mod published;
mod remove;
mod walk;

pub use class::{Class, Item};
pub use find::find;
pub use page::{freed, listing, overview};
pub use places::Places;
pub use remove::{Freed, remove};
