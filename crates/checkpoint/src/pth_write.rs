//! Writes `.pth` files: the zip container and the pickle that `torch.save(state_dict, …)` of PyTorch 1.6 and later writes,
//! so that `torch.load(weights_only=True)` and the original's `--load` accept them.

use std::collections::HashMap;
use std::io::{Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::mapped_file::check_not_truncated;
use super::tensor::{DType, StateDict, TensorData};
use base::error::{Error, Result};
use base::files::write_atomically;

/// Minimum size of members that need the zip64 fields.
const ZIP64: usize = u32::MAX as usize;

/// Writes a zip `.pth`, atomically and with the same bytes for the same content. Its folder is named after the file, as
/// in PyTorch. Members are stored, aligned to 64 bytes; tied tensors share one storage.
pub fn write_pth(path: &Path, tensors: &StateDict) -> Result<()> {
    for (name, tensor) in tensors {
        tensor.check(name)?;
    }
    check_not_truncated(tensors.values())?;
    let plain = |stem: &&str| stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let folder = path.file_stem().and_then(|stem| stem.to_str()).filter(plain).unwrap_or("archive");
    let (pickle, storages) = pickle(tensors);
    write_atomically(path, |out| {
        let mut archive = PthWriter { zip: ZipWriter::new(out), folder, path };
        archive.member("data.pkl", &pickle)?;
        archive.member("byteorder", b"little")?;
        for (key, tensor) in storages.iter().enumerate() {
            archive.member(&format!("data/{key}"), &tensor.data)?;
        }
        archive.member("version", b"3\n")?;
        archive.zip.finish().map_err(|e| failed(path, e))?;
        Ok(())
    })
}

struct PthWriter<'a, W: Write + Seek> {
    zip: ZipWriter<W>,
    folder: &'a str,
    path: &'a Path,
}

impl<W: Write + Seek> PthWriter<'_, W> {
    fn member(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644)
            .large_file(content.len() >= ZIP64)
            .with_alignment(64);
        self.zip.start_file(format!("{}/{name}", self.folder), options).map_err(|e| failed(self.path, e))?;
        self.zip.write_all(content).map_err(|e| Error::io("write", self.path, &e))
    }
}

fn failed(path: &Path, error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(error) => Error::io("write", path, &error),
        other => Error::bug(format!("cannot write {}", path.display())).because(other),
    }
}

/// Returns the pickle, and one tensor for each of its storages, which are named "0", "1", ….
pub(super) fn pickle(tensors: &StateDict) -> (Vec<u8>, Vec<&TensorData>) {
    let mut out = PickleWriter { out: vec![0x80, 2], memo: HashMap::new(), slots: 0 };
    let mut storages: Vec<&TensorData> = Vec::new();
    let mut keys: HashMap<(usize, usize, DType), usize> = HashMap::new();
    out.global("collections", "OrderedDict");
    out.raw(b")R");
    out.put();
    // Python writes the entries in groups of 1000, and a last group of one without a mark.
    let entries: Vec<_> = tensors.iter().collect();
    for group in entries.chunks(1000) {
        if group.len() > 1 {
            out.raw(b"(");
        }
        for (name, tensor) in group {
            let place = (tensor.data.as_ptr() as usize, tensor.data.len(), tensor.dtype);
            let next = storages.len();
            // Empty tensors have no bytes in memory, so none of them is tied.
            let key = if tensor.data.is_empty() { next } else { *keys.entry(place).or_insert(next) };
            if key == next {
                storages.push(tensor);
            }
            out.tensor(name, tensor, key);
        }
        out.raw(if group.len() > 1 { b"u" } else { b"s" });
    }
    out.raw(b".");
    (out.out, storages)
}

/// A writer of pickle protocol 2. Its output equals CPython's, memos included.
struct PickleWriter {
    out: Vec<u8>,
    memo: HashMap<String, u32>,
    slots: u32,
}

