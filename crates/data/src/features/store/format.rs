//! Reads and writes the store's header. It is written when all sizes are known, and checked completely before anything else
//! is read.

use std::ops::Range;

use safetensors::Dtype;
use serde_json::{Map, Value, json};

use super::{Precision, StoreSource};
use base::error::{Error, Result};

pub(super) const SCHEMA: &str = "lxmert-repro features 1";
/// The features begin at this offset, so the header can be written last into reserved space.
pub(super) const HEADER_BYTES: usize = 8192;
/// Why a safetensors file of another kind is no store.
pub(super) const NO_STORE: &str = "it is another safetensors file, no feature store";
/// Metadata key for whether boxes have classes.
const CLASSES: &str = "classes";
const NO_CLASSES: &str = "none";
/// A longer header is not ours.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Sizes of a store and the positions of its tensors in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreLayout {
    pub rows: usize,
    pub boxes: usize,
    pub dim: usize,
    /// Whether boxes have classes and probabilities.
    pub classes: bool,
    pub id_bytes: u64,
    pub precision: Precision,
    pub source: StoreSource,
}

/// The tensors in the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreTensor {
    Features,
    Boxes,
    ObjectsConf,
    AttrsConf,
    ImageSizes,
    ObjectsId,
    AttrsId,
    IdOffsets,
    IdBytes,
}

impl StoreTensor {
    pub(super) const ALL: [Self; 9] = [
        Self::Features,
        Self::Boxes,
        Self::ObjectsConf,
        Self::AttrsConf,
        Self::ImageSizes,
        Self::ObjectsId,
        Self::AttrsId,
        Self::IdOffsets,
        Self::IdBytes,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Boxes => "boxes",
            Self::ObjectsConf => "objects_conf",
            Self::AttrsConf => "attrs_conf",
            Self::ImageSizes => "image_sizes",
            Self::ObjectsId => "objects_id",
            Self::AttrsId => "attrs_id",
            Self::IdOffsets => "id_offsets",
            Self::IdBytes => "id_bytes",
        }
    }
}

impl StoreTensor {
    /// Returns whether a store without classes lacks this part.
    pub(super) fn is_of_classes(self) -> bool {
        matches!(self, Self::ObjectsConf | Self::AttrsConf | Self::ObjectsId | Self::AttrsId)
    }
}

impl StoreLayout {
    fn dtype(&self, part: StoreTensor) -> Dtype {
        match part {
            StoreTensor::Features => match self.precision {
                Precision::F32 => Dtype::F32,
                Precision::F16 => Dtype::F16,
            },
            StoreTensor::Boxes | StoreTensor::ObjectsConf | StoreTensor::AttrsConf => Dtype::F32,
            StoreTensor::ImageSizes => Dtype::U32,
            StoreTensor::ObjectsId | StoreTensor::AttrsId => Dtype::U16,
            StoreTensor::IdOffsets => Dtype::U64,
            StoreTensor::IdBytes => Dtype::U8,
        }
    }

    fn shape(&self, part: StoreTensor) -> Vec<u64> {
        let (rows, boxes, dim) = (self.rows as u64, self.boxes as u64, self.dim as u64);
        match part {
            StoreTensor::Features => vec![rows, boxes, dim],
            StoreTensor::Boxes => vec![rows, boxes, 4],
            StoreTensor::ObjectsConf | StoreTensor::AttrsConf | StoreTensor::ObjectsId | StoreTensor::AttrsId => {
                vec![rows, boxes]
            }
            StoreTensor::ImageSizes => vec![rows, 2],
            StoreTensor::IdOffsets => vec![rows.saturating_add(1)],
            StoreTensor::IdBytes => vec![self.id_bytes],
        }
    }

    /// Returns the size in bytes; `None` on overflow.
    pub(super) fn bytes(&self, part: StoreTensor) -> Option<u64> {
        let size = match part {
            StoreTensor::Features => self.precision.bytes(),
            StoreTensor::Boxes | StoreTensor::ObjectsConf | StoreTensor::AttrsConf | StoreTensor::ImageSizes => 4,
            StoreTensor::ObjectsId | StoreTensor::AttrsId => 2,
            StoreTensor::IdOffsets => 8,
            StoreTensor::IdBytes => 1,
        };
        self.shape(part).into_iter().try_fold(size, u64::checked_mul)
    }

