//! From a file to a picture.

use std::io::Read;
use std::path::{Path, PathBuf};

use base::error::Error;
use base::files::open_regular;
use thiserror::Error as ThisError;

use crate::decode::{Format, START, decode};
use crate::limits::FILE_BYTES;
use crate::picture::Picture;
use crate::refusal::Refusal;

/// Why a file gives no picture.
#[derive(Debug, ThisError)]
pub enum ReadError {
    /// The file was read; its content is no picture. OpenCV's `imread` gives `None` for most of these, and callers skip them by name.
    #[error("{} was refused: {refusal}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        refusal: Refusal,
    },
    /// The file could not be read, or there is not enough memory for its pixels.
    #[error(transparent)]
    Io(#[from] Error),
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Refused { path, refusal } => Self::data(format!("cannot decode {}", path.display()))
                .because(refusal)
                .next("look at the file, then replace it by a whole JPEG or PNG, or remove it"),
            ReadError::Io(error) => error,
        }
    }
}

/// Reads a JPEG or PNG file, at most 256 MB.
///
/// # Errors
/// See [`ReadError`], which tells a file to skip from a file that cannot be read.
pub fn read(path: &Path) -> Result<Picture, ReadError> {
    let refused = |refusal| match refusal {
        Refusal::OutOfMemory => ReadError::Io(
            Error::infra(format!("cannot decode {}", path.display()))
                .because(refusal)
                .next("run this where more memory is free, or remove the file"),
        ),
        refusal => ReadError::Refused { path: path.to_owned(), refusal },
    };
    let failed = |error| Error::io("read", path, &error);
    let mut file = open_regular(path)?;
    let mut bytes = Vec::new();
    // The rest is read only of a file that begins as it should.
    file.by_ref().take(START as u64).read_to_end(&mut bytes).map_err(failed)?;
    Format::of(&bytes).map_err(refused)?;
    if file.metadata().map_err(failed)?.len() > FILE_BYTES {
        return Err(refused(Refusal::FileTooLarge));
    }
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    decode(&bytes).map_err(refused)
}
