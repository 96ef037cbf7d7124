//! The features of one image.

use super::error::{Column, RowDamage};

/// One image: its regions in the detector's order. The buffers are re-used from row to row. Where the classes and their
/// probabilities are not known, as in bottom-up-attention's six columns, all four of them are empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// Image id, such as `COCO_train2014_000000132417`.
    pub img_id: String,
    /// Image height in pixels.
    pub img_h: u32,
    /// Image width in pixels.
    pub img_w: u32,
    /// Object class of each box, `0..1600`.
    pub objects_id: Vec<i64>,
    /// Probability of that object class.
    pub objects_conf: Vec<f32>,
    /// Attribute class of each box, `0..400`.
    pub attrs_id: Vec<i64>,
    /// Probability of that attribute class.
    pub attrs_conf: Vec<f32>,
    /// Number of boxes `n`.
    pub num_boxes: usize,
    /// `(n, 4)`: x1, y1, x2, y2 in pixels.
    pub boxes: Vec<f32>,
    /// `(n, dim)`: RoI features.
    pub features: Vec<f32>,
}

impl Row {
    /// Features per box; 0 without boxes.
    pub fn dim(&self) -> usize {
        self.features.len().checked_div(self.num_boxes).unwrap_or(0)
    }

    /// Returns whether the boxes have classes and probabilities.
    pub fn has_classes(&self) -> bool {
        !(self.objects_id.is_empty()
            && self.objects_conf.is_empty()
            && self.attrs_id.is_empty()
            && self.attrs_conf.is_empty())
    }

    /// Computes the bytes of the row as text, without its line end; all values have a fixed size.
    pub fn text_bytes(&self) -> u64 {
        let base64 = |bytes: usize| bytes.div_ceil(3) as u64 * 4;
        let digits = |number: u64| u64::from(number.checked_ilog10().unwrap_or(0)) + 1;
        let (sizes, tabs): (&[usize], u64) = if self.has_classes() { (&[8, 4, 8, 4, 16], 9) } else { (&[16], 5) };
        let arrays = sizes.iter().map(|size| base64(self.num_boxes * size)).sum::<u64>();
        let numbers = digits(self.img_h.into()) + digits(self.img_w.into()) + digits(self.num_boxes as u64);
        self.img_id.len() as u64 + numbers + arrays + base64(self.features.len() * 4) + tabs
    }
}

/// Checks that the format can hold the id and people can read it: not empty, no control characters, no quotes, UTF-8.
pub fn check_id(id: &[u8]) -> Result<&str, (Column, RowDamage)> {
    let bad = |why| Err((Column::ImgId, RowDamage::BadId { why }));
    let Ok(text) = std::str::from_utf8(id) else { return bad("it is not UTF-8 text") };
    if id.trim_ascii().is_empty() {
        return bad("it is empty");
    }
    if id.len() > 1024 {
        return bad("it is longer than 1024 bytes");
    }
    let mut bad_bytes = id.iter().filter(|&&byte| byte < b' ' || byte == b'"' || byte == 0x7f);
    if bad_bytes.next().is_some() || (!text.is_ascii() && text.contains(char::is_control)) {
        return bad("it holds control characters or quotes");
    }
    Ok(text)
}

/// Divides pixel boxes by the image's size in float32, as the original does: x by `img_w`, y by `img_h`.
pub fn normalise_boxes(boxes: &mut [f32], img_w: u32, img_h: u32) {
    let (w, h) = (img_w as f32, img_h as f32);
    for corners in boxes.chunks_exact_mut(4) {
        corners[0] /= w;
        corners[1] /= h;
        corners[2] /= w;
        corners[3] /= h;
    }
}
