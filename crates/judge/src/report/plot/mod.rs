//! The plots of the HTML report as inline SVG: every colour is a class of the style sheet, every plot says in `<title>` and
//! `<desc>` what it shows.

mod difference;
mod draw;
mod histogram;

pub use difference::difference;
use draw::{Axis, WIDTH, frame, label, round, shortened};
pub use draw::{accuracy, band, loss, ranking};
pub use histogram::histogram;
