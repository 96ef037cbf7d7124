//! Writes a store row by row: features go to their final place, the small tensors to spools that are appended at the end,
//! and the header last into reserved space. Memory grows only with the ids.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use half::f16;
use half::slice::HalfFloatSliceExt;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::format::{HEADER_BYTES, StoreLayout, StoreTensor};
use super::receipt::copy_hashed;
use super::{Precision, StoreSource};
use crate::features::row::Row;
use base::cleanup::CleanupGuard;
use base::error::{Error, Result};
use base::files;
use base::process::{self, Liveness};

/// Begins the names of unfinished stores.
const PREFIX: &str = ".building-";
/// A builder writes continuously: an unfinished store that did not change for this long is abandoned, on whatever machine
/// its builder ran.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// Writes one store, which appears under its name whole when [`finish`](Self::finish) succeeds, or not at all.
pub struct StoreWriter {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
    /// One for each part but the features.
    spools: Vec<BufWriter<File>>,
    precision: Precision,
    shape: Option<(usize, usize)>,
    /// Whether the rows have classes; the first row decides.
    classes: bool,
    rows: usize,
    id_bytes: u64,
    seen: HashSet<Box<str>>,
    halves: Vec<f16>,
    /// SHA-256 of the features so far.
    hash: Sha256,
    _removed: CleanupGuard,
}

