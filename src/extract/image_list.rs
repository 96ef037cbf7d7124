//! Lists the images before anything runs. The original tries every entry of its folders in directory order; for one that it cannot
//! read it prints only a message without the name.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirEntry};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::image_sets::{ImageSource, Layout};
use base::error::{Error, Result};
use data::features::row::check_id;

/// Suffixes of image files. Any other file counts as an image only if its content is one.
const ENDINGS: [&str; 12] = ["jpg", "jpeg", "jpe", "png", "bmp", "dib", "tif", "tiff", "webp", "jp2", "ppm", "pgm"];
/// Sizes in the detector's configuration: shorter side and maximum longer side after resizing (TEST.SCALES, TEST.MAX_SIZE), and
/// smallest proposal (RPN_MIN_SIZE), in pixels.
const SIDE: f64 = 600.0;
const LONGEST: f64 = 1000.0;
const SMALLEST: f64 = 16.0;

/// An image to extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// File name up to the first dot, as in the original.
    pub id: String,
    /// Path relative to the image folder, as the original walks it.
    pub path: PathBuf,
    /// Path relative to the image folder, links resolved.
    pub location: PathBuf,
    /// Width and height from the header, before any rotation; `None` if the header does not tell.
    pub size: Option<(u32, u32)>,
}

/// An image without features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingImage {
    /// Id of the image.
    pub id: String,
    /// Path relative to the image folder.
    pub path: PathBuf,
    /// Why it has none.
    pub reason: String,
}

/// The content of a folder of images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageListing {
    /// Images, sorted by id.
    pub images: Vec<ListedImage>,
    /// Images that the original cannot process, sorted by id.
    pub left_out: Vec<MissingImage>,
    /// Entries that are not images (other files, hidden files, folders), relative to the image folder, sorted.
    pub strays: Vec<PathBuf>,
}

impl ImageListing {
    /// Adds an image, or one that can have no row.
    pub(super) fn add(&mut self, listed: Result<ListedImage, MissingImage>) {
        match listed {
            Ok(image) => self.images.push(image),
            Err(missing) => self.left_out.push(missing),
        }
    }
}

/// Lists the images of a source in `root` (absolute, links resolved).
///
/// # Errors
/// Data if the folder is missing or empty, two images have the same id, or one is a link out of the folder.
pub fn list(root: &Path, source: &ImageSource) -> Result<ImageListing> {
    source.check(root)?;
    let mut listing = ImageListing::default();
    let top = Path::new(source.folder);
    match source.layout {
        Layout::Flat => list_flat(root, top, top, &mut listing)?,
        Layout::OneDeeper => {
            for (path, location, is_folder) in entries(root, top, top)? {
                match is_folder && !hidden(&path) {
                    true => list_flat(root, &path, &location, &mut listing)?,
                    false => listing.strays.push(path),
                }
            }
        }
        Layout::AnyDepth => list_below(root, &mut listing)?,
    }
    finish(listing, &root.join(source.folder))
}

/// Sorts a listing, and checks that ids are unique and that there are images. `folder` is for messages.
///
/// # Errors
/// Data if two images have the same id, or there are none.
pub(super) fn finish(mut listing: ImageListing, folder: &Path) -> Result<ImageListing> {
    listing.images.sort_by(|a, b| a.id.cmp(&b.id));
    listing.left_out.sort_by(|a, b| a.id.cmp(&b.id));
    listing.strays.sort();
    let mut first: HashMap<&str, &Path> = HashMap::new();
    let left_out = listing.left_out.iter().map(|image| (image.id.as_str(), image.path.as_path()));
    for (id, path) in listing.images.iter().map(|image| (image.id.as_str(), image.path.as_path())).chain(left_out) {
        if let Some(other) = first.insert(id, path) {
            return Err(Error::data(format!(
                "two images have the id {id}: {} and {}",
                other.display(),
                path.display()
            ))
            .because("an id is the name up to the first dot, unless --ids names another")
            .next("move one of them out of the folder"));
        }
    }
    if listing.images.is_empty() {
        return Err(Error::data(format!("{} contains no images", folder.display()))
            .next("put the images there, or name another folder"));
    }
    Ok(listing)
}

