//! Reads JSON files of many small records, one record at a time. Errors name what the file is instead, or entry, field and
//! line.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::foreign_json::{ExpectedFile, explain};
use base::error::{Error, Result};
use base::files::text::open_text;

/// Far longer than any record: NLVR2's official lines have 1 kB.
const LONGEST_LINE: u64 = 16 << 20;

/// A record being read: it takes the fields it knows and is finished when the JSON object ends.
pub(super) trait Draft: Sized {
    /// The record that a complete draft becomes.
    type Record;
    /// Takes the value of `key` (see [`field`]) and returns true, or returns false and leaves the value alone.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
    /// Returns the record, or what is wrong with it.
    fn finish(self) -> Result<Self::Record, String>;
}

/// Reads one field's value into its slot; a wrong type or a second value is an error that names the field.
pub(super) fn field<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    if slot.is_some() {
        return Err(A::Error::custom(format_args!("field `{key}` occurs twice")));
    }
    *slot = Some(map.next_value().map_err(|e| A::Error::custom(format_args!("field `{key}`: {e}")))?);
    Ok(true)
}

/// Returns the value of a required field.
pub(super) fn required<T>(slot: Option<T>, key: &str) -> Result<T, String> {
    slot.ok_or_else(|| format!("field `{key}` is missing"))
}

/// Reads records from a JSON list, or from lines of one JSON object each: the content decides.
pub(super) fn read_list<D: Draft>(
    path: &Path,
    wanted: ExpectedFile,
    new: impl Fn() -> D,
    mut each: impl FnMut(D::Record) -> Result<()>,
) -> Result<()> {
    let mut file = open_text(path)?;
    match first_byte(&mut file, path)? {
        Some(b'{') => lines(file, path, wanted, new, each),
        _ => whole(file, path, wanted, Shape::List, new, |_, record| each(record)),
    }
}

/// Reads a JSON object whose values are records; `each` gets key and record.
pub(super) fn read_object<D: Draft>(
    path: &Path,
    wanted: ExpectedFile,
    new: impl Fn() -> D,
    each: impl FnMut(String, D::Record) -> Result<()>,
) -> Result<()> {
    whole(open_text(path)?, path, wanted, Shape::Object, new, each)
}

/// Skips white space and returns the first other byte.
fn first_byte(file: &mut BufReader<File>, path: &Path) -> Result<Option<u8>> {
    loop {
        let bytes = file.fill_buf().map_err(|e| Error::io("read", path, &e))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        match bytes.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(at) => {
                let byte = bytes[at];
                file.consume(at);
                return Ok(Some(byte));
            }
            None => {
                let blanks = bytes.len();
                file.consume(blanks);
            }
        }
    }
}

/// Reads one JSON record a line; blank lines are passed over.
fn lines<D: Draft>(
    mut file: BufReader<File>,
    path: &Path,
    wanted: ExpectedFile,
    new: impl Fn() -> D,
    mut each: impl FnMut(D::Record) -> Result<()>,
) -> Result<()> {
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        let read = (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|e| Error::io("read", path, &e))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |why: String| {
            let error = Error::data(format!("{} is damaged at line {number}", path.display())).because(why);
            let error =
                error.next("it is a list of records, or has one JSON object on each line; fetch or make it again");
            explain(path, wanted, error)
        };
        if line.len() as u64 == LONGEST_LINE {
            return Err(wrong(format!("the line has more than {LONGEST_LINE} bytes")));
        }
        let mut json = serde_json::Deserializer::from_slice(&line);
        let record = Seed(new()).deserialize(&mut json).and_then(|record| json.end().map(|()| record));
        each(record.map_err(|e| wrong(e.to_string()))?)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Shape {
    List,
    Object,
}

fn whole<D: Draft>(
    file: BufReader<File>,
    path: &Path,
    wanted: ExpectedFile,
    shape: Shape,
    new: impl Fn() -> D,
    mut each: impl FnMut(String, D::Record) -> Result<()>,
) -> Result<()> {
    let mut json = serde_json::Deserializer::from_reader(file);
    let mut refused = None;
    let visitor = Records {
        new,
        each: |key, record| {
            each(key, record).map_err(|e| {
                refused = Some(e);
            })
        },
    };
    let read = match shape {
        Shape::List => json.deserialize_seq(visitor),
        Shape::Object => json.deserialize_map(visitor),
    }
    .and_then(|()| json.end());
    match (refused, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(e)) => match e.io_error_kind() {
            Some(kind) => Err(Error::io("read", path, &std::io::Error::new(kind, e))),
            None => {
                let error = Error::data(format!("{} cannot be used", path.display())).because(e);
                Err(explain(path, wanted, error.next("correct the file or make it again")))
            }
        },
    }
}

/// Visits every record of a list or object; `each` returns an error only after keeping the real one elsewhere.
struct Records<N, F> {
    new: N,
    each: F,
}

impl<'de, D: Draft, N: Fn() -> D, F: FnMut(String, D::Record) -> Result<(), ()>> Visitor<'de> for Records<N, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list (or object) of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            let next = list.next_element_seed(Seed((self.new)()));
            match next.map_err(|e| A::Error::custom(format_args!("entry {index} (from 0): {e}")))? {
                None => break,
                Some(record) => (self.each)(String::new(), record).map_err(|()| A::Error::custom("refused"))?,
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let record = map
                .next_value_seed(Seed((self.new)()))
                .map_err(|e| A::Error::custom(format_args!("entry `{key}`: {e}")))?;
            (self.each)(key, record).map_err(|()| A::Error::custom("refused"))?;
        }
        Ok(())
    }
}

/// Deserialises one record through its draft.
struct Seed<D>(D);

impl<'de, D: Draft> DeserializeSeed<'de> for Seed<D> {
    type Value = D::Record;

    fn deserialize<J: Deserializer<'de>>(self, json: J) -> Result<D::Record, J::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, D: Draft> Visitor<'de> for Seed<D> {
    type Value = D::Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<D::Record, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if !self.0.take(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.0.finish().map_err(A::Error::custom)
    }
}
