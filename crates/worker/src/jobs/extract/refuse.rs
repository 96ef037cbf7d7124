//! Why an image has no row, in words.

use base::error::Error;
use pictures::{ReadError, Refusal};
use protocol::RefusedImage;

/// What the original's script prints of an image that OpenCV does not read; it does not say which.
const ORIGINAL: &str = "the original's script says of it: 'NoneType' object has no attribute 'astype'";

/// Explains why the file of an image gives no pixels.
pub(super) fn unread(id: &str, error: &ReadError) -> RefusedImage {
    let reason = match error {
        ReadError::Refused { refusal, .. } if refusal.imread_gives_none() => with_original(refusal),
        ReadError::Refused { refusal, .. } => format!("it cannot be decoded: {refusal}"),
        ReadError::Io(error) => one_line(error),
    };
    RefusedImage { id: id.to_owned(), reason }
}

/// Explains why the pixels of an image give no row.
pub(super) fn unusable(id: &str, error: &Error) -> RefusedImage {
    RefusedImage { id: id.to_owned(), reason: one_line(error) }
}

fn with_original(refusal: &Refusal) -> String {
    format!("it cannot be decoded: {refusal}; {ORIGINAL}")
}

fn one_line(error: &Error) -> String {
    error.to_string().replace("\n  ", "; ")
}
