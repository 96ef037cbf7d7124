//! Creates the folder of links to the images of a part, in the layout that the original's script expects.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::super::image_list::ListedImage;
use super::super::image_sets::Layout;
use base::error::{Error, Result};

/// Path of the image folder in the container.
pub(crate) const ORIGINALS: &str = "/workspace/originals";

/// Creates a folder of links to images. They point below [`ORIGINALS`] and so are valid only inside the container.
///
/// # Errors
/// Those of creating links.
pub(crate) fn link(folder: &Path, images: &[ListedImage], layout: Layout) -> Result<()> {
    let mut made: Option<PathBuf> = None;
    for image in images {
        let link = folder.join(name(image, layout));
        if let Some(parent) = link.parent().filter(|parent| made.as_deref() != Some(parent)) {
            std::fs::create_dir_all(parent).map_err(|error| Error::io("create the folder", parent, &error))?;
            made = Some(parent.to_owned());
        }
        symlink(Path::new(ORIGINALS).join(&image.location), &link)
            .map_err(|error| Error::io("create the link", &link, &error))?;
    }
    Ok(())
}

/// Returns the path at which the script finds an image. It looks into no deeper folders of a person's own, and takes the name up to the
/// first dot for the id.
fn name(image: &ListedImage, layout: Layout) -> PathBuf {
    match (layout, image.path.extension()) {
        (Layout::Flat | Layout::OneDeeper, _) => image.path.clone(),
        (Layout::AnyDepth, Some(ending)) => format!("{}.{}", image.id, ending.to_string_lossy()).into(),
        (Layout::AnyDepth, None) => PathBuf::from(&image.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_images_in_the_container() {
        let image = |n: usize| ListedImage {
            id: n.to_string(),
            path: format!("train/{}/{n}.png", n % 2).into(),
            location: format!("elsewhere/{n}.png").into(),
            size: None,
        };
        let images: Vec<ListedImage> = (0..4).map(image).collect();
        let folder = tempfile::tempdir().unwrap();
        link(folder.path(), &images, Layout::OneDeeper).unwrap();
        let target = std::fs::read_link(folder.path().join("train/1/3.png")).unwrap();
        assert_eq!(target, Path::new("/workspace/originals/elsewhere/3.png"));
        let named = ListedImage { id: "mine".into(), ..image(3) };
        assert_eq!(name(&named, Layout::AnyDepth), Path::new("mine.png"));
    }
}