/// Lists the images in `root` and in all folders below it, each folder once, however many links lead to it.
fn list_below(root: &Path, listing: &mut ImageListing) -> Result<()> {
    let (mut seen, mut waiting) = (HashSet::new(), vec![(PathBuf::new(), PathBuf::new())]);
    while let Some((path, location)) = waiting.pop() {
        if seen.insert(location.clone()) {
            waiting.extend(list_folder(root, &path, &location, listing)?);
        }
    }
    Ok(())
}

/// Lists the images that lie directly in a folder; the folders in it are strays.
fn list_flat(root: &Path, folder: &Path, location: &Path, listing: &mut ImageListing) -> Result<()> {
    let folders = list_folder(root, folder, location, listing)?;
    listing.strays.extend(folders.into_iter().map(|(path, _)| path));
    Ok(())
}

/// Lists the images that lie directly in a folder. Returns the folders in it that are not hidden, with their locations.
fn list_folder(
    root: &Path,
    folder: &Path,
    location: &Path,
    listing: &mut ImageListing,
) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut folders = Vec::new();
    for (path, location, is_folder) in entries(root, folder, location)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let meant = has_image_ending(&path);
        if is_folder || hidden(&path) {
            match root.join(&location).is_dir() && !hidden(&path) {
                true => folders.push((path, location)),
                false => listing.strays.push(path),
            }
            continue;
        }
        let size = size(&root.join(&location));
        if size.is_none() && !meant {
            listing.strays.push(path);
            continue;
        }
        listing.add(listed_as(id_of(&name), path, location, size));
    }
    Ok(folders)
}

/// Returns the image of a file, or why it can have no row.
///
/// # Errors
/// The image without a row, with the reason.
pub(super) fn listed(root: &Path, id: &str, path: PathBuf, location: PathBuf) -> Result<ListedImage, MissingImage> {
    let size = size(&root.join(&location));
    listed_as(id, path, location, size)
}

fn listed_as(
    id: &str,
    path: PathBuf,
    location: PathBuf,
    size: Option<(u32, u32)>,
) -> Result<ListedImage, MissingImage> {
    let leave_out = |reason: String| MissingImage { id: id.to_owned(), path: path.clone(), reason };
    if let Err((_, damage)) = check_id(id.as_bytes()) {
        return Err(leave_out(format!("its name is not a valid id: {damage}")));
    }
    if path.to_str().is_none() {
        return Err(leave_out("its name is not UTF-8 text".into()));
    }
    if let Some((width, height)) = size.filter(|(width, height)| kills(*width, *height)) {
        let reason = format!("it has {width}x{height} pixels: the original crashes on such thin images (SIGFPE)");
        return Err(leave_out(reason));
    }
    Ok(ListedImage { id: id.to_owned(), path, location, size })
}

/// Lists a folder, known to the original as `folder` and with links resolved as `location`. Returns path, location, and whether the
/// entry is not a file.
fn entries(root: &Path, folder: &Path, location: &Path) -> Result<Vec<(PathBuf, PathBuf, bool)>> {
    let there = root.join(location);
    let fail = |error: std::io::Error| Error::io("read the folder", &there, &error);
    let entries: Vec<DirEntry> = fs::read_dir(&there).and_then(Iterator::collect).map_err(fail)?;
    let entry = |entry: DirEntry| {
        let (path, mut location) = (folder.join(entry.file_name()), location.join(entry.file_name()));
        if entry.file_type().map_err(fail)?.is_symlink() {
            location = followed(root, &path, &entry.path())?;
        }
        let metadata = fs::metadata(root.join(&location)).map_err(fail)?;
        // An entry that is neither file nor folder (a pipe, a device) is never opened.
        Ok((path, location, !metadata.is_file()))
    };
    entries.into_iter().map(entry).collect()
}

/// Resolves a link to a path relative to `root`; a container sees nothing outside of it.
fn followed(root: &Path, path: &Path, link: &Path) -> Result<PathBuf> {
    let wrong = |why: String| {
        Err(Error::data(format!("image {} is a link that cannot be followed", path.display()))
            .because(why)
            .next("replace the link by the image, or remove it"))
    };
    match fs::canonicalize(link) {
        Ok(target) => match target.strip_prefix(root) {
            Ok(below) => Ok(below.to_owned()),
            Err(_) => wrong(format!("it leads out of the image folder to {}", target.display())),
        },
        Err(error) => wrong(error.to_string()),
    }
}

/// Returns whether a name ends like that of an image file.
pub(crate) fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.contains(&ending.as_str())
}

