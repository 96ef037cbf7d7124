//! Walks the fields of protobuf messages in a mapped file. Nothing is built of them, so a message takes no memory, however many
//! fields it has.

use std::ops::Range;

use protobuf::CodedInputStream;

use crate::error::damage_error;
use base::error::Result;

/// The largest message of protobuf, which no field can be longer than.
pub(super) const LARGEST_MESSAGE: usize = i32::MAX as usize;

/// A field of a message.
pub(super) struct Field {
    /// Its number in the message's type.
    pub number: u32,
    /// The byte of the file at which it begins.
    pub at: usize,
    /// Its value.
    pub payload: Payload,
}

/// The value of a field, as the wire format has it.
pub(super) enum Payload {
    /// A whole number or a truth value.
    Varint(u64),
    /// A 64-bit number.
    Fixed64(u64),
    /// A 32-bit number.
    Fixed32(u32),
    /// A text, a message or packed numbers: a range of the file.
    Bytes(Range<usize>),
}

/// The fields of a message, in their order. Ends after an error.
pub(super) struct Fields<'a> {
    input: CodedInputStream<'a>,
    /// The message's first byte in the file.
    start: usize,
    /// The byte after its last.
    end: usize,
    /// What the message is, for errors.
    what: &'static str,
    failed: bool,
}

impl<'a> Fields<'a> {
    /// Begins with the first field of the message `what`, which is the `range` of the file `content`.
    pub(super) fn new(content: &'a [u8], range: &Range<usize>, what: &'static str) -> Self {
        let input = CodedInputStream::from_bytes(&content[range.clone()]);
        Self { input, start: range.start, end: range.end, what, failed: false }
    }

    /// Returns the byte of the file that the next field begins at.
    pub(super) fn at(&self) -> usize {
        self.start + self.input.pos() as usize
    }

    fn field(&mut self) -> Result<Option<Field>> {
        let (at, what) = (self.at(), self.what);
        let broken =
            |e: protobuf::Error| damage_error(format!("the field at byte {at} of {what} is damaged")).because(e);
        let Some(tag) = self.input.read_raw_tag_or_eof().map_err(broken)? else { return Ok(None) };
        let number = tag >> 3;
        if number == 0 {
            return Err(damage_error(format!("no field of protobuf begins at byte {at} of {what}")));
        }
        let payload = match tag & 7 {
            0 => Payload::Varint(self.input.read_raw_varint64().map_err(broken)?),
            1 => Payload::Fixed64(self.input.read_fixed64().map_err(broken)?),
            2 => {
                let length = self.input.read_raw_varint64().map_err(broken)?;
                let start = self.at();
                let left = self.end - start;
                let Some(short) = u32::try_from(length).ok().filter(|_| length <= left as u64) else {
                    return Err(damage_error(format!(
                        "the field at byte {at} should have {length} bytes, but only {left} are left of {what}"
                    )));
                };
                self.input.skip_raw_bytes(short).map_err(broken)?;
                Payload::Bytes(start..self.at())
            }
            5 => Payload::Fixed32(self.input.read_fixed32().map_err(broken)?),
            kind => {
                return Err(damage_error(format!(
                    "the field at byte {at} of {what} has the wire type {kind}, which Caffe does not use"
                )));
            }
        };
        Ok(Some(Field { number, at, payload }))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let field = self.field().transpose();
        self.failed = matches!(field, Some(Err(_)));
        field
    }
}

/// Returns the packed whole numbers in a `range` of the file `content`.
pub(super) fn packed_varints(content: &[u8], range: &Range<usize>) -> impl Iterator<Item = Result<u64>> {
    let (mut input, start) = (CodedInputStream::from_bytes(&content[range.clone()]), range.start);
    std::iter::from_fn(move || {
        let at = start + input.pos() as usize;
        match input.eof() {
            Ok(true) => None,
            _ => Some(
                input
                    .read_raw_varint64()
                    .map_err(|e| damage_error(format!("the number at byte {at} is damaged")).because(e)),
            ),
        }
    })
}
