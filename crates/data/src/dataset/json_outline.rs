//! Reads the outline of a JSON file: kinds and names of the values at its beginning, whatever follows.

use std::fmt;
use std::io::{Cursor, Read};
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use base::error::{Error, Result};
use base::files::text::open_text;

/// Bytes that are looked at.
const START: u64 = 1 << 20;
/// Entries of an object that are looked at.
const MOST: usize = 64;
/// Objects and lists within each other that are looked into.
const DEPTH: usize = 3;

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum JsonKind {
    /// No value: the text is not JSON, or ends before one.
    #[default]
    Nothing,
    Object,
    List,
    Text,
    Number,
    Other,
}

/// A JSON value as far as it was looked at: of an object its first entries, of a list its first one (without a name).
#[derive(Debug, Default)]
pub(super) struct JsonOutline {
    pub kind: JsonKind,
    pub entries: Vec<(String, JsonOutline)>,
}

impl JsonOutline {
    /// Returns an entry of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Returns the kind of an entry of an object.
    pub(crate) fn kind_of(&self, name: &str) -> Option<JsonKind> {
        self.get(name).map(|value| value.kind)
    }
}

/// The beginning of a file.
pub(super) struct FileOutline {
    /// The first value.
    pub outline: JsonOutline,
    /// The bytes that were looked at.
    pub start: Vec<u8>,
}

impl FileOutline {
    /// Looks at a file of text.
    ///
    /// # Errors
    /// If it cannot be read, or is no text.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let mut start = Vec::new();
        open_text(path)?.take(START).read_to_end(&mut start).map_err(|e| Error::io("read", path, &e))?;
        let mut outline = JsonOutline::default();
        let mut json = serde_json::Deserializer::from_reader(Cursor::new(&start));
        // What was seen before it ended, or before enough was seen, counts.
        let _ = OutlineVisitor { out: &mut outline, depth: DEPTH }.deserialize(&mut json);
        Ok(Self { outline, start })
    }
}

/// Fills an outline.
struct OutlineVisitor<'o> {
    out: &'o mut JsonOutline,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for OutlineVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OutlineVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.out.kind = JsonKind::Object;
        while let Some(key) = map.next_key::<String>()? {
            if self.depth == 0 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.out.entries.push((key, JsonOutline::default()));
            if let Some((_, out)) = self.out.entries.last_mut() {
                map.next_value_seed(OutlineVisitor { out, depth: self.depth - 1 })?;
            }
            if self.out.entries.len() == MOST {
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.out.kind = JsonKind::List;
        if self.depth > 0 {
            let mut first = JsonOutline::default();
            let read = list.next_element_seed(OutlineVisitor { out: &mut first, depth: self.depth - 1 });
            if first.kind != JsonKind::Nothing {
                self.out.entries.push((String::new(), first));
            }
            if read?.is_none() {
                return Ok(());
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.out.kind = JsonKind::Text;
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.out.kind = JsonKind::Number;
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.out.kind = JsonKind::Number;
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.out.kind = JsonKind::Number;
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.out.kind = JsonKind::Other;
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.kind = JsonKind::Other;
        Ok(())
    }
}