impl StoreWriter {
    /// Starts a store at `path`; its folder is created if missing.
    ///
    /// # Errors
    /// Infra if nothing can be written there.
    pub fn create(path: &Path, precision: Precision) -> Result<Self> {
        let folder = files::create_folder_of(path)?;
        remove_abandoned(folder);
        let (temporary, removed) = files::temporary_in(folder, &format!("{PREFIX}{}-", process::mark()))?;
        let spools = StoreTensor::ALL[1..].iter().map(|_| tempfile::tempfile_in(folder).map(BufWriter::new));
        let spools = spools.collect::<std::io::Result<Vec<_>>>();
        let mut writer = Self {
            path: path.to_owned(),
            out: BufWriter::with_capacity(1 << 20, temporary),
            spools: spools.map_err(|error| Error::io("create a file in", folder, &error))?,
            precision,
            shape: None,
            classes: true,
            rows: 0,
            id_bytes: 0,
            seen: HashSet::new(),
            halves: Vec::new(),
            hash: Sha256::new(),
            _removed: removed,
        };
        writer.out.write_all(&[0; HEADER_BYTES]).map_err(|error| writer.failed(&error))?;
        writer.spool(StoreTensor::IdOffsets, &0_u64.to_le_bytes())?;
        Ok(writer)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Data if the row breaks a rule of the format, repeats an image, or has another shape than the first; infra if
    /// writing fails.
    pub fn write_row(&mut self, row: &Row) -> Result<()> {
        let wrong = |why: String| Error::data(format!("image {} cannot go into the store", row.img_id)).because(why);
        row.check().map_err(|(column, damage)| wrong(format!("column {column}: {damage}")))?;
        let shape = (row.num_boxes, row.dim());
        if self.shape.is_none() {
            self.classes = row.has_classes();
        } else if self.classes != row.has_classes() {
            return Err(wrong(match self.classes {
                true => "its boxes have no classes, those of the first image have".into(),
                false => "its boxes have classes, those of the first image have none".into(),
            }));
        }
        let first = *self.shape.get_or_insert(shape);
        if first != shape {
            return Err(wrong(format!(
                "it has {} boxes x {} features, the first {} x {}",
                shape.0, shape.1, first.0, first.1
            )));
        }
        if !self.seen.insert(row.img_id.as_str().into()) {
            return Err(wrong("it occurs twice".into()));
        }
        match self.precision {
            Precision::F32 => write_f32(&mut self.out, &mut self.hash, &row.features),
            Precision::F16 => {
                self.halves.resize(row.features.len(), f16::ZERO);
                self.halves.convert_from_f32_slice(&row.features);
                write_f16(&mut self.out, &mut self.hash, &self.halves)
            }
        }
        .map_err(|error| self.failed(&error))?;
        let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
        // In range: checked above to be class ids.
        let classes = |ids: &[i64]| -> Vec<u8> { ids.iter().flat_map(|&id| (id as u16).to_le_bytes()).collect() };
        self.spool(StoreTensor::Boxes, &bytes(&row.boxes))?;
        self.spool(StoreTensor::ObjectsConf, &bytes(&row.objects_conf))?;
        self.spool(StoreTensor::AttrsConf, &bytes(&row.attrs_conf))?;
        self.spool(StoreTensor::ImageSizes, &[row.img_w.to_le_bytes(), row.img_h.to_le_bytes()].concat())?;
        self.spool(StoreTensor::ObjectsId, &classes(&row.objects_id))?;
        self.spool(StoreTensor::AttrsId, &classes(&row.attrs_id))?;
        self.id_bytes += row.img_id.len() as u64;
        self.spool(StoreTensor::IdOffsets, &self.id_bytes.to_le_bytes())?;
        self.spool(StoreTensor::IdBytes, row.img_id.as_bytes())?;
        self.rows += 1;
        Ok(())
    }

    /// Returns the number of rows written so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Changes the name in the same folder, for a caller that learns it from the rows.
    pub(super) fn rename_to(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }

    /// Completes the store and puts it in its place. Returns the SHA-256 of its tensors and then its header.
    ///
    /// # Errors
    /// Data without a row; infra if writing fails.
    pub fn finish(mut self, source: StoreSource) -> Result<String> {
        let Some((boxes, dim)) = self.shape.filter(|_| self.rows > 0) else {
            return Err(Error::data(format!("{} has no rows", source.name)).next("fetch or extract the features again"));
        };
        let (rows, id_bytes, precision) = (self.rows, self.id_bytes, self.precision);
        let header = StoreLayout { rows, boxes, dim, classes: self.classes, id_bytes, precision, source }.header()?;
        let path = std::mem::take(&mut self.path);
        let failed = |error: &std::io::Error| Error::io("write", &path, error);
        let mut file = self.out.into_inner().map_err(|error| failed(error.error()))?;
        for spool in self.spools {
            let mut spool = spool.into_inner().map_err(|error| failed(error.error()))?;
            spool.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
            copy_hashed(&mut spool, file.as_file_mut(), &mut self.hash).map_err(|error| failed(&error))?;
        }
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        file.write_all(&header).map_err(|error| failed(&error))?;
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        self.hash.update(&header);
        Ok(files::hex(&self.hash.finalize()))
    }

    fn spool(&mut self, part: StoreTensor, bytes: &[u8]) -> Result<()> {
        self.spools[part as usize - 1].write_all(bytes).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io("write", &self.path, error)
    }
}

/// Removes what builders that were killed left behind: unfinished stores whose process is known to have ended (who tries
/// again at once after a kill needs their space), or on which nobody has written for long.
fn remove_abandoned(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(mark) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let silent = || {
            let written = entry.metadata().and_then(|data| data.modified());
            written.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED_AFTER))
        };
        let abandoned = match process::mark_liveness(mark) {
            Liveness::Dead => true,
            Liveness::Alive => false,
            Liveness::Unknown => silent(),
        };
        if abandoned {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn write_f32(out: &mut impl Write, hash: &mut Sha256, values: &[f32]) -> std::io::Result<()> {
    if cfg!(target_endian = "little") {
        return write(out, hash, bytemuck::cast_slice(values));
    }
    values.iter().try_for_each(|value| write(out, hash, &value.to_le_bytes()))
}

fn write_f16(out: &mut impl Write, hash: &mut Sha256, values: &[f16]) -> std::io::Result<()> {
    if cfg!(target_endian = "little") {
        return write(out, hash, bytemuck::cast_slice(values));
    }
    values.iter().try_for_each(|value| write(out, hash, &value.to_le_bytes()))
}

fn write(out: &mut impl Write, hash: &mut Sha256, bytes: &[u8]) -> std::io::Result<()> {
    hash.update(bytes);
    out.write_all(bytes)
}
