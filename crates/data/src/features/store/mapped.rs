//! Reads a store through a memory map: opening reads only the ids, reading a row touches only that row.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::Hasher;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;

use super::format::{NO_STORE, StoreLayout, StoreTensor};
use super::{Precision, StoreSource};
use crate::features::error::{Column, RowDamage};
use crate::features::row::{Row, check_id, normalise_boxes};
use crate::features::values;
use base::error::{Error, Result};
use base::files::{self, Stat};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// A mapped store. Clones share the mapping. Methods with a `row` panic unless `row < self.len()`.
#[derive(Clone)]
pub struct FeatureStore {
    shared: Arc<MappedStore>,
    limit: usize,
}

struct MappedStore {
    path: PathBuf,
    /// Kept open, so that the length of what is mapped can be looked at.
    file: File,
    map: Mmap,
    layout: StoreLayout,
    ranges: Vec<Range<usize>>,
    index: IdIndex,
}

impl FeatureStore {
    /// Maps a store after checking its header, every tensor's place and size, and the ids.
    /// The features are not touched. The file must not be cut while it is mapped; the builder replaces, never changes, a store.
    ///
    /// # Errors
    /// Data if the file is missing or is not a whole store.
    pub fn open(path: &Path) -> Result<Self> {
        let file = files::open_regular(path)?;
        let data = file.metadata().map_err(|error| Error::io("read", path, &error))?;
        if !data.is_file() || data.len() == 0 {
            return Err(damaged(path, "it is empty or no file".into()));
        }
        // SAFETY: the mapping is read-only and every access is checked against its length; a store is replaced by
        // renaming, so its inode's content does not change under us.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io("map", path, &error))?;
        let (layout, ranges) = StoreLayout::parse(&map).map_err(|why| damaged(path, why))?;
        let index = IdIndex::build(&map, &layout, &ranges).map_err(|why| damaged(path, why))?;
        let limit = layout.rows;
        Ok(Self { shared: Arc::new(MappedStore { path: path.to_owned(), file, map, layout, ranges, index }), limit })
    }

    /// Checks that the mapped file is as long as it was: reading behind the end of a shorter one would end the program.
    ///
    /// # Errors
    /// Data for one that was cut.
    pub fn check_length(&self) -> Result<()> {
        let (path, mapped) = (self.path(), self.shared.map.len() as u64);
        match self.stat()?.size {
            size if size >= mapped => Ok(()),
            size => Err(Error::data(format!("{} was cut while it was read", path.display()))
                .because(format!("it had {mapped} bytes and has {size}"))
                .next("remove it; it is built again from its TSV")),
        }
    }

    /// Returns the size and time of the mapped file now.
    pub(super) fn stat(&self) -> Result<Stat> {
        let data = self.shared.file.metadata();
        Ok(Stat::of(&data.map_err(|error| Error::io("look at", self.path(), &error))?))
    }

    /// Checks image sizes, classes, probabilities and boxes of every row: a hundredth of a store's bytes.
    pub(super) fn check_small_tensors(&self) -> Result<()> {
        let mut row = Row::default();
        (0..self.len()).try_for_each(|at| {
            self.copy_all_but_features(at, &mut row);
            values::check_all_but_features(&row).map_err(|(column, damage)| self.row_error(at, column, &damage))
        })
    }

    /// Checks every value of every row.
    pub(super) fn check_rows(&self, progress: &dyn Observer) -> Result<()> {
        let bytes = self.shared.map.len() as u64;
        let name = format!("checking {}", self.path().display());
        let task = ProgressTask::begin(progress, TaskStart::new(name, bytes, Unit::Bytes));
        let mut row = Row::default();
        (0..self.len()).try_for_each(|at| {
            self.copy_row(at, &mut row);
            task.advance(bytes / self.len() as u64);
            row.check().map_err(|(column, damage)| self.row_error(at, column, &damage))
        })
    }

    /// Returns the error for a damaged row.
    pub(in crate::features) fn row_error(&self, row: usize, column: Column, damage: &RowDamage) -> Error {
        let file = self.path().display();
        Error::data(format!("{file}, row {row}, image {}, column {column}: {damage}", self.id(row)))
            .next(format!("`repro features inspect {file}` lists every damaged row"))
    }

    /// Limits the store to its first `rows` rows (the original's `topk`).
    #[must_use]
    pub fn with_limit(mut self, rows: usize) -> Self {
        self.limit = self.limit.min(rows);
        self
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.limit
    }

    /// Returns whether there are no images (only with a limit of 0).
    pub fn is_empty(&self) -> bool {
        self.limit == 0
    }

    /// Returns the number of boxes per image.
    pub fn boxes(&self) -> usize {
        self.shared.layout.boxes
    }

    /// Features per box.
    pub fn dim(&self) -> usize {
        self.shared.layout.dim
    }