impl PickleWriter {
    fn tensor(&mut self, name: &str, tensor: &TensorData, key: usize) {
        self.text(name);
        self.put();
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.raw(b"((");
        self.shared_text("storage");
        self.global("torch", storage_class(tensor.dtype));
        self.shared_text(&key.to_string());
        self.shared_text("cpu");
        self.int(tensor.numel());
        self.raw(b"t");
        self.put();
        self.raw(b"Q");
        self.int(0);
        self.tuple(&tensor.shape);
        self.tuple(&strides(&tensor.shape));
        self.raw(&[0x89]); // requires_grad
        self.global("collections", "OrderedDict"); // backward hooks: none
        self.raw(b")R");
        self.put();
        self.raw(b"t");
        self.put();
        self.raw(b"R");
        self.put();
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn slot(&mut self, slot: u32, short: u8, long: u8) {
        match u8::try_from(slot) {
            Ok(slot) => self.raw(&[short, slot]),
            Err(_) => {
                self.raw(&[long]);
                self.raw(&slot.to_le_bytes());
            }
        }
    }

    fn put(&mut self) {
        self.slot(self.slots, b'q', b'r');
        self.slots += 1;
    }

    /// Calls `write` the first time, and writes a reference to its value from then on.
    fn once(&mut self, what: String, write: impl FnOnce(&mut Self)) {
        match self.memo.get(&what) {
            Some(&slot) => self.slot(slot, b'h', b'j'),
            None => {
                write(self);
                self.memo.insert(what, self.slots);
                self.put();
            }
        }
    }

    fn global(&mut self, module: &str, name: &str) {
        let line = format!("c{module}\n{name}\n");
        self.once(line.clone(), |p| p.raw(line.as_bytes()));
    }

    fn shared_text(&mut self, text: &str) {
        self.once(format!("X{text}"), |p| p.text(text));
    }

    fn text(&mut self, text: &str) {
        self.raw(b"X");
        self.raw(&(text.len() as u32).to_le_bytes());
        self.raw(text.as_bytes());
    }

    fn int(&mut self, n: usize) {
        if let Ok(n) = u8::try_from(n) {
            self.raw(&[b'K', n]);
        } else if let Ok(n) = u16::try_from(n) {
            self.raw(b"M");
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i32::try_from(n) {
            self.raw(b"J");
            self.raw(&n.to_le_bytes());
        } else {
            let digits = (n as u64).to_le_bytes();
            // The fewest bytes that hold the number and its sign.
            let length = (64 - (n as u64).leading_zeros() as usize) / 8 + 1;
            self.raw(&[0x8a, length as u8]);
            self.raw(&[&digits[..], &[0]].concat()[..length]);
        }
    }

    fn tuple(&mut self, items: &[usize]) {
        match items.len() {
            0 => return self.raw(b")"),
            n @ 1..=3 => {
                items.iter().for_each(|n| self.int(*n));
                self.raw(&[0x84 + n as u8]);
            }
            _ => {
                self.raw(b"(");
                items.iter().for_each(|n| self.int(*n));
                self.raw(b"t");
            }
        }
        self.put();
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

fn storage_class(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "DoubleStorage",
        DType::F32 => "FloatStorage",
        DType::F16 => "HalfStorage",
        DType::BF16 => "BFloat16Storage",
        DType::I64 => "LongStorage",
        DType::I32 => "IntStorage",
        DType::I16 => "ShortStorage",
        DType::I8 => "CharStorage",
        DType::U8 => "ByteStorage",
        DType::Bool => "BoolStorage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{read_bytes, read_checkpoint};

    #[test]
    fn a_written_file_reads_back_and_has_the_same_bytes_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model_LXRT.pth");
        let tied = TensorData::from_f32(vec![2, 3], vec![1.0, 2.0, -0.0, 3.0, 4.0, 5.0]).unwrap();
        let mut tensors = StateDict::from([("word".to_owned(), tied.clone()), ("decoder".to_owned(), tied)]);
        for (i, dtype) in [DType::F16, DType::BF16, DType::F64, DType::Bool, DType::I64].into_iter().enumerate() {
            let data = vec![1; 24 * dtype.size()].into();
            tensors.insert(format!("layer.{i}.é"), TensorData { dtype, shape: vec![1, 2, 3, 4], data });
        }
        tensors.insert("empty".into(), TensorData::from_f32(vec![0, 4], vec![]).unwrap());
        tensors.insert("scalar".into(), TensorData::from_f32(vec![], vec![7.0]).unwrap());
        for i in 0..2000 {
            tensors.insert(format!("many.{i}"), TensorData::from_f32(vec![1], vec![i as f32]).unwrap());
        }
        write_pth(&path, &tensors).unwrap();
        let first = std::fs::read(&path).unwrap();
        let back = read_checkpoint(&path).unwrap();
        assert_eq!(back, tensors);
        assert!(back.keys().eq(tensors.keys()));
        assert!(back["word"].shares_storage_with(&back["decoder"]));
        write_pth(&path, &tensors).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        let content = bytes::Bytes::from(first);
        for (name, tensor) in read_bytes(&content).unwrap().iter().filter(|(_, t)| !t.data.is_empty()) {
            assert_eq!((tensor.data.as_ptr() as usize - content.as_ptr() as usize) % 64, 0, "{name}");
        }
        write_pth(&path, &StateDict::new()).unwrap();
        assert!(read_checkpoint(&path).unwrap().is_empty());
    }

    #[test]
    fn integers_take_as_few_bytes_as_in_python() {
        let encoded = |n: usize| {
            let mut pickler = PickleWriter { out: Vec::new(), memo: HashMap::new(), slots: 0 };
            pickler.int(n);
            pickler.out
        };
        assert_eq!(encoded(255), b"K\xff");
        assert_eq!(encoded(65535), b"M\xff\xff");
        assert_eq!(encoded(0x7fff_ffff), b"J\xff\xff\xff\x7f");
        assert_eq!(encoded(0x8000_0000), b"\x8a\x05\0\0\0\x80\0");
        assert_eq!(encoded(1 << 40), b"\x8a\x06\0\0\0\0\0\x01");
    }
}
