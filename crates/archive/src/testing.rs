//! A zip writer for tests that writes contradictions, which proper writers refuse.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::MemberSpec;

/// A member: its fields as both headers declare them, and its bytes in the archive.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    /// Bytes in the archive, as declared.
    pub packed: u64,
    /// Bytes unpacked, as declared.
    pub size: u64,
    /// The upper half is the Unix mode.
    pub attributes: u32,
    /// Offset of the header before its data; set by [`zip`].
    pub offset: u64,
    /// Sizes and offset go to a zip64 field.
    pub wide: bool,
    /// Sizes and checksum follow the data; the header before the data has none.
    pub streamed: bool,
    pub data: Vec<u8>,
}

impl Member {
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.into(),
            flags: 0,
            method: 0,
            crc: crc(content),
            packed: content.len() as u64,
            size: content.len() as u64,
            attributes: 0o100_644 << 16,
            offset: 0,
            wide: false,
            streamed: false,
            data: content.to_vec(),
        }
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        let data = encoder.finish().unwrap();
        Self { method: 8, packed: data.len() as u64, data, ..Self::stored(name, content) }
    }

    pub fn local(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x2d\x00".to_vec();
        let (crc, packed, size) = if self.streamed { (0, 0, 0) } else { (self.crc, self.packed, self.size) };
        self.fields(&mut out, crc, packed, size);
        let extra = self.extra(&[size, packed]);
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((extra.len() as u16).to_le_bytes());
        out.extend(&self.name);
        out.extend(extra);
        out
    }

    fn descriptor(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.streamed {
            out.extend(b"PK\x07\x08");
            out.extend(self.crc.to_le_bytes());
            out.extend((self.packed as u32).to_le_bytes());
            out.extend((self.size as u32).to_le_bytes());
        }
        out
    }

    pub fn central(&self) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x2d\x03\x2d\x00".to_vec();
        self.fields(&mut out, self.crc, self.packed, self.size);
        let extra = self.extra(&[self.size, self.packed, self.offset]);
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((extra.len() as u16).to_le_bytes());
        out.extend([0; 6]);
        out.extend(self.attributes.to_le_bytes());
        out.extend(if self.wide { u32::MAX } else { self.offset as u32 }.to_le_bytes());
        out.extend(&self.name);
        out.extend(extra);
        out
    }

    /// Writes the fields from the flags to the unpacked size, which both headers share.
    fn fields(&self, out: &mut Vec<u8>, crc: u32, packed: u64, size: u64) {
        let flags = if self.streamed { self.flags | 8 } else { self.flags };
        let narrow = |value: u64| if self.wide { u32::MAX } else { value as u32 };
        out.extend(flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0x00, 0x60, 0x21, 0x50]); // noon of 2020-01-01
        out.extend(crc.to_le_bytes());
        out.extend(narrow(packed).to_le_bytes());
        out.extend(narrow(size).to_le_bytes());
    }

    fn extra(&self, values: &[u64]) -> Vec<u8> {
        if !self.wide {
            return Vec::new();
        }
        let mut out = vec![1, 0];
        out.extend((values.len() as u16 * 8).to_le_bytes());
        values.iter().for_each(|value| out.extend(value.to_le_bytes()));
        out
    }
}

/// Returns the CRC-32 of bytes.
pub fn crc(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// Returns the end record of an archive.
pub fn end(entries: u16, size: u32, start: u32) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// Returns the zip64 end records of an archive; `at` is the offset of the first.
pub fn wide_end(entries: u64, size: u64, start: u64, at: u64) -> Vec<u8> {
    let mut out = b"PK\x06\x06".to_vec();
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    [entries, entries, size, start].iter().for_each(|value| out.extend(value.to_le_bytes()));
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(at.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out
}

/// Returns a valid archive.
pub fn zip(members: &[Member]) -> Vec<u8> {
    lying_zip(members, |_| {})
}

/// Returns an archive whose directory contradicts the headers before the members.
pub fn lying_zip(members: &[Member], change: impl Fn(&mut Member)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for member in members {
        let mut listed = Member { offset: out.len() as u64, ..member.clone() };
        change(&mut listed);
        directory.extend(listed.central());
        out.extend([member.local(), member.data.clone(), member.descriptor()].concat());
    }
    let (start, size) = (out.len(), directory.len());
    out.extend(directory);
    if members.iter().any(|member| member.wide) {
        out.extend(wide_end(members.len() as u64, size as u64, start as u64, out.len() as u64));
        out.extend(end(u16::MAX, u32::MAX, u32::MAX));
    } else {
        out.extend(end(members.len() as u16, size as u32, start as u32));
    }
    out
}

/// Asks for a member.
pub fn member(name: &str) -> MemberSpec {
    MemberSpec { name: name.into(), size_max: 1 << 20 }
}
