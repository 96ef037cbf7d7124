//! Decodes JPEG and PNG files to the pixels that OpenCV's `imread` gives with its default flag: 8 bits, three channels, blue first.
//!
//! Must not know: models, features, what the pixels are for.
//!
//! | input | pixels |
//! |---|---|
//! | grey, of 1 to 16 bits | three equal channels |
//! | a palette | its colours; an index without a colour is black |
//! | an alpha channel, a transparent colour | dropped, not blended |
//! | PNG with 16 bits a sample | the high byte |
//! | JPEG | libjpeg-turbo's accurate integer transform, triangular upsampling of colours, smoothing of blocks |
//! | CMYK and YCCK in JPEG | converted with OpenCV's formula, whatever program wrote it |
//! | orientation in Exif (first APP1 of a JPEG, eXIf of a PNG) | applied; damaged Exif is ignored |
//! | JPEG that ends in its pixels | decoded; what is missing is what libjpeg fills it with, mostly grey |
//! | JPEG that ends before its pixels, damaged or shortened PNG | refused |
//! | every other format | refused by name |
//!
//! Hostile files are refused before memory is spent on them: see [`Refusal::Implausible`].
//!
//! Compared with OpenCV 4.10.0 on x86-64, damaged files included. OpenCV with another libjpeg-turbo fills a progressive JPEG that ends
//! early, and blocks of damaged data, in another way. A PNG whose compressed pixels are all there, but whose stream has no end, is
//! decoded here and refused by libpng.

mod decode;
mod exif;
mod jpeg;
mod limits;
mod picture;
mod png;
mod read;
mod refusal;

pub use decode::decode;
pub use picture::Picture;
pub use read::{ReadError, read};
pub use refusal::Refusal;
