//! Checksums of released feature rows, part of `golden/features.toml`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};

/// One released row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The image.
    pub img_id: String,
    /// Its boxes.
    pub boxes: u64,
    /// Mean of its features.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
    /// Share of zeros among them, 0 to 1.
    pub zeros: f64,
    /// SHA-256 of the decoded row: height, width and number of boxes as three `uint32`, then the bytes of `objects_id` (`int64`),
    /// `objects_conf` (`float32`), `attrs_id`, `attrs_conf`, `boxes` and `features`, all little-endian.
    pub sha256: String,
}

/// Refuses impossible rows.
///
/// # Errors
/// Data, naming the image.
pub(super) fn check(images: &[Snapshot]) -> Result<()> {
    let mut ids = BTreeSet::new();
    for Snapshot { img_id, boxes, mean, max, zeros, sha256 } in images {
        let is_sound = ids.insert(img_id)
            && *boxes > 0
            && mean.is_finite()
            && max.is_finite()
            && (0.0..=1.0).contains(zeros)
            && sha256.len() == 64
            && sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_sound {
            return Err(Error::data(format!("image {img_id} is there twice or has an impossible value")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::features::GoldenFeatures;
    use super::*;

    #[test]
    fn impossible_rows_are_refused() {
        let images = GoldenFeatures::embedded().unwrap().images;
        assert_eq!(images.len(), 10);
        let refused = |change: fn(&mut Snapshot)| {
            let mut images = images.clone();
            change(&mut images[9]);
            check(&images).is_err()
        };
        assert!(!refused(|_| ()));
        assert!(refused(|image| image.img_id = "COCO_train2014_000000132417".into()));
        assert!(refused(|image| image.boxes = 0));
        assert!(refused(|image| image.zeros = 1.1));
        assert!(refused(|image| image.max = f64::NAN));
        assert!(refused(|image| image.sha256 = image.sha256.to_uppercase() + "0"));
    }
}
