//! Checks names of archive members: only names that mean the same everywhere and stay below the target folder are accepted.

use std::collections::HashMap;

use super::entry::Entry;

/// Longest name, in bytes.
const LONGEST: usize = 1024;
/// Longest part of a name, in bytes: what file systems take.
const LONGEST_PART: usize = 255;
/// Folders within folders.
const DEEPEST: usize = 32;

/// Returns the name without a slash at its end, and whether it had one, which marks a folder.
///
/// # Errors
/// Why such a name is not accepted.
pub(super) fn check(raw: &[u8]) -> Result<(&str, bool), String> {
    let refused = |why: &str| Err(format!("the name {:?} is refused: {why}", shown(raw)));
    if raw.len() > LONGEST {
        return refused("it is too long");
    }
    let Ok(text) = std::str::from_utf8(raw) else { return refused("it is not UTF-8") };
    let (name, folder) = text.strip_suffix('/').map_or((text, false), |name| (name, true));
    if name.is_empty() {
        return refused("it is empty");
    }
    if name.contains(char::is_control) {
        return refused("it holds control characters");
    }
    if name.contains('\\') {
        return refused("it holds a backslash");
    }
    if name.starts_with('/') {
        return refused("it is absolute");
    }
    if let [letter, b':', ..] = name.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        return refused("it begins with a drive letter");
    }
    for part in name.split('/') {
        match part {
            "" => return refused("it holds two slashes in a row"),
            "." | ".." => return refused("it leads outside its folder"),
            _ if part.len() > LONGEST_PART => return refused("a part of it is too long"),
            _ => {}
        }
    }
    if name.split('/').count() > DEEPEST {
        return refused("it has too many folders");
    }
    Ok((name, folder))
}

/// Checks the names of an archive together: none occurs twice, and no file is also a folder.
///
/// # Errors
/// Which names contradict each other.
pub(super) fn check_together(entries: &[Entry]) -> Result<(), String> {
    let mut known = HashMap::with_capacity(entries.len());
    for entry in entries {
        if known.insert(entry.name.as_str(), entry.folder).is_some() {
            return Err(format!("the name {:?} is there twice", entry.name));
        }
    }
    for entry in entries {
        for (at, _) in entry.name.match_indices('/') {
            let above = &entry.name[..at];
            if known.get(above) == Some(&false) {
                return Err(format!("{above:?} is a file and also the folder of {:?}", entry.name));
            }
        }
    }
    Ok(())
}

/// Returns whether macOS added the member: copies of attributes that are not part of the data.
pub(super) fn is_junk(name: &str) -> bool {
    name.split('/').any(|part| part == "__MACOSX" || part == ".DS_Store")
}

/// Returns the last part of a name.
pub(super) fn file_name(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

fn shown(raw: &[u8]) -> String {
    String::from_utf8_lossy(&raw[..raw.len().min(80)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_below_the_folder() {
        let long = "x".repeat(256);
        let deep = "a/".repeat(40);
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/./b",
            "a\\b",
            "..\\a",
            "C:a",
            "c:/a",
            "a\0b",
            "a\nb",
            "a/\u{85}",
            &long,
            &deep,
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(check(b"a\xff").is_err() && check(&[b'x'; 2000]).is_err());
        assert_eq!(check(b"a/b c/...d:e"), Ok(("a/b c/...d:e", false)));
        assert_eq!(check("bücher/".as_bytes()), Ok(("bücher", true)));
        assert!(is_junk("a/.DS_Store") && is_junk("__MACOSX/._a") && !is_junk("a/DS_Store"));
    }
}
