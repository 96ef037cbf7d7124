//! Recognises files of other formats that are passed as an obj36 TSV. This is checked before a row is called damaged: a
//! valid file of another program is not damaged, and its rows must not be deleted.

use std::borrow::Cow;

use super::column::TsvLayout;
use base::files::FileKind;

/// A file of another format than obj36 TSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFormat {
    /// Such as `a zip archive`; fits behind "this is".
    pub what: Cow<'static, str>,
    /// What to do with the file.
    pub advice: Cow<'static, str>,
}

/// Bytes of a file that [`of_content`] needs.
pub const START: usize = 4096;

/// The ten columns by name, in their order.
const TEN: [&str; 10] = [
    "img_id",
    "img_h",
    "img_w",
    "objects_id",
    "objects_conf",
    "attrs_id",
    "attrs_conf",
    "num_boxes",
    "boxes",
    "features",
];
/// Those of bottom-up-attention's own files (tools/generate_tsv.py of peteanderson80/bottom-up-attention).
const SIX: [&str; 6] = ["image_id", "image_w", "image_h", "num_boxes", "boxes", "features"];
const ALL_TEN: &str = "obj36 has ten columns: img_id, img_h, img_w, objects_id, objects_conf, attrs_id, attrs_conf, \
     num_boxes, boxes, features; extract such a file with `repro extract`, or fetch the published one with `repro fetch`";
const WITHOUT_HEADER: &str = "take the first line off: tail -n +2 FILE > NEW";

/// Recognises a file by its first bytes, up to [`START`]; `None` if it may be a TSV.
pub fn of_content(start: &[u8]) -> Option<ForeignFormat> {
    let found =
        |what: &'static str, advice: &'static str| Some(ForeignFormat { what: what.into(), advice: advice.into() });
    if let Some(kind) = FileKind::of(start) {
        let instead = match kind {
            FileKind::Picture => "extract features of the images first: `repro extract --help`",
            FileKind::Film | FileKind::Pdf | FileKind::Program => "name the feature file",
            _ => ALL_TEN,
        };
        return found(kind.what(), kind.advice().unwrap_or(instead));
    }
    let text = start.trim_ascii_start();
    let next = text.get(1..).map(<[u8]>::trim_ascii_start).and_then(|rest| rest.first());
    match text.first()? {
        b'{' if matches!(next, Some(b'"' | b'}')) => found("JSON", ALL_TEN),
        b'[' if matches!(next, Some(b'"' | b'{' | b'[' | b']')) => found("JSON", ALL_TEN),
        _ => None,
    }
}

/// Recognises a file by its first line without the line feed; `None` if it may be a TSV of one of the two supported layouts,
/// damaged or not.
pub fn of_first_line(line: &[u8]) -> Option<ForeignFormat> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').take(64).collect();
    let number = |at: usize| fields.get(at).and_then(|field| whole_number(field));
    let found = |what: Cow<'static, str>, advice: &'static str| Some(ForeignFormat { what, advice: advice.into() });
    if let Some(names) = header(&fields) {
        return Some(of_header(&names));
    }
    if fields.len() == 1 {
        return found("text without tabs".into(), ALL_TEN);
    }
    if fields[1..].iter().any(|field| matches!(field.trim_ascii_start().first(), Some(b'{' | b'['))) {
        return found("a TSV of images and JSON, as Oscar's and VinVL's".into(), ALL_TEN);
    }
    if fields.len() == 3
        && let Some(boxes) = number(1).filter(|&boxes| boxes > 0)
        && number(2).is_none()
        && is_base64(fields[2])
    {
        let width = fields[2].len() as u64 / 4 * 3 / 4 / boxes;
        return found(
            format!("VinVL's TSV of three columns (image, number of boxes, features; {width} features a box)").into(),
            ALL_TEN,
        );
    }
    // Height and width come second and third; where an extraction broke off and the next row follows, later.
    let has_sides = (1..fields.len()).any(|at| number(at).is_some() && number(at + 1).is_some());
    let is_ours = fields.len() == 10 || has_sides;
    if is_ours { None } else { found(format!("a TSV of {} columns", fields.len()).into(), ALL_TEN) }
}

/// Guesses the layout of a file by its first line without the line feed: six columns if three whole numbers and base64
/// follow the id. obj36 has base64 in place of the third number.
pub fn layout_of_first_line(line: &[u8]) -> TsvLayout {
    let unquoted = |field: &'_ [u8]| match field {
        [b'"', inside @ .., b'"'] => inside.to_vec(),
        _ => field.to_vec(),
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut fields = line.split(|&byte| byte == b'\t').skip(1).map(unquoted);
    let has_numbers = (0..3).all(|_| fields.next().is_some_and(|field| whole_number(&field).is_some()));
    match has_numbers && fields.next().is_some_and(|boxes| is_base64(&boxes)) {
        true => TsvLayout::Six,
        false => TsvLayout::Ten,
    }
}