    /// Returns the header with its length, padded with spaces to [`HEADER_BYTES`].
    pub(super) fn header(&self) -> Result<Vec<u8>> {
        let mut header = Map::new();
        header.insert(
            "__metadata__".into(),
            json!({
                "schema": SCHEMA,
                "source_name": self.source.name,
                "source_bytes": self.source.bytes.to_string(),
                "source_covered": self.source.covered.to_string(),
                "source_sha256": self.source.sha256,
                "rows": self.rows.to_string(),
                "boxes": self.boxes.to_string(),
                "dim": self.dim.to_string(),
                "precision": self.precision.name(),
            }),
        );
        // Stores of before this field have classes, so it is said only if there are none.
        if let (false, Some(Value::Object(metadata))) = (self.classes, header.get_mut("__metadata__")) {
            metadata.insert(CLASSES.into(), NO_CLASSES.into());
        }
        let mut from = 0_u64;
        for part in StoreTensor::ALL.into_iter().filter(|part| self.classes || !part.is_of_classes()) {
            let to = self.bytes(part).and_then(|bytes| from.checked_add(bytes));
            let to = to.ok_or_else(|| Error::bug("the store's size overflows"))?;
            let entry = json!({"dtype": self.dtype(part), "shape": self.shape(part), "data_offsets": [from, to]});
            header.insert(part.name().into(), entry);
            from = to;
        }
        let mut text = (HEADER_BYTES as u64 - 8).to_le_bytes().to_vec();
        text.extend_from_slice(Value::Object(header).to_string().as_bytes());
        if text.len() > HEADER_BYTES {
            return Err(Error::usage(format!("the source's name {:?} is too long", self.source.name))
                .next("rename the TSV to a shorter name"));
        }
        text.resize(HEADER_BYTES, b' ');
        Ok(text)
    }

    /// Parses a header and checks it against the whole file. Reads nothing behind the header. The ranges are in
    /// [`StoreTensor::ALL`]'s order, each inside `file` and of exactly the size its shape says; empty for parts that a store
    /// without classes lacks.
    pub(super) fn parse(file: &[u8]) -> Result<(Self, Vec<Range<usize>>), String> {
        let length = file.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)).ok_or("it has no header")?;
        if length > MAX_HEADER_BYTES {
            return Err(format!("its header claims {length} bytes"));
        }
        let body = usize::try_from(length).ok().and_then(|length| length.checked_add(8)).unwrap_or(usize::MAX);
        let text = file.get(8..body).ok_or("the file ends inside its header")?;
        let metadata: safetensors::tensor::Metadata =
            serde_json::from_slice(text).map_err(|error| format!("its header is damaged: {error}"))?;
        let said = metadata.metadata().as_ref().ok_or(NO_STORE)?;
        let text = |name: &str| said.get(name).cloned().ok_or_else(|| format!("its metadata lack {name}"));
        let number = |name: &str| {
            let value = text(name)?;
            value.parse::<u64>().map_err(|_| format!("its metadata's {name} is {value:?}"))
        };
        let size = |name: &str| usize::try_from(number(name)?).map_err(|_| format!("its {name} is too large"));
        let schema = text("schema").map_err(|_| NO_STORE)?;
        if schema != SCHEMA {
            return Err(format!("its schema is {schema:?}, this program reads {SCHEMA:?}"));
        }
        let classes = match said.get(CLASSES).map(String::as_str) {
            None => true,
            Some(NO_CLASSES) => false,
            Some(other) => return Err(format!("its metadata's {CLASSES} is {other:?}")),
        };
        let precision = text("precision")?.parse().map_err(|error: Error| error.what().to_owned())?;
        let id_bytes = metadata.info(StoreTensor::IdBytes.name()).and_then(|info| info.shape.first().copied());
        let layout = Self {
            rows: size("rows")?,
            boxes: size("boxes")?,
            dim: size("dim")?,
            classes,
            id_bytes: id_bytes.ok_or("it lacks the tensor id_bytes")? as u64,
            precision,
            source: StoreSource {
                name: text("source_name")?,
                bytes: number("source_bytes")?,
                covered: number("source_covered")?,
                sha256: text("source_sha256")?,
            },
        };
        if layout.rows == 0 || layout.boxes == 0 || layout.dim == 0 {
            return Err("it holds nothing".into());
        }
        let ranges = StoreTensor::ALL.iter().map(|&part| layout.range(part, &metadata, body, file.len()));
        let ranges = ranges.collect::<Result<Vec<_>, String>>()?;
        let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        if end != file.len() {
            return Err(format!("it has {} bytes, its header describes {end}", file.len()));
        }
        Ok((layout, ranges))
    }

    fn range(
        &self,
        part: StoreTensor,
        metadata: &safetensors::tensor::Metadata,
        body: usize,
        file_bytes: usize,
    ) -> Result<Range<usize>, String> {
        let name = part.name();
        if !self.classes && part.is_of_classes() {
            return match metadata.info(name) {
                None => Ok(0..0),
                Some(_) => Err(format!("it has the tensor {name}, and its metadata say that it has no classes")),
            };
        }
        let info = metadata.info(name).ok_or_else(|| format!("it lacks the tensor {name}"))?;
        let shape: Vec<u64> = info.shape.iter().map(|&size| size as u64).collect();
        if info.dtype != self.dtype(part) || shape != self.shape(part) {
            return Err(format!("its tensor {name} is {:?} {:?}, unlike its metadata", info.dtype, info.shape));
        }
        let (from, to) = info.data_offsets;
        let range = body.checked_add(from).zip(body.checked_add(to)).map(|(from, to)| from..to);
        let range = range.filter(|range| range.start <= range.end && range.end <= file_bytes);
        let range = range.ok_or_else(|| {
            format!("its tensor {name} reaches beyond the end of the file, {file_bytes} bytes: the copy is cut short")
        })?;
        if self.bytes(part) != Some(range.len() as u64) {
            return Err(format!("its tensor {name} has {} bytes, unlike its shape {shape:?}", range.len()));
        }
        Ok(range)
    }
}
