//! Converts a `.caffemodel` to safetensors: to a named file, or once to a folder that keeps it under the digest of its source.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::read::read_caffemodel;
use crate::finite;
use crate::safetensors_file::{read_metadata, read_safetensors, write_safetensors};
use crate::tensor::StateDict;
use base::error::{Error, Result};
use base::files::{self, ContentHasher, Stat};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// Keys of the metadata of a converted file.
const SOURCE: &str = "caffemodel.name";
const SHA256: &str = "caffemodel.sha256";
const VALUES: &str = "caffemodel.values";

/// Converts the `.caffemodel` file at `path` to the safetensors file `target`, and returns the tensors. The metadata states the
/// source's name, its SHA-256 and the number of values.
///
/// # Errors
/// Data if the file is not a `.caffemodel`, is damaged, holds a value that is not finite, or changes meanwhile.
pub fn convert_caffemodel(path: &Path, target: &Path, progress: &dyn Observer) -> Result<StateDict> {
    let net = Net::read(path, progress)?;
    net.write(target)?;
    Ok(net.tensors)
}

/// Converts like [`convert_caffemodel`], to `<sha256 of the file>.safetensors` in `folder`, which is created if it is missing.
/// Returns that path. A file that is there is used if it holds the same values, all of which are compared; otherwise it is replaced.
/// Several callers can do this at once: each writes a file of its own and renames it.
///
/// # Errors
/// Like [`convert_caffemodel`].
pub fn convert_caffemodel_once(path: &Path, folder: &Path, progress: &dyn Observer) -> Result<PathBuf> {
    let net = Net::read(path, progress)?;
    let target = folder.join(format!("{}.safetensors", net.sha256));
    if !net.is_in(&target) {
        net.write(&target)?;
    }
    Ok(target)
}

/// A net whose values are finite.
struct Net {
    /// The name of its file.
    name: String,
    sha256: String,
    tensors: StateDict,
}

impl Net {
    fn read(path: &Path, progress: &dyn Observer) -> Result<Self> {
        let before = stat(path)?;
        let tensors = read_caffemodel(path)?;
        finite::check(&tensors).map_err(|e| e.while_doing(format!("cannot convert {}", path.display())))?;
        let sha256 = digest(path, progress)?;
        if stat(path)? != before {
            return Err(Error::data(format!("{} changed while it was read", path.display()))
                .next("run this again when nothing writes it any more"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, sha256, tensors })
    }

    fn write(&self, target: &Path) -> Result<()> {
        let values: usize = self.tensors.values().map(|tensor| tensor.numel()).sum();
        let metadata = [(SOURCE, self.name.clone()), (SHA256, self.sha256.clone()), (VALUES, values.to_string())];
        let metadata: BTreeMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value)).into();
        write_safetensors(target, &self.tensors, &metadata)
    }

    /// Returns whether a converted file is whole and holds the tensors of this net.
    fn is_in(&self, converted: &Path) -> bool {
        let states = |metadata: Option<HashMap<String, String>>| metadata?.get(SHA256).map(|is| *is == self.sha256);
        converted.is_file()
            && read_metadata(converted).is_ok_and(|metadata| states(metadata) == Some(true))
            && read_safetensors(converted).is_ok_and(|kept| kept == self.tensors)
    }
}

fn stat(path: &Path) -> Result<Stat> {
    let about = files::open_regular(path)?.metadata();
    about.map(|about| Stat::of(&about)).map_err(|e| Error::io("read", path, &e))
}

/// Returns the SHA-256 of a file.
fn digest(path: &Path, progress: &dyn Observer) -> Result<String> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let mut file = files::open_regular(path)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let start = TaskStart::new(format!("checking {}", path.display()), bytes, Unit::Bytes);
    let task = ProgressTask::begin(progress, start);
    let (mut hasher, mut buffer) = (ContentHasher::default(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish().sha256),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                task.advance(read as u64);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
}
