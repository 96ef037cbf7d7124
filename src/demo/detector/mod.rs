//! The demo's detector: classical image processing, nothing learned. It decodes the PNG, takes the paper's colour from
//! the picture's edge, segments what differs in colour, and measures colours and outlines. It sees nothing but the PNG.

mod describe;
mod objects;
mod segment;
#[cfg(test)]
mod tests;

pub use describe::DIM;
pub use objects::{BOXES, DemoDetector, Detection, Guess, detect};
