//! Explains how the ids of two collections of images differ, for questions whose features are not found.

use std::fmt;

/// Ids looked at on either side.
const LOOKED_AT: usize = 50;

/// One id that was not found, one that is there, and what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdClue {
    wanted: String,
    present: String,
    /// Whether the present id is known to name the same image as the missing one.
    pub same_image: bool,
    /// Differences such as `the extension (none and .jpg)`.
    differences: Vec<String>,
}

impl IdClue {
    /// Compares missing ids with the present ones; `has` returns whether an id is present. `None` if one side is empty.
    pub fn find<'a>(
        wanted: impl IntoIterator<Item = &'a str>,
        present: impl IntoIterator<Item = &'a str>,
        has: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let wanted: Vec<&str> = wanted.into_iter().take(LOOKED_AT).collect();
        let present: Vec<&str> = present.into_iter().take(LOOKED_AT).collect();
        let model = Parts::of(present.first()?);
        for id in &wanted {
            if let Some(other) = Parts::of(id).renamed(&model).into_iter().find(|other| other != id && has(other)) {
                return Some(Self::of(id, &other, true));
            }
        }
        Some(Self::of(wanted.first()?, present.first()?, false))
    }

    fn of(wanted: &str, present: &str, same_image: bool) -> Self {
        let (one, other) = (Parts::of(wanted), Parts::of(present));
        let mut differences = Vec::new();
        let both = |a: &str, b: &str| {
            let named = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
            format!("{} and {}", named(a), named(b))
        };
        if one.prefix != other.prefix {
            differences.push(format!("the prefix ({})", both(one.prefix, other.prefix)));
        }
        if one.is_padded() != other.is_padded() || (one.is_padded() && one.digits.len() != other.digits.len()) {
            differences.push(format!("the zeros before the number (`{}` and `{}`)", one.digits, other.digits));
        }
        if one.suffix != other.suffix {
            differences.push(format!("the end ({})", both(one.suffix, other.suffix)));
        }
        if one.extension != other.extension {
            differences.push(format!("the extension ({})", both(one.extension, other.extension)));
        }
        Self { wanted: wanted.to_owned(), present: present.to_owned(), same_image, differences }
    }

    /// Returns whether the two sides write ids in different ways.
    pub fn differs(&self) -> bool {
        !self.differences.is_empty()
    }
}

impl IdClue {
    /// Formats the differences as a sentence about two files.
    pub fn between(&self, one: &str, other: &str) -> String {
        format!("{one} has for example `{}`, {other} `{}`: {}", self.wanted, self.present, self.told())
    }

    fn told(&self) -> String {
        match self.differences.as_slice() {
            [] => "ids of one form, so these are other images".to_owned(),
            differences => format!("they differ in {}", differences.join(", ")),
        }
    }
}

impl fmt::Display for IdClue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wanted is for example `{}`, there is for example `{}`: {}", self.wanted, self.present, self.told())
    }
}

/// An id taken apart: `COCO_val2014_` `000000000042` `` `.jpg`.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    prefix: &'a str,
    digits: &'a str,
    suffix: &'a str,
    extension: &'a str,
}

impl<'a> Parts<'a> {
    fn of(id: &'a str) -> Self {
        let is_extension = |end: &str| {
            (2..=5).contains(&end.len())
                && end[1..].bytes().all(|byte| byte.is_ascii_alphanumeric())
                && end[1..].bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        let at = id.rfind('.').filter(|&at| at > 0 && is_extension(&id[at..])).unwrap_or(id.len());
        let (stem, extension) = id.split_at(at);
        let bytes = stem.as_bytes();
        let end = bytes.iter().rposition(u8::is_ascii_digit).map_or(bytes.len(), |at| at + 1);
        let start = bytes[..end].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
        let start = if end == bytes.len() && !bytes.last().is_some_and(u8::is_ascii_digit) { end } else { start };
        Self { prefix: &stem[..start], digits: &stem[start..end], suffix: &stem[end..], extension }
    }

    fn is_padded(&self) -> bool {
        self.digits.len() > 1 && self.digits.starts_with('0')
    }

    /// Returns possible names of the image in the style of `model`.
    fn renamed(&self, model: &Self) -> Vec<String> {
        let Self { prefix, digits, suffix, extension } = *self;
        let number = digits.trim_start_matches('0');
        let width = model.digits.len();
        let mut names = Vec::new();
        for (prefix, suffix) in [(prefix, suffix), (model.prefix, model.suffix)] {
            for digits in [digits.to_owned(), number.to_owned(), format!("{number:0>width$}")] {
                for extension in [model.extension, extension] {
                    names.push(format!("{prefix}{digits}{suffix}{extension}"));
                }
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_ids_is_named() {
        for (wanted, present, expected) in [
            (
                "COCO_val2014_000000000042",
                "COCO_val2014_000000000042.jpg",
                "they differ in the extension (none and `.jpg`)",
            ),
            (
                "COCO_val2014_000000000042",
                "42",
                "they differ in the prefix (`COCO_val2014_` and none), the zeros before the number (`000000000042` and `42`)",
            ),
            ("COCO_val2014_000000000042", "000000000042", "they differ in the prefix (`COCO_val2014_` and none)"),
            ("2331819", "n2331819", "they differ in the prefix (none and `n`)"),
            ("42", "000042", "they differ in the zeros before the number (`42` and `000042`)"),
            ("dev-0-0-img0", "dev-0-0-img0.png", "they differ in the extension (none and `.png`)"),
            ("42_640x480", "42", "they differ in"),
        ] {
            let all = [present];
            let clue = IdClue::find([wanted], all, |id| id == present).unwrap();
            let told = clue.to_string();
            assert!(
                told.starts_with(&format!(
                    "wanted is for example `{wanted}`, there is for example `{present}`: {expected}"
                )),
                "{told}"
            );
            assert!(clue.differs());
            assert_eq!(clue.same_image, wanted != "42_640x480", "{told}");
        }
        let clue = IdClue::find(["n1", "n2"], ["n8", "n9"], |id| id == "n8").unwrap();
        assert!(!clue.differs() && !clue.same_image);
        assert!(clue.to_string().ends_with("ids of one form, so these are other images"));
        // The first of the wanted ids that is there under another name is the one that is shown.
        let clue = IdClue::find(["a1", "a2"], ["b7", "b2"], |id| ["b7", "b2"].contains(&id)).unwrap();
        assert!(clue.to_string().contains("`a2`, there is for example `b2`"), "{clue}");
        assert_eq!(IdClue::find([], ["b7"], |_| true), None);
        for odd in ["", ".", "é", "a.é", "0.", "..jpg", "é1é.jpg"] {
            let _ = IdClue::find([odd], ["é0é"], |_| false).unwrap().to_string();
        }
    }
}
