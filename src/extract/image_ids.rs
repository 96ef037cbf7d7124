//! The file that names images and their ids: a line each, path and id with a tab between them.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::image_list::{ImageListing, finish, listed};
use base::error::{Error, Result};
use base::files;

/// Largest file that is read: a million lines.
const FILE_LIMIT: u64 = 256 << 20;

/// Lists the images that `file` names, in the folder `root` (absolute, links resolved). Each line is a path relative to it, a tab and an
/// id.
///
/// # Errors
/// Data for a line of another form, a path that leads out of the folder, an image that is missing, or an id twice.
pub fn list_named(root: &Path, file: &Path) -> Result<ImageListing> {
    let text = files::read_text(file, FILE_LIMIT)?;
    let mut listing = ImageListing::default();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| {
            Error::data(format!("{}, line {number}: {why}", file.display()))
                .next("each line is a path below the folder of images, a tab, and an id")
        };
        let (path, id) = line.split_once('\t').ok_or_else(|| wrong("there is no tab in it".into()))?;
        let path = PathBuf::from(path);
        if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(wrong(format!("{} is not a path below the folder of images", path.display())));
        }
        let there =
            fs::canonicalize(root.join(&path)).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
        let location = there.strip_prefix(root).map_err(|_| wrong(format!("{} leads out of it", path.display())))?;
        if !there.is_file() {
            return Err(wrong(format!("{} is not a file", path.display())));
        }
        listing.add(listed(root, id.trim_end(), path, location.to_owned()));
    }
    finish(listing, root)
}

#[cfg(test)]
mod tests {
    use super::super::image_list::tests::png;
    use super::*;

    #[test]
    fn images_get_the_ids_of_the_file_or_a_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["a/1.png", "b/1.png"] {
            files::write_bytes(&root.join(name), &png(20, 30)).unwrap();
        }
        let names = root.join("ids.txt");
        let listed = |text: &str| {
            fs::write(&names, text).unwrap();
            list_named(&root, &names).map_err(|error| error.to_string())
        };
        let found = listed("b/1.png\tfirst\n\na/1.png\tsecond\r\n").unwrap();
        let found: Vec<_> =
            found.images.iter().map(|image| (image.id.as_str(), image.path.to_str().unwrap())).collect();
        assert_eq!(found, [("first", "b/1.png"), ("second", "a/1.png")]);
        for (text, says) in [
            ("a/1.png first", "line 1: there is no tab"),
            ("a/1.png\tx\nc.png\ty", "line 2: c.png"),
            ("../1.png\tx", "not a path below"),
            ("a\tx", "a is not a file"),
            ("a/1.png\tx\nb/1.png\tx", "two images have the id x"),
            ("", "contains no images"),
        ] {
            let error = listed(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        assert_eq!(
            listed("a/1.png\ta b\x01\nb/1.png\tx").unwrap().left_out.len(),
            1,
            "an id without control characters"
        );
    }
}
