//! The order of rows in the feature file.

use std::collections::BTreeSet;
use std::path::Path;

use super::image_list::ListedImage;
use base::error::{Error, Result};
use data::dataset::Task;
use data::dataset::images::images_of_questions;

/// Number of images of minival's questions. The original and this program use that many first rows for minival.
const MINIVAL: usize = 5000;

/// The order of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// Sorted by id.
    #[default]
    Id,
    /// These images first, then the others; both sorted by id.
    First(BTreeSet<String>),
}

impl RowOrder {
    /// Returns the order that begins with the images of minival's questions, read from `file`.
    ///
    /// # Errors
    /// Data if the file is missing or is not a list of questions.
    pub fn minival(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Err(Error::data(format!("{} is missing, which lists the images that come first", file.display()))
                .because("the first 5000 rows of val2014_obj36.tsv are used for minival")
                .next("fetch it with `repro fetch vqa-minival`, name it with --minival, or use --order id"));
        }
        let mut ids = BTreeSet::new();
        images_of_questions(Task::Vqa, file, |images| ids.extend(images.iter().cloned()))?;
        Ok(Self::First(ids))
    }

    /// Returns a note for people, if anything is unusual.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::First(ids) if ids.len() != MINIVAL => {
                Some(format!("minival has {} images, but the first {MINIVAL} rows are used for it", ids.len()))
            }
            _ => None,
        }
    }

    /// Returns the ids in order.
    ///
    /// # Errors
    /// Data if images that must come first are missing; those in `left_out` exist but cannot be extracted.
    pub fn arrange<'a>(
        &self,
        images: &'a [ListedImage],
        left_out: &[super::image_list::MissingImage],
    ) -> Result<Vec<&'a str>> {
        let mut ids: Vec<&str> = images.iter().map(|image| image.id.as_str()).collect();
        ids.sort_unstable();
        let Self::First(first) = self else { return Ok(ids) };
        let known: BTreeSet<&str> = ids.iter().copied().chain(left_out.iter().map(|image| image.id.as_str())).collect();
        let absent: Vec<&String> = first.iter().filter(|id| !known.contains(id.as_str())).collect();
        if let Some(one) = absent.first() {
            return Err(Error::data(format!(
                "{} of the {} images of minival are missing from the image folder, such as {one}",
                absent.len(),
                first.len()
            ))
            .next("complete the image folder; or use --order id for a file that is not for minival"));
        }
        // A stable sort keeps each half sorted.
        ids.sort_by_key(|id| !first.contains(*id));
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_of_minival_come_first() {
        let image = |id: &str| ListedImage { id: id.into(), path: id.into(), location: id.into(), size: None };
        let images = ["c", "a", "d", "b"].map(image);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("minival.json");
        assert!(RowOrder::minival(&file).unwrap_err().to_string().contains("repro fetch vqa-minival"));
        std::fs::write(&file, r#"[{"img_id": "d", "sent": "?"}, {"img_id": "b"}, {"img_id": "d"}]"#).unwrap();
        let order = RowOrder::minival(&file).unwrap();
        assert_eq!(order.arrange(&images, &[]).unwrap(), ["b", "d", "a", "c"]);
        assert_eq!(RowOrder::Id.arrange(&images, &[]).unwrap(), ["a", "b", "c", "d"]);
        assert!(order.note().unwrap().contains("has 2 images"));
        assert!(order.arrange(&images[..2], &[]).unwrap_err().to_string().contains("2 of the 2 images"));
    }
}
