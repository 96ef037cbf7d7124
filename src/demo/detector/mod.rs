//! The demo's detector, by classical image processing without learning. It decodes the PNG, takes the paper's colour from the edge of
//! the picture, segments what differs in colour, and measures colours and outlines. It reads nothing but the PNG.

mod measure;
mod objects;
mod segment;
#[cfg(test)]
mod tests;

pub use measure::DIM;
pub use objects::{BOXES, DemoDetector, Detection, Guess, detect};
