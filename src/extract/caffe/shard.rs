//! Splits images into parts and creates the folder of links for a part, in the layout that the original's script expects.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::super::image_list::ListedImage;
use base::error::{Error, Result};

/// Path of the image folder in the container.
pub(crate) const ORIGINALS: &str = "/workspace/originals";

/// Splits images into at most `parts` parts of almost equal size.
pub(crate) fn split(images: &[ListedImage], parts: usize) -> Vec<Vec<ListedImage>> {
    let parts = parts.clamp(1, images.len().max(1));
    let mut split = vec![Vec::new(); parts];
    for (at, image) in images.iter().enumerate() {
        split[at % parts].push(image.clone());
    }
    split
}

/// Creates a folder of links to images. They point below [`ORIGINALS`] and so are valid only inside the container.
///
/// # Errors
/// Those of creating links.
pub(crate) fn link(folder: &Path, images: &[ListedImage]) -> Result<()> {
    let mut made: Option<PathBuf> = None;
    for image in images {
        let link = folder.join(&image.path);
        if let Some(parent) = link.parent().filter(|parent| made.as_deref() != Some(parent)) {
            std::fs::create_dir_all(parent).map_err(|error| Error::io("create the folder", parent, &error))?;
            made = Some(parent.to_owned());
        }
        symlink(Path::new(ORIGINALS).join(&image.location), &link)
            .map_err(|error| Error::io("create the link", &link, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_in_one_part() {
        let image = |n: usize| ListedImage {
            id: n.to_string(),
            path: format!("train/{}/{n}.png", n % 2).into(),
            location: format!("elsewhere/{n}.png").into(),
            size: None,
        };
        let images: Vec<ListedImage> = (0..7).map(image).collect();
        let sizes = |parts| split(&images, parts).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!((sizes(3), sizes(9), sizes(0)), (vec![3, 2, 2], vec![1; 7], vec![7]));
        let mut ids: Vec<String> = split(&images, 3).into_iter().flatten().map(|image| image.id).collect();
        ids.sort();
        assert_eq!(ids.len(), 7);

        let folder = tempfile::tempdir().unwrap();
        link(folder.path(), &images).unwrap();
        let target = std::fs::read_link(folder.path().join("train/1/3.png")).unwrap();
        assert_eq!(target, Path::new("/workspace/originals/elsewhere/3.png"));
    }
}