/// Returns the names of the columns if the line is a header.
fn header(fields: &[&[u8]]) -> Option<Vec<String>> {
    let name = |field: &&[u8]| {
        let field = field.trim_ascii().trim_ascii_start();
        let field = field.strip_prefix(b"#").unwrap_or(field).trim_ascii();
        let field = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field);
        (field.len() <= 40).then(|| String::from_utf8_lossy(field).to_ascii_lowercase())
    };
    let names: Vec<String> = fields.iter().map(name).collect::<Option<_>>()?;
    let known = names.iter().filter(|name| TEN.contains(&name.as_str()) || SIX.contains(&name.as_str())).count();
    (known >= 2).then_some(names)
}

fn of_header(names: &[String]) -> ForeignFormat {
    let listed = names.join(", ");
    let (what, advice) = if names == TEN {
        ("a TSV with a header line, which obj36 does not have".into(), WITHOUT_HEADER)
    } else if names == SIX {
        let what = format!("bottom-up-attention's own TSV of six columns ({listed}), with a header line");
        (what + ", which it does not have", WITHOUT_HEADER)
    } else {
        (format!("a TSV with a header line and other columns ({listed})"), ALL_TEN)
    };
    ForeignFormat { what: what.into(), advice: advice.into() }
}

fn whole_number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field.trim_ascii())
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// Returns whether a field can be the base64 of at least one float; its first characters tell.
fn is_base64(field: &[u8]) -> bool {
    let character = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    field.len() >= 8 && field.iter().take(1024).all(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(found: Option<ForeignFormat>) -> String {
        found.map_or_else(String::new, |found| found.what.into_owned())
    }

    #[test]
    fn files_of_other_kinds_are_named_by_their_first_bytes() {
        let mut lmdb = vec![0_u8; 64];
        lmdb[16..20].copy_from_slice(b"\xde\xc0\xef\xbe");
        for (start, expected) in [
            (&b"PK\x03\x04rest"[..], "a zip archive"),
            (b"\x1f\x8b\x08\0", "a gzip archive"),
            (b"\xff\xd8\xff\xe0", "a picture"),
            (b"\x93NUMPY\x01", "a NumPy array (.npy)"),
            (&lmdb, "an LMDB database (data.mdb)"),
            (b"\x80\x04\x95", "a Python pickle"),
            (b"n\x001\0\t\x004\x008\x000\0\t\x006\0", "text in UTF-16"),
            (b"\xff\xfen\0", "text in UTF-16"),
            (b" [\n {\"img_id\": 1}]", "JSON"),
            (b"{\"img_id\": 1}\n{", "JSON"),
            (b"\n<!doctype html>", "a web page"),
            (b"<HTML>", "a web page"),
            (b"COCO_val2014_000000000042\t480\t640\t", ""),
            (b"[1]\t480", ""),
            (b"", ""),
        ] {
            assert_eq!(what(of_content(start)), expected, "{start:?}");
        }
    }

    #[test]
    fn layouts_of_other_programs_are_named_by_their_first_line() {
        let ten = format!("{}\r", TEN.join("\t"));
        let vinvl = format!("42\t2\t{}", "A".repeat(2 * 2054 * 4 / 3 * 4 + 4));
        for (line, expected) in [
            (
                SIX.join("\t").as_str(),
                "bottom-up-attention's own TSV of six columns (image_id, image_w, image_h, num_boxes, boxes, features), with",
            ),
            (&ten, "a TSV with a header line, which obj36"),
            (
                "img_id\tboxes\tfeatures\textra",
                "a TSV with a header line and other columns (img_id, boxes, features, extra)",
            ),
            (&vinvl, "VinVL's TSV of three columns (image, number of boxes, features; 2054 features a box)"),
            ("42\t[{\"class\": \"cat\"}]", "a TSV of images and JSON"),
            ("a,b,c", "text without tabs"),
            ("a\tb\tc\td", "a TSV of 4 columns"),
        ] {
            let found = what(of_first_line(line.as_bytes()));
            assert!(found.starts_with(expected), "{line}: {found}");
        }
        let six = "132417\t500\t333\t36\tAAAAAAAA\tt58HPhVg\r";
        for line in
            [six, "n1\t480\t640\tAAAA", "n1\t48n2\t480\t640\tAAAA\tAAAA", "a\tb\tc\td\te\tf\tg\th\ti\tj", "x\t1\t1"]
        {
            assert_eq!(of_first_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn six_columns_are_told_by_three_numbers_before_the_boxes() {
        for line in ["n1\t500\t333\t36\tAAAAAAAA\tAAAAAAAA\r", "7\t\"500\"\t333\t1\t\"AAAAAAAA\""] {
            assert_eq!(layout_of_first_line(line.as_bytes()), TsvLayout::Six, "{line}");
        }
        for line in [
            "n1\t480\t640\tAAAAAAAAAAA=\tAAAA",
            "7\t480\t640\t8\t480\t640\tAAAAAAAA",
            "7\t480\t640\t36",
            "",
            "\t\t\t\t",
        ] {
            assert_eq!(layout_of_first_line(line.as_bytes()), TsvLayout::Ten, "{line}");
        }
    }
}
