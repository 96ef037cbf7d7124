//! The trait of extractors, which extract one image at a time, and extraction of a list of images into a TSV.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files::write_atomically;
use data::features::Row;
use data::features::tsv::TsvWriter;

/// An image file and the id of its features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFile {
    /// The `img_id` column, such as `COCO_val2014_000000306661`.
    pub id: String,
    /// Path of the image.
    pub path: PathBuf,
}

/// Finds boxes in an image and computes their features.
pub trait Extractor {
    /// Returns its name.
    fn name(&self) -> &str;

    /// Returns its version, which is part of fingerprints: different versions may give different features for the same image.
    fn version(&self) -> String;

    /// Returns the number of boxes per image.
    fn boxes(&self) -> usize;

    /// Returns the number of features per box.
    fn dim(&self) -> usize;

    /// Fills `row` for one image, replacing its content.
    ///
    /// # Errors
    /// Data if the image cannot be read; other errors of the extractor.
    fn extract(&mut self, image: &ImageFile, row: &mut Row) -> Result<()>;
}

/// What [`extract_all`] wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TsvSummary {
    /// Rows written, one per image.
    pub images: usize,
    /// Boxes per row.
    pub boxes: usize,
    /// Features per box.
    pub dim: usize,
}

/// Writes the features of `images`, in their order, to `tsv`, which appears when it is complete. `progress` is called after each
/// image with the number of finished images.
///
/// # Errors
/// The error of the first image that fails (no image is ever skipped); data if two images have the same id.
pub fn extract_all(
    extractor: &mut dyn Extractor,
    images: &[ImageFile],
    tsv: &Path,
    progress: &mut dyn FnMut(usize),
) -> Result<TsvSummary> {
    let mut ids: Vec<&str> = images.iter().map(|i| i.id.as_str()).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|two| two[0] == two[1]) {
        return Err(Error::data(format!("image {} is listed twice for {}", twice[0], tsv.display())));
    }
    let (boxes, dim) = (extractor.boxes(), extractor.dim());
    write_atomically(tsv, |out| {
        let mut writer = TsvWriter::new(out);
        let mut row = Row::default();
        for (done, image) in images.iter().enumerate() {
            extractor.extract(image, &mut row).map_err(|e| {
                e.while_doing(format!("no features for image {} ({})", image.id, image.path.display()))
                    .next("replace the image or remove it; no image is skipped silently")
            })?;
            if row.img_id != image.id || row.num_boxes != boxes || row.dim() != dim {
                let found = format!("image {}, {} boxes, {} features", row.img_id, row.num_boxes, row.dim());
                return Err(Error::bug(format!(
                    "{} gave a row of the wrong size for image {}",
                    extractor.name(),
                    image.id
                ))
                .because(format!("expected {boxes} boxes of {dim} features, got {found}")));
            }
            writer.write_row(&row)?;
            progress(done + 1);
        }
        writer.finish().map(|_| ())
    })?;
    Ok(TsvSummary { images: images.len(), boxes, dim })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use data::features::tsv::TsvReader;

    /// Declares two boxes of three features, and returns the row that the function makes of an image.
    pub(in crate::extract) struct Fake<F>(pub F);

    impl<F: FnMut(&ImageFile) -> Result<Row>> Extractor for Fake<F> {
        fn name(&self) -> &str {
            "fake"
        }

        fn version(&self) -> String {
            "1".into()
        }

        fn boxes(&self) -> usize {
            2
        }

        fn dim(&self) -> usize {
            3
        }

        fn extract(&mut self, image: &ImageFile, row: &mut Row) -> Result<()> {
            *row = (self.0)(image)?;
            Ok(())
        }
    }

    /// Returns an extractor whose `dim` features per box are the length of the path; it fails for a path that ends with `broken`.
    fn with_features(dim: usize) -> impl Extractor {
        Fake(move |image: &ImageFile| {
            if image.path.ends_with("broken") {
                return Err(Error::data("it is no image"));
            }
            Ok(Row {
                img_id: image.id.clone(),
                img_h: 10,
                img_w: 20,
                objects_id: vec![1; 2],
                objects_conf: vec![0.5; 2],
                attrs_id: vec![2; 2],
                attrs_conf: vec![0.25; 2],
                num_boxes: 2,
                boxes: vec![0., 0., 20., 10., 1., 2., 3., 4.],
                features: (0..2 * dim).map(|at| (image.path.as_os_str().len() + at) as f32).collect(),
            })
        })
    }

    fn image(id: &str, path: &str) -> ImageFile {
        ImageFile { id: id.into(), path: path.into() }
    }

    #[test]
    fn rows_are_written_in_order_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let tsv = folder.path().join("new/a_obj36.tsv");
        let mut told = Vec::new();
        let images = [image("b", "/x"), image("a", "/xyz")];
        let summary = extract_all(&mut with_features(3), &images, &tsv, &mut |done| told.push(done)).unwrap();
        assert_eq!((summary, told), (TsvSummary { images: 2, boxes: 2, dim: 3 }, vec![1, 2]));
        let mut reader = TsvReader::open(&tsv).unwrap();
        let mut row = Row::default();
        for (id, value) in [("b", 2.0), ("a", 4.0)] {
            assert!(reader.read(&mut row).unwrap());
            assert_eq!((row.img_id.as_str(), row.features[0]), (id, value));
        }
        assert!(!reader.read(&mut row).unwrap());

        let before = std::fs::read(&tsv).unwrap();
        let failing = |images: &[ImageFile], dim| {
            extract_all(&mut with_features(dim), images, &tsv, &mut |_| ()).unwrap_err().to_string()
        };
        let error = failing(&[image("a", "/x"), image("c", "/broken")], 3);
        assert!(error.contains("image c (/broken)") && error.contains("it is no image"), "{error}");
        assert!(failing(&[image("a", "/x"), image("a", "/y")], 3).contains("listed twice"));
        assert!(failing(&[image("a", "/x")], 4).contains("wrong size"));
        assert_eq!(std::fs::read(&tsv).unwrap(), before, "a failure leaves what was there");
    }
}