/// Returns the id of the image in a file of this name: the name up to the first dot.
pub(crate) fn id_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Reads width and height from the header.
fn size(path: &Path) -> Option<(u32, u32)> {
    let size = imagesize::reader_size(BufReader::new(fs::File::open(path).ok()?)).ok()?;
    Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
}

/// Whether the original crashes on an image: after resizing, no proposal can reach the smallest size, and later layers divide by
/// the number of proposals.
fn kills(width: u32, height: u32) -> bool {
    let (short, long) = (f64::from(width.min(height)), f64::from(width.max(height)));
    if short == 0.0 {
        return true;
    }
    let mut scale = SIDE / short;
    if (scale * long).round_ties_even() > LONGEST {
        scale = LONGEST / long;
    }
    // The original computes the smallest size in float32.
    ((short * scale).round_ties_even() as f32) < (SMALLEST as f32) * scale as f32
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::image_sets::{ImageSet, Split};
    use super::*;

    /// Returns the first bytes of a PNG of this size, enough to read its header.
    pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    fn put(root: &Path, files: &[(&str, Vec<u8>)]) {
        for (path, bytes) in files {
            base::files::write_bytes(&root.join(path), bytes).unwrap();
        }
    }

    #[test]
    fn images_are_told_from_other_entries() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        put(
            &root,
            &[
                ("val2014/b.x.jpg", png(640, 480)),
                ("val2014/a.png", png(500, 333)),
                ("val2014/odd", png(20, 30)),
                ("val2014/thin.png", png(12, 15)),
                ("val2014/broken.jpg", b"no image".to_vec()),
                ("val2014/README.txt", b"text".to_vec()),
                ("val2014/.hidden.png", png(20, 20)),
                ("val2014/sub/c.png", png(20, 20)),
            ],
        );
        std::os::unix::fs::symlink("../val2014/sub/c.png", root.join("val2014/link.png")).unwrap();
        let source = ImageSource::of(ImageSet::Coco, Some(Split::Valid)).unwrap();
        let found = list(&root, &source).unwrap();
        let images: Vec<_> = found.images.iter().map(|image| (image.id.as_str(), image.size)).collect();
        let expected = [
            ("a", Some((500, 333))),
            ("b", Some((640, 480))),
            ("broken", None),
            ("link", Some((20, 20))),
            ("odd", Some((20, 30))),
        ];
        assert_eq!(images, expected);
        assert_eq!(found.images[3].location, Path::new("val2014/sub/c.png"));
        assert_eq!(found.left_out.len(), 1);
        assert!(found.left_out[0].reason.contains("12x15"));
        assert_eq!(found.strays, [".hidden.png", "README.txt", "sub"].map(|name| Path::new("val2014").join(name)));

        put(&root, &[("val2014/a.b.jpg", png(20, 20))]);
        assert!(list(&root, &source).unwrap_err().to_string().contains("two images have the id a"));
        fs::remove_file(root.join("val2014/a.b.jpg")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", root.join("val2014/out.jpg")).unwrap();
        assert!(list(&root, &source).unwrap_err().to_string().contains("leads out of the image folder"));
        let nlvr2 = ImageSource::of(ImageSet::Nlvr2, Some(Split::Valid)).unwrap();
        assert!(list(&root, &nlvr2).unwrap_err().to_string().contains("train/, dev/, test1/ and test2/"));
    }

    #[test]
    fn nlvr2_train_images_are_one_folder_deeper() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        put(
            &root,
            &[("train/0/x-img0.png", png(20, 20)), ("train/1/y-img0.png", png(20, 20)), ("train/z.txt", vec![])],
        );
        let found = list(&root, &ImageSource::of(ImageSet::Nlvr2, Some(Split::Train)).unwrap()).unwrap();
        let paths: Vec<_> = found.images.iter().map(|image| image.path.to_str().unwrap()).collect();
        assert_eq!((paths.as_slice(), found.strays.len()), (&["train/0/x-img0.png", "train/1/y-img0.png"][..], 1));
    }

    #[test]
    fn images_that_crash_the_original_are_recognised() {
        // Observed: the original crashed on 12x15; 24x30 gave 22 proposals.
        assert_eq!([(12, 15), (24, 30), (640, 480), (0, 9)].map(|(w, h)| kills(w, h)), [true, false, false, true]);
        // 17 of 5000 pixels become 3 after resizing; 3.2 are needed.
        assert!(kills(17, 5000) && !kills(17, 1000));
    }
}