    /// Returns whether boxes have classes and probabilities.
    pub fn has_classes(&self) -> bool {
        self.shared.layout.classes
    }

    /// Returns the precision of the features.
    pub fn precision(&self) -> Precision {
        self.shared.layout.precision
    }

    /// Returns the TSV that the store was built from.
    pub fn source(&self) -> &StoreSource {
        &self.shared.layout.source
    }

    /// Returns the path of the store.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Returns the image ids in the source's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        (0..self.limit).map(|row| self.id(row))
    }

    /// Returns the image id of a row.
    pub fn id(&self, row: usize) -> &str {
        self.check_row(row);
        let shared = &*self.shared;
        // Checked when the store was opened.
        std::str::from_utf8(id_bytes(&shared.map, &shared.ranges, row)).unwrap_or_default()
    }

    /// Returns the row number of an image.
    pub fn index_of(&self, img_id: &str) -> Option<usize> {
        let shared = &*self.shared;
        let row = shared.index.find(img_id.as_bytes(), |row| id_bytes(&shared.map, &shared.ranges, row))?;
        (row < self.limit).then_some(row)
    }

    /// Copies a row's features, `(boxes, dim)`, into `out` of exactly that length.
    pub fn copy_features(&self, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.boxes() * self.dim(), "copy_features: length of out");
        self.widen(self.row_bytes(StoreTensor::Features, row), out);
    }

    /// Features as kept to f32, of equal lengths.
    fn widen(&self, bytes: &[u8], out: &mut [f32]) {
        match self.precision() {
            Precision::F32 => copy_f32(bytes, out),
            Precision::F16 => match bytemuck::try_cast_slice::<u8, f16>(bytes) {
                Ok(halves) if cfg!(target_endian = "little") => halves.convert_to_f32_slice(out),
                _ => {
                    for (value, half) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                        *value = f16::from_le_bytes(*half).to_f32();
                    }
                }
            },
        }
    }

    /// Copies the features of one box of a row, `(dim)`, into `out` of exactly that length; panics unless there is such a box.
    pub fn copy_box_features(&self, row: usize, at: usize, out: &mut [f32]) {
        assert!(out.len() == self.dim() && at < self.boxes(), "copy_box_features: length of out, or box {at}");
        let bytes = self.row_bytes(StoreTensor::Features, row);
        let width = bytes.len() / self.boxes();
        self.widen(&bytes[at * width..][..width], out);
    }

    /// Copies a row's boxes, `(boxes, 4)` in pixels, into `out` of exactly that length.
    pub fn copy_boxes(&self, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.boxes() * 4, "copy_boxes: length of out");
        copy_f32(self.row_bytes(StoreTensor::Boxes, row), out);
    }

    /// Copies a row's boxes divided in float32 by the image's width and height, as the original does.
    pub fn copy_normalised_boxes(&self, row: usize, out: &mut [f32]) {
        self.copy_boxes(row, out);
        let (w, h) = self.image_size(row);
        normalise_boxes(out, w, h);
    }

    /// Returns the object class of each box; empty in a store without classes.
    pub fn object_ids(&self, row: usize) -> Vec<i64> {
        self.classes(StoreTensor::ObjectsId, row)
    }

    /// Returns the attribute class of each box; empty in a store without classes.
    pub fn attr_ids(&self, row: usize) -> Vec<i64> {
        self.classes(StoreTensor::AttrsId, row)
    }

    /// Returns the probability of each box's object class; empty in a store without classes.
    pub fn object_confs(&self, row: usize) -> Vec<f32> {
        self.confidences(StoreTensor::ObjectsConf, row)
    }

    /// Returns the probability of each box's attribute class; empty in a store without classes.
    pub fn attr_confs(&self, row: usize) -> Vec<f32> {
        self.confidences(StoreTensor::AttrsConf, row)
    }

    /// Returns width and height of a row's image in pixels.
    pub fn image_size(&self, row: usize) -> (u32, u32) {
        let sides = self.row_bytes(StoreTensor::ImageSizes, row).as_chunks::<4>().0;
        (u32::from_le_bytes(sides[0]), u32::from_le_bytes(sides[1]))
    }

    /// Copies everything about a row; its buffers are re-used.
    pub fn copy_row(&self, row: usize, out: &mut Row) {
        self.copy_all_but_features(row, out);
        out.features.resize(self.boxes() * self.dim(), 0.0);
        self.copy_features(row, &mut out.features);
    }

    fn copy_all_but_features(&self, row: usize, out: &mut Row) {
        self.id(row).clone_into(&mut out.img_id);
        (out.img_w, out.img_h) = self.image_size(row);
        out.num_boxes = self.boxes();
        out.objects_id = self.object_ids(row);
        out.attrs_id = self.attr_ids(row);
        out.objects_conf = self.object_confs(row);
        out.attrs_conf = self.attr_confs(row);
        out.boxes.resize(self.boxes() * 4, 0.0);
        self.copy_boxes(row, &mut out.boxes);
    }

    fn classes(&self, part: StoreTensor, row: usize) -> Vec<i64> {
        self.row_bytes(part, row).as_chunks::<2>().0.iter().map(|id| i64::from(u16::from_le_bytes(*id))).collect()
    }

    fn confidences(&self, part: StoreTensor, row: usize) -> Vec<f32> {
        let bytes = self.row_bytes(part, row);
        let mut values = vec![0.0; bytes.len() / size_of::<f32>()];
        copy_f32(bytes, &mut values);
        values
    }

    fn row_bytes(&self, part: StoreTensor, row: usize) -> &[u8] {
        self.check_row(row);
        let range = &self.shared.ranges[part as usize];
        let stride = range.len() / self.shared.layout.rows;
        let from = range.start + row * stride;
        &self.shared.map[from..from + stride]
    }

    fn check_row(&self, row: usize) {
        assert!(row < self.limit, "row {row} of a feature store with {} rows", self.limit);
    }
}

