//! Checks that boxes lie in their image as x1, y1, x2, y2 in pixels, and recognises other layouts.

use super::numbers;
use super::repeated::{FEWEST_ALIKE, all_alike};
use crate::features::BOX_TOLERANCE;
use crate::features::error::{BoxLayout, RowDamage};

pub(super) fn check(boxes: &[f32], img_w: u32, img_h: u32) -> Result<(), RowDamage> {
    numbers::check_finite(boxes, 4)?;
    check_normalised(boxes, img_w, img_h)?;
    check_inside(boxes, img_w, img_h)?;
    check_order(boxes, img_w, img_h)?;
    if boxes.len() / 4 >= FEWEST_ALIKE && all_alike(boxes, 4) {
        return Err(RowDamage::SameBoxes { boxes: boxes.len() / 4 });
    }
    Ok(())
}

/// Coordinates of 1 pixel and less are those of normalised boxes, unless the image is hardly larger itself.
fn check_normalised(boxes: &[f32], img_w: u32, img_h: u32) -> Result<(), RowDamage> {
    let greatest = boxes.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let is_normalised = img_w.max(img_h) > 2
        && greatest > 0.0
        && f64::from(greatest) < 1.0 + BOX_TOLERANCE
        && boxes.iter().all(|&value| f64::from(value) > -BOX_TOLERANCE);
    match is_normalised {
        true => Err(RowDamage::NormalisedBoxes { greatest, width: img_w, height: img_h }),
        false => Ok(()),
    }
}

fn check_inside(boxes: &[f32], img_w: u32, img_h: u32) -> Result<(), RowDamage> {
    for (index, corners) in boxes.chunks_exact(4).enumerate() {
        let sides = [("x1", img_w), ("y1", img_h), ("x2", img_w), ("y2", img_h)];
        for (&pixels, (name, side)) in corners.iter().zip(sides) {
            if !is_inside(pixels, side) {
                let layout = is_swapped(boxes, img_w, img_h).then_some(BoxLayout::Swapped);
                return Err(RowDamage::OutsideImage { index, coordinate: name, pixels, side, layout });
            }
        }
    }
    Ok(())
}

fn check_order(boxes: &[f32], img_w: u32, img_h: u32) -> Result<(), RowDamage> {
    for (index, corners) in boxes.chunks_exact(4).enumerate() {
        for (axis, low, high) in [('x', corners[0], corners[2]), ('y', corners[1], corners[3])] {
            if low > high {
                let layout = is_xywh(boxes, img_w, img_h).then_some(BoxLayout::Xywh);
                return Err(RowDamage::InvertedBox { index, axis, low, high, layout });
            }
        }
    }
    Ok(())
}

/// Checks the original's rule in its precision (src/tasks/vqa_data.py @ 0db1182).
fn is_inside(pixels: f32, side: u32) -> bool {
    let share = f64::from(pixels / side as f32);
    share < 1.0 + BOX_TOLERANCE && -share < BOX_TOLERANCE
}

/// Returns whether all boxes lie in the image when x and y, or its width and height, change places.
fn is_swapped(boxes: &[f32], img_w: u32, img_h: u32) -> bool {
    let fits = |x: f32, y: f32| is_inside(x, img_w) && is_inside(y, img_h);
    img_w != img_h
        && boxes.chunks_exact(4).all(|c| fits(c[1], c[0]) && fits(c[3], c[2]) && c[0] <= c[2] && c[1] <= c[3])
}

/// Returns whether all boxes lie in the image when read as x, y, width, height. Half a pixel is allowed for rounding.
fn is_xywh(boxes: &[f32], img_w: u32, img_h: u32) -> bool {
    let fits = |from: f32, size: f32, side: u32| from + size <= side as f32 + 0.5;
    boxes.chunks_exact(4).all(|c| fits(c[0], c[2], img_w) && fits(c[1], c[3], img_h))
}
