//! In which order rows stand in the file.

use std::collections::BTreeSet;
use std::path::Path;

use super::list::Listed;
use base::error::{Error, Result};
use data::dataset::Task;
use data::dataset::images::images_of_questions;

/// Images that minival's questions are about; the programs take as many first rows for minival.
const MINIVAL: usize = 5000;

/// The order of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Order {
    /// By id.
    #[default]
    Id,
    /// These first, by id; then the others, by id.
    First(BTreeSet<String>),
}

impl Order {
    /// The images that minival's questions are about come first.
    ///
    /// # Errors
    /// Data where the file is missing or no such list.
    pub fn minival(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Err(Error::data(format!("there is no {}, which says the images that come first", file.display()))
                .because("the programs take the first 5000 rows of val2014_obj36.tsv for minival")
                .next("`repro fetch vqa-minival` brings it; or name it with --minival, or use --order id"));
        }
        let mut ids = BTreeSet::new();
        images_of_questions(Task::Vqa, file, |images| ids.extend(images.iter().cloned()))?;
        Ok(Self::First(ids))
    }

    /// What a person should know about it.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::First(ids) if ids.len() != MINIVAL => Some(format!(
                "minival names {} images, but the programs take the first {MINIVAL} rows for it",
                ids.len()
            )),
            _ => None,
        }
    }

    /// Ids in order.
    ///
    /// # Errors
    /// Data where images that must come first are not there (`left_out` are, but cannot be extracted).
    pub fn arrange<'a>(&self, images: &'a [Listed], left_out: &[super::list::Missing]) -> Result<Vec<&'a str>> {
        let mut ids: Vec<&str> = images.iter().map(|image| image.id.as_str()).collect();
        ids.sort_unstable();
        let Self::First(first) = self else { return Ok(ids) };
        let known: BTreeSet<&str> = ids.iter().copied().chain(left_out.iter().map(|image| image.id.as_str())).collect();
        let absent: Vec<&String> = first.iter().filter(|id| !known.contains(id.as_str())).collect();
        if let Some(one) = absent.first() {
            return Err(Error::data(format!(
                "{} of the {} images that come first (minival) are not in the image folder, such as {one}",
                absent.len(),
                first.len()
            ))
            .next("complete the image folder; or use --order id for a file that is not for minival"));
        }
        // Stable: each half stays sorted.
        ids.sort_by_key(|id| !first.contains(*id));
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minival_comes_first() {
        let image = |id: &str| Listed { id: id.into(), path: id.into(), location: id.into(), size: None };
        let images = ["c", "a", "d", "b"].map(image);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("minival.json");
        assert!(Order::minival(&file).unwrap_err().to_string().contains("repro fetch vqa-minival"));
        std::fs::write(&file, r#"[{"img_id": "d", "sent": "?"}, {"img_id": "b"}, {"img_id": "d"}]"#).unwrap();
        let order = Order::minival(&file).unwrap();
        assert_eq!(order.arrange(&images, &[]).unwrap(), ["b", "d", "a", "c"]);
        assert_eq!(Order::Id.arrange(&images, &[]).unwrap(), ["a", "b", "c", "d"]);
        assert!(order.note().unwrap().contains("names 2 images"));
        assert!(order.arrange(&images[..2], &[]).unwrap_err().to_string().contains("2 of the 2 images"));
    }
}