impl std::fmt::Debug for FeatureStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FeatureStore({}, {} of {:?})", self.shared.path.display(), self.limit, self.shared.layout)
    }
}

fn copy_f32(bytes: &[u8], out: &mut [f32]) {
    bytemuck::cast_slice_mut::<f32, u8>(out).copy_from_slice(bytes);
    if cfg!(target_endian = "big") {
        out.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
    }
}

/// Returns the error for a damaged store. A file of another program must not be removed because it is no store.
fn damaged(path: &Path, why: String) -> Error {
    let is_ours = why != NO_STORE;
    Error::data(format!("{} is not a whole feature store", path.display())).because(why).next(match is_ours {
        true => "remove it; it is built again from its TSV",
        false => "name an obj36 TSV, or a store that this program made of one",
    })
}

fn id_offset(map: &[u8], ranges: &[Range<usize>], index: usize) -> u64 {
    let offsets = map[ranges[StoreTensor::IdOffsets as usize].clone()].as_chunks::<8>().0;
    u64::from_le_bytes(offsets[index])
}

/// Returns the id of a row; [`IdIndex::build`] has checked the offsets.
fn id_bytes<'m>(map: &'m [u8], ranges: &[Range<usize>], row: usize) -> &'m [u8] {
    let ids = &map[ranges[StoreTensor::IdBytes as usize].clone()];
    let (from, to) = (id_offset(map, ranges, row), id_offset(map, ranges, row + 1));
    &ids[from as usize..to as usize]
}

/// Open addressing over row numbers; the ids stay in the file.
struct IdIndex {
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

impl IdIndex {
    fn build(map: &[u8], layout: &StoreLayout, ranges: &[Range<usize>]) -> Result<Self, String> {
        let rows = u32::try_from(layout.rows).ok().filter(|&rows| rows < FREE / 4).ok_or("it has too many rows")?;
        let offsets = map[ranges[StoreTensor::IdOffsets as usize].clone()].as_chunks::<8>().0;
        let ids = &map[ranges[StoreTensor::IdBytes as usize].clone()];
        if offsets.first() != Some(&[0; 8]) || offsets.last() != Some(&layout.id_bytes.to_le_bytes()) {
            return Err("its id offsets do not cover its ids".into());
        }
        let mut index = Self { slots: vec![FREE; (layout.rows * 2).next_power_of_two()] };
        let mut from = 0;
        for (row, offset) in (0..rows).zip(&offsets[1..]) {
            let to = usize::try_from(u64::from_le_bytes(*offset)).unwrap_or(usize::MAX);
            let id = ids.get(from..to).ok_or_else(|| format!("its id offsets are damaged at row {row}"))?;
            check_id(id).map_err(|(_, damage)| format!("the id of row {row} is damaged: {damage}"))?;
            // Rows before this one have had their offsets checked.
            match index.slot(id, |row| id_bytes(map, ranges, row)) {
                (_, Some(first)) => return Err(format!("rows {first} and {row} have the same image id")),
                (slot, None) => index.slots[slot] = row,
            }
            from = to;
        }
        Ok(index)
    }

    fn find<'m>(&self, id: &[u8], id_of: impl Fn(usize) -> &'m [u8]) -> Option<usize> {
        self.slot(id, id_of).1
    }

    /// Returns the slot of an id and the row in it. At most half of the slots are taken, so a free one is found.
    fn slot<'m>(&self, id: &[u8], id_of: impl Fn(usize) -> &'m [u8]) -> (usize, Option<usize>) {
        let mut hasher = DefaultHasher::new();
        hasher.write(id);
        let mask = self.slots.len() - 1;
        let mut slot = hasher.finish() as usize & mask;
        loop {
            let row = self.slots[slot];
            if row == FREE {
                return (slot, None);
            }
            if id_of(row as usize) == id {
                return (slot, Some(row as usize));
            }
            slot = (slot + 1) & mask;
        }
    }
}
