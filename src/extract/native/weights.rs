//! The weights of the native detector.

use std::path::{Path, PathBuf};

use base::error::{Error, Result};
use base::files::ContentDigest;

/// The tensor from whose shape the number of features follows: `(classes, features)`, with leading ones in old files.
const CLASSES: &str = "cls_score/0";

/// A file of weights whose content was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorWeights {
    /// Its absolute path.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Features per box.
    pub features: usize,
}

impl DetectorWeights {
    /// Reads a file: a `.caffemodel`, or the safetensors that `repro convert` makes of it. `sha256` is that of its content, if it is known.
    ///
    /// # Errors
    /// Data if it does not hold the weights of bottom-up attention; infra if it cannot be read.
    pub fn read(path: &Path, sha256: Option<String>) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?;
        if !path.is_file() {
            return Err(Error::data(format!("there are no weights {}", path.display()))
                .next("fetch them with `repro fetch --task extractor`, or name a file with --weights"));
        }
        let tensors = checkpoint::read_checkpoint(&path)?;
        let other = |why: String| {
            Error::data(format!("{} does not hold the weights of bottom-up attention", path.display()))
                .because(why)
                .next("name resnet101_faster_rcnn_final_iter_320000.caffemodel, or what repro convert made of it")
        };
        let classes = tensors.get(CLASSES).ok_or_else(|| other(format!("it has no tensor {CLASSES}")))?;
        let features = match classes.shape.as_slice() {
            [.., _, features] if *features > 0 => *features,
            shape => return Err(other(format!("{CLASSES} has shape {shape:?}"))),
        };
        let sha256 = sha256.map_or_else(|| Ok(ContentDigest::of(&path)?.sha256), Ok::<_, Error>)?;
        Ok(Self { path, sha256, features })
    }
}
