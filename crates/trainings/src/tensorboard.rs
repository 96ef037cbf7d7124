//! Writes scalars for TensorBoard, in one event file per run. A resumed run truncates the file to its snapshot and appends to it.
//!
//! Written by hand because no crate fits: `tensorboard-rs` (2022) and `tboard` and `tfrecord` (2023) are unmaintained, depend on
//! old versions of `protobuf`, `prost` and `image`, and always begin a file with a new header, so none can append to a file. A
//! scalar needs a record frame and three small messages of TensorFlow's `event.proto` and `summary.proto`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc, Table};

use super::append_log::AppendLog;
use base::error::Result;

/// Name of a run's event file. TensorBoard accepts any name that contains `tfevents`.
pub const FILE_NAME: &str = "events.out.tfevents.0000000001.repro";

/// Version of the format, which is the content of the first record.
const VERSION: &str = "brain.Event:2";
const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// An open event file. TensorBoard sees what was added after [`flush`](Self::flush) or [`mark`](Self::mark).
pub struct TensorBoardLog {
    log: AppendLog,
}

impl TensorBoardLog {
    /// Opens the event file in `folder`, which must exist. A new run (`keep` is `None`) starts an empty file. A resumed one
    /// truncates it to the length that [`mark`](Self::mark) returned.
    ///
    /// # Errors
    /// Data if the file is shorter than `keep`; I/O if it cannot be written.
    pub fn open(folder: &Path, keep: Option<u64>) -> Result<Self> {
        let keep = keep.unwrap_or(0);
        let mut log = AppendLog::open(&Self::path(folder), Some(keep))?;
        if keep == 0 {
            log.write(&record(&event(None, &bytes(3, VERSION.as_bytes()))))?;
        }
        Ok(Self { log })
    }

    /// Returns the path of the event file in `folder`.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE_NAME)
    }

    /// Adds a point to the curve `tag`, such as `train/loss`, stored as f32. TensorBoard groups curves by what precedes the slash.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        // Summary.Value: tag = 1, simple_value = 2 (fixed32). Summary: value = 1. Event: summary = 5.
        let mut point = bytes(1, tag.as_bytes());
        point.push(2 << 3 | 5);
        #[allow(clippy::cast_possible_truncation)] // the format has no wider scalar
        point.extend((value as f32).to_le_bytes());
        self.log.write(&record(&event(Some(step), &bytes(5, &bytes(1, &point)))))
    }

    /// Writes all added points to the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.log.flush()
    }

    /// Writes all added points to disk and returns the length of the file, to which a run that resumes from now truncates it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn mark(&mut self) -> Result<u64> {
        self.log.mark()
    }
}

/// Encodes an Event: wall_time = 1 (double, seconds since 1970), step = 2 (int64), then `what`.
fn event(step: Option<u64>, what: &[u8]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut event = vec![1 << 3 | 1];
    event.extend(now.to_le_bytes());
    if let Some(step) = step {
        event.push(2 << 3);
        varint(&mut event, step);
    }
    event.extend(what);
    event
}

/// Encodes a length-delimited field: a string or a message.
fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    varint(&mut out, content.len() as u64);
    out.extend(content);
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Frames `content` as a TFRecord: length (u64), its checksum, content, its checksum; all little-endian.
fn record(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), content, &masked_crc(content)].concat()
}

/// Returns TFRecord's masked CRC-32C: rotated right by 15 bits, plus a constant, so that data with embedded CRCs can be checked.
fn masked_crc(data: &[u8]) -> [u8; 4] {
    CRC32C.checksum(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32C bit by bit, straight from its definition.
    fn crc32c(data: &[u8]) -> u32 {
        !data.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
        })
    }

    fn checked(data: &[u8], sum: &[u8]) {
        let crc = crc32c(data);
        let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(u32::from_le_bytes(sum.try_into().unwrap()), masked);
    }

    fn number(at: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = at[0];
            *at = &at[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    /// The fields of a message: number, and the bytes of its value (a varint as 8 bytes).
    fn fields(mut at: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        while !at.is_empty() {
            let key = number(&mut at);
            let length = match key & 7 {
                0 => {
                    found.push((key >> 3, number(&mut at).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => number(&mut at) as usize,
                5 => 4,
                other => panic!("wire type {other}"),
            };
            found.push((key >> 3, at[..length].to_vec()));
            at = &at[length..];
        }
        found
    }

    /// The points of the file: tag, step, value; the header and the times are checked here.
    fn read(folder: &Path) -> Vec<(String, u64, f32)> {
        let file = std::fs::read(TensorBoardLog::path(folder)).unwrap();
        let mut at = &file[..];
        let mut points = Vec::new();
        let mut first = true;
        let mut last_time = 1.6e9;
        while !at.is_empty() {
            checked(&at[..8], &at[8..12]);
            let length = u64::from_le_bytes(at[..8].try_into().unwrap()) as usize;
            let content = &at[12..12 + length];
            checked(content, &at[12 + length..16 + length]);
            at = &at[16 + length..];
            let event = fields(content);
            assert_eq!(event[0].0, 1);
            let time = f64::from_le_bytes(event[0].1[..].try_into().unwrap());
            assert!(time >= last_time, "{time}");
            last_time = time;
            if std::mem::take(&mut first) {
                assert_eq!(event[1..], [(3, VERSION.as_bytes().to_vec())]);
                continue;
            }
            let [(2, step), (5, summary)] = &event[1..] else { panic!("{event:?}") };
            let [(1, point)] = &fields(summary)[..] else { panic!("{summary:?}") };
            let [(1, tag), (2, value)] = &fields(point)[..] else { panic!("{point:?}") };
            let step = u64::from_le_bytes(step[..].try_into().unwrap());
            let value = f32::from_le_bytes(value[..].try_into().unwrap());
            points.push((String::from_utf8(tag.clone()).unwrap(), step, value));
        }
        assert!(!first, "no header");
        points
    }

    #[test]
    fn points_are_read_back_and_a_resumed_run_appends_after_its_mark() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283); // the check value of RFC 3720's CRC
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let long = "l".repeat(300);
        let mut events = TensorBoardLog::open(folder, None).unwrap();
        events.scalar("train/loss", 0, 0.1).unwrap();
        events.scalar(&long, 300, f64::INFINITY).unwrap();
        let mark = events.mark().unwrap();
        events.scalar("train/loss", 301, 7.0).unwrap();
        drop(events);
        let kept = [("train/loss".to_owned(), 0, 0.1_f32), (long, 300, f32::INFINITY)];
        assert_eq!(read(folder).len(), 3);

        let mut events = TensorBoardLog::open(folder, Some(mark)).unwrap();
        events.scalar("valid/accuracy", 1 << 40, -2.5).unwrap();
        events.flush().unwrap();
        let points = read(folder);
        assert_eq!(points[..2], kept);
        assert_eq!(points[2..], [("valid/accuracy".to_owned(), 1 << 40, -2.5)]);

        assert!(TensorBoardLog::open(folder, Some(1 << 20)).is_err());
        assert_eq!(read(folder), points);
        drop(TensorBoardLog::open(folder, None).unwrap());
        assert_eq!(read(folder), []);
    }
}
