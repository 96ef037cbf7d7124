//! Pre-training: what a run decides, its data, and what tells it from another.

pub mod data;
pub mod description;
pub mod identity;
pub mod settings;
pub mod start;
