//! Splits images into parts for workers.

use super::image_list::ListedImage;

/// Splits images into at most `parts` parts of almost equal size.
pub(super) fn split(images: &[ListedImage], parts: usize) -> Vec<Vec<ListedImage>> {
    let parts = parts.clamp(1, images.len().max(1));
    let mut split = vec![Vec::new(); parts];
    for (at, image) in images.iter().enumerate() {
        split[at % parts].push(image.clone());
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_in_one_part() {
        let image = |n: usize| ListedImage {
            id: n.to_string(),
            path: n.to_string().into(),
            location: n.to_string().into(),
            size: None,
        };
        let images: Vec<ListedImage> = (0..7).map(image).collect();
        let sizes = |parts| split(&images, parts).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!((sizes(3), sizes(9), sizes(0)), (vec![3, 2, 2], vec![1; 7], vec![7]));
        let mut ids: Vec<String> = split(&images, 3).into_iter().flatten().map(|image| image.id).collect();
        ids.sort();
        assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6"]);
    }
}
