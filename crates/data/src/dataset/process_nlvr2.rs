//! Makes the split files of NLVR2 from the official ones, byte-identical to the original's `process_dataset.py`.

use std::path::Path;

use serde::Serialize;

use super::nlvr2_official::read_nlvr2_gold;
use super::python_format;
use base::error::{Error, Result};

/// The official file of each split the original prepares: split name, official file name.
pub const NLVR2_SOURCES: [(&str, &str); 3] = [("train", "train.json"), ("valid", "dev.json"), ("test", "test1.json")];

/// Turns an official file (one JSON object a line) into `out`, the file of `split`, whose name goes into the uids.
/// The stem of the image names is the identifier without its last field. Returns the number of examples.
pub fn process_nlvr2(official: &Path, split: &str, out: &Path) -> Result<usize> {
    let examples = read_nlvr2_gold(official)?;
    if examples.is_empty() {
        return Err(Error::data(format!("{} has no examples", official.display())).next("fetch it again"));
    }
    python_format::write_list(out, |push| {
        for (line, example) in examples.iter().enumerate() {
            let wrong = |what: String| {
                Error::data(format!("{} is wrong at line {}: {what}", official.display(), line + 1))
                    .next("use the official file")
            };
            let (pair, _) = example
                .identifier
                .rsplit_once('-')
                .ok_or_else(|| wrong(format!("the identifier `{}` has no dash", example.identifier)))?;
            let label = match example.label.as_str() {
                "True" => 1,
                "False" => 0,
                other => return Err(wrong(format!("the label `{other}` is neither True nor False"))),
            };
            push(Entry {
                identifier: &example.identifier,
                img0: format!("{pair}-img0"),
                img1: format!("{pair}-img1"),
                label,
                sent: &example.sentence,
                uid: format!("nlvr2_{split}_{line}"),
            })?;
        }
        Ok(())
    })?;
    Ok(examples.len())
}

/// Keys in sorted order.
#[derive(Serialize)]
struct Entry<'a> {
    identifier: &'a str,
    img0: String,
    img1: String,
    label: u8,
    sent: &'a str,
    uid: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures;

    #[test]
    fn the_official_sets_give_the_originals_bytes() {
        let Some(expected) = fixtures::lxrt("data/data.json").map(|path| fixtures::json(&path)) else { return };
        let Some(official) = fixtures::beside("nlvr2") else { return };
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.json");
        // The fixture's train set: the first lines of test2 under other identifiers.
        let train = folder.path().join("train.json");
        let lines = std::fs::read_to_string(official.join("test2.json")).unwrap();
        let count = expected["nlvr2_process"]["train"]["entries"].as_u64().unwrap_or(0) as usize;
        let lines: Vec<_> = lines.lines().take(count).map(|line| line.replace("\"test2-", "\"train-")).collect();
        std::fs::write(&train, lines.join("\n")).unwrap();
        for (split, source) in NLVR2_SOURCES {
            let source = if split == "train" { train.clone() } else { official.join(source) };
            let expected = &expected["nlvr2_process"][split];
            if expected.is_null() {
                eprintln!("skipped: nlvr2_process {split} is not there");
                continue;
            }
            assert_eq!(
                process_nlvr2(&source, split, &out).unwrap() as u64,
                expected["entries"].as_u64().unwrap(),
                "{split}"
            );
            let bytes = std::fs::read(&out).unwrap();
            assert!(bytes.starts_with(expected["first_400_bytes"].as_str().unwrap().as_bytes()), "{split}");
            assert_eq!(bytes.len() as u64, expected["bytes"].as_u64().unwrap(), "{split}");
            assert_eq!(base::files::sha256_bytes(&bytes), expected["sha256"].as_str().unwrap(), "{split}");
        }
    }

    #[test]
    fn the_small_real_set_gives_its_bytes() {
        let Some(real) = fixtures::beside("real") else { return };
        let out = tempfile::NamedTempFile::new().unwrap();
        for (split, source) in NLVR2_SOURCES {
            process_nlvr2(&real.join("nlvr2_raw").join(source), split, out.path()).unwrap();
            let expected = std::fs::read(real.join(format!("data/nlvr2/{split}.json"))).unwrap();
            assert_eq!(std::fs::read(out.path()).unwrap(), expected, "{split}");
        }
    }

    #[test]
    fn damage_is_named_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = (folder.path().join("in"), folder.path().join("out"));
        for (text, part) in [
            ("", "is empty"),
            ("[]", "no examples"),
            (r#"{"identifier": "a", "sentence": "s", "label": "True"}"#, "no dash"),
            (r#"{"identifier": "a-0-0-0", "sentence": "s", "label": "maybe"}"#, "`maybe`"),
            (r#"{"identifier": "a-0-0-0", "sentence": "s"}"#, "`label` is missing"),
        ] {
            std::fs::write(&source, text).unwrap();
            let error = process_nlvr2(&source, "train", &out).expect_err(text).to_string();
            assert!(error.contains(part) && !out.exists(), "{error}");
        }
    }
}
