//! Writes numbers and JSON like Python, because files are compared byte by byte with the original's.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::ser::SerializeSeq;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter};

use base::error::{Error, Result};
use base::files::write_atomically;

/// Formats a float like Python's `repr` and `print`: `1.0`, `1e-05`, `1e+16`, `nan`.
pub fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let scientific = shortest(value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let places = exponent.unsigned_abs() as usize;
    match exponent {
        0..16 => {
            let digits = format!("{:0<1$}", mantissa.replace('.', ""), places + 2);
            let (whole, fraction) = digits.split_at(places + 1);
            format!("{sign}{whole}.{fraction}")
        }
        -4..0 => format!("{sign}0.{}{}", "0".repeat(places - 1), mantissa.replace('.', "")),
        _ => format!("{sign}{mantissa}e{}{places:02}", if exponent < 0 { '-' } else { '+' }),
    }
}

/// Returns the fewest digits that read back as `value`. If two such numbers are equally near, Rust takes the greater and
/// Python the even one; formatting with a given number of digits takes the even one in both.
fn shortest(value: f64) -> String {
    let shortest = format!("{value:e}");
    let decimals = shortest.split_once('e').and_then(|(digits, _)| digits.split_once('.')).map_or(0, |(_, d)| d.len());
    let even = format!("{value:.decimals$e}");
    if even.parse() == Ok(value) { even } else { shortest }
}

/// Writes `path` as `json.dump(list, indent=4, sort_keys=True)` does, one item at a time: `fill` is given the function
/// that appends an item. Items must list their keys in sorted order.
pub(super) fn write_list<T: Serialize>(
    path: &Path,
    fill: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<()>,
) -> Result<()> {
    write_atomically(path, |out| {
        let failed = |e: serde_json::Error| Error::io("write", path, &io::Error::from(e));
        let mut json = serde_json::Serializer::with_formatter(out, Python(PrettyFormatter::with_indent(b"    ")));
        let mut list = serde::Serializer::serialize_seq(&mut json, None).map_err(failed)?;
        fill(&mut |item| list.serialize_element(&item).map_err(failed))?;
        list.end().map_err(failed)
    })
}

/// Indented by 4, ASCII only, floats as [`float_repr`].
struct Python(PrettyFormatter<'static>);

impl Formatter for Python {
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        out.write_all(float_repr(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c| !matches!(c, ' '..='~')) {
            out.write_all(&rest.as_bytes()[..at])?;
            let mut characters = rest[at..].chars();
            if let Some(c) = characters.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_python_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1e15, "1000000000000000.0"),
            (1_097_718_834_198_879.0 + 0.25, "1097718834198879.2"),
            (1e16, "1e+16"),
            (1.5e100, "1.5e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_repr(value), text);
        }
    }

    #[test]
    fn lists_as_python_dumps_them() {
        #[derive(Serialize)]
        struct Item {
            a: Vec<f64>,
            b: &'static str,
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let text = |items: Vec<Item>| {
            write_list(&path, |push| items.into_iter().try_for_each(push)).unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(text(vec![]), "[]");
        assert_eq!(
            text(vec![
                Item { a: vec![], b: "\"\\/\n\r\t\u{8}\u{c}\u{1}\u{7f}é\u{1f600}\u{ffff}" },
                Item { a: vec![1e-5], b: "" }
            ]),
            "[\n    {\n        \"a\": [],\n        \"b\": \"\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\\u007f\\u00e9\\ud83d\\ude00\\uffff\"\n    },\n    \
             {\n        \"a\": [\n            1e-05\n        ],\n        \"b\": \"\"\n    }\n]"
        );
    }
}
