//! Finds the objects of a picture and describes them as rows of obj36.

use super::DIM;

use super::measure::{Measurements, measure};
use super::segment::{Area, segment};

use super::super::picture::Picture;
use super::super::scenes::{Color, Shape};
use crate::extract::{Extractor, ImageFile};
use base::error::{Error, Result};
use data::features::Row;

/// Boxes per picture. An object takes two (itself, and itself with its surroundings, as detectors overlap), five
/// objects ten, the whole picture one; twelve keep a training step at a third of the cost of 36.
pub const BOXES: usize = 12;

/// The object class of boxes around no single object; 0 to 3 are the shapes.
const REGION: i64 = 4;
/// The attribute class of boxes around no single object; 0 to 4 are the colours.
const NO_COLOR: i64 = 5;

/// A box before it becomes part of a row.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Left, upper, right and lower edge in pixels.
    pub corners: [f32; 4],
    /// Guessed shape and colour; `None` for surroundings and parts of the picture.
    pub guess: Option<Guess>,
    /// The measured numbers.
    pub features: [f32; DIM],
}

/// The detector's guess of shape and colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// The shape.
    pub shape: Shape,
    /// How clear the shape is, 0 to 1.
    pub shape_confidence: f32,
    /// The colour.
    pub color: Color,
    /// How clear the colour is, 0 to 1.
    pub color_confidence: f32,
}

/// Guesses the shape from the filled shares of hull and enclosing circle.
fn shape_of(seen: &Measurements) -> (Shape, f32) {
    // (distance from the nearest border) / (distance at which there is no doubt left)
    let sure = |distance: f32| (0.5 + distance / 0.2).clamp(0.0, 1.0);
    if seen.solidity < 0.76 {
        return (Shape::Star, sure(0.76 - seen.solidity));
    }
    match seen.roundness {
        r if r > 0.80 => (Shape::Circle, sure(r - 0.80)),
        r if r > 0.53 => (Shape::Square, sure((r - 0.53).min(0.80 - r))),
        r => (Shape::Triangle, sure(0.53 - r)),
    }
}

/// Returns the colour with the nearest hue, and the confidence.
fn color_of(seen: &Measurements) -> (Color, f32) {
    // Hues of the five colour words in 1/256 of 60 degrees: 0, 50, 135, 220 and 280 degrees.
    let hue_of = |color: Color| match color {
        Color::Red => 0,
        Color::Yellow => 213,
        Color::Green => 576,
        Color::Blue => 939,
        Color::Purple => 1195,
    };
    let mut ranked = Color::ALL.map(|color| {
        let apart = (seen.hue - hue_of(color)).abs();
        (apart.min(1536 - apart), color)
    });
    ranked.sort_unstable();
    (ranked[0].1, 1.0 - ratio(ranked[0].0, ranked[1].0))
}

pub(super) fn ratio(a: i32, b: i32) -> f32 {
    if b > 0 { a as f32 / b as f32 } else { 1.0 }
}

/// Returns further boxes besides those of objects: the picture, surroundings of objects, halves, quarters, ninths.
fn context(objects: &[Area], width: usize, height: usize) -> Vec<Area> {
    let part = |across: usize, down: usize, i: usize, j: usize| Area {
        x1: width * i / across,
        y1: height * j / down,
        x2: width * (i + 1) / across,
        y2: height * (j + 1) / down,
    };
    let grid = |across: usize, down: usize| {
        (0..down).flat_map(move |j| (0..across).map(move |i| (across, down, i, j))).collect::<Vec<_>>()
    };
    let parts = [grid(1, 1), grid(2, 1), grid(1, 2), grid(2, 2), grid(3, 3)].concat();
    let mut areas: Vec<Area> = parts.into_iter().map(|(a, d, i, j)| part(a, d, i, j)).collect();
    areas.splice(1..1, objects.iter().map(|o| o.grown(160, width, height)));
    areas
}

/// Finds exactly [`BOXES`] boxes in a picture of at least 8 x 8 pixels: objects first, the largest leading.
pub fn detect(picture: &Picture) -> Vec<Detection> {
    let segments = segment(picture);
    let objects = &segments.regions[..segments.regions.len().min(BOXES)];
    let mut found: Vec<Detection> = Vec::with_capacity(BOXES);
    for (label, area) in objects {
        let seen = measure(picture, &segments, *area, Some(*label));
        let ((shape, shape_confidence), (color, color_confidence)) = (shape_of(&seen), color_of(&seen));
        let guess = Guess { shape, shape_confidence, color, color_confidence };
        found.push(Detection { corners: area.corners(), guess: Some(guess), features: seen.features });
    }
    let boxes: Vec<Area> = objects.iter().map(|(_, area)| *area).collect();
    for area in context(&boxes, segments.width, segments.height).into_iter().take(BOXES - found.len()) {
        let features = measure(picture, &segments, area, None).features;
        found.push(Detection { corners: area.corners(), guess: None, features });
    }
    found
}

/// [`detect`] as an [`Extractor`].
#[derive(Debug, Default)]
pub struct DemoDetector;

impl Extractor for DemoDetector {
    fn name(&self) -> &str {
        "classical colour-and-shape detector of the demo; not Faster R-CNN"
    }

    fn version(&self) -> String {
        "demo-detector 1".into()
    }

    fn boxes(&self) -> usize {
        BOXES
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn extract(&mut self, image: &ImageFile, row: &mut Row) -> Result<()> {
        let picture = Picture::read_png(&image.path)?;
        if picture.width.min(picture.height) < 8 {
            return Err(Error::data(format!("{} is smaller than 8 x 8 pixels", image.path.display())));
        }
        let found = detect(&picture);
        row.img_id.clone_from(&image.id);
        (row.img_w, row.img_h) = (picture.width as u32, picture.height as u32);
        row.num_boxes = found.len();
        row.objects_id = found.iter().map(|d| d.guess.map_or(REGION, |g| g.shape as i64)).collect();
        row.objects_conf = found.iter().map(|d| d.guess.map_or(0.0, |g| g.shape_confidence)).collect();
        row.attrs_id = found.iter().map(|d| d.guess.map_or(NO_COLOR, |g| g.color as i64)).collect();
        row.attrs_conf = found.iter().map(|d| d.guess.map_or(0.0, |g| g.color_confidence)).collect();
        row.boxes = found.iter().flat_map(|d| d.corners).collect();
        row.features = found.iter().flat_map(|d| d.features).collect();
        Ok(())
    }
}
