//! Reads JSON files of many small records one record at a time; errors name file, entry, field and line.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};
use crate::files;

/// A record being read: it takes the fields it knows and is finished when the JSON object ends.
pub(super) trait Draft: Sized {
    /// What a complete draft becomes.
    type Record;
    /// Takes the value of `key` (see [`field`]) and returns true, or returns false and leaves the value alone.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
    /// The record, or what is wrong with it.
    fn finish(self) -> Result<Self::Record, String>;
}

/// Reads one field's value into its slot; a wrong type or a second value is an error that names the field.
pub(super) fn field<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    if slot.is_some() {
        return Err(A::Error::custom(format_args!("field `{key}` is there twice")));
    }
    *slot = Some(map.next_value().map_err(|e| A::Error::custom(format_args!("field `{key}`: {e}")))?);
    Ok(true)
}

/// The value of a field that must be there.
pub(super) fn required<T>(slot: Option<T>, key: &str) -> Result<T, String> {
    slot.ok_or_else(|| format!("field `{key}` is missing"))
}

/// Reads a JSON list of records.
pub(super) fn read_list<D: Draft>(
    path: &Path,
    new: impl Fn() -> D,
    mut each: impl FnMut(D::Record) -> Result<()>,
) -> Result<()> {
    read_whole(path, Shape::List, new, |_, record| each(record))
}

/// Reads a JSON object whose values are records; `each` gets key and record.
pub(super) fn read_object<D: Draft>(
    path: &Path,
    new: impl Fn() -> D,
    each: impl FnMut(String, D::Record) -> Result<()>,
) -> Result<()> {
    read_whole(path, Shape::Object, new, each)
}

/// Reads one JSON record a line.
pub(super) fn read_lines<D: Draft>(
    path: &Path,
    new: impl Fn() -> D,
    mut each: impl FnMut(D::Record) -> Result<()>,
) -> Result<()> {
    for (index, line) in open(path)?.lines().enumerate() {
        let line = line.map_err(|e| Error::io("read", path, &e))?;
        let mut json = serde_json::Deserializer::from_str(&line);
        let record =
            Seed(new()).deserialize(&mut json).and_then(|record| json.end().map(|()| record)).map_err(|e| {
                Error::data(format!("{} is damaged at line {}", path.display(), index + 1))
                    .because(e)
                    .next("each line of this file is one JSON object; fetch it again")
            })?;
        each(record)?;
    }
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::with_capacity(1 << 20, files::open_regular(path)?))
}

#[derive(Clone, Copy)]
enum Shape {
    List,
    Object,
}

fn read_whole<D: Draft>(
    path: &Path,
    shape: Shape,
    new: impl Fn() -> D,
    mut each: impl FnMut(String, D::Record) -> Result<()>,
) -> Result<()> {
    let mut json = serde_json::Deserializer::from_reader(open(path)?);
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
        (None, Err(e)) => Err(Error::data(format!("{} cannot be used", path.display()))
            .because(e)
            .next("correct the file or make it again")),
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
