//! Paints a scene: soft paper, soft shadows, shapes with smooth edges. Integer arithmetic only, so that every machine
//! paints the same bytes.

use super::picture::Picture;
use super::random::Random;
use super::scenes::{Color, Object, Scene, Shape};

/// 16384 sin(5 k degrees), k = 0..=18.
const SINE: [i32; 19] = [
    0, 1428, 2845, 4240, 5604, 6924, 8192, 9397, 10531, 11585, 12551, 13421, 14189, 14849, 15396, 15826, 16135, 16322,
    16384,
];

/// Samples per pixel and direction.
const FINE: i32 = 4;

/// Paper colours, all close to grey, so that saturation tells the objects from them.
const PAPER: [[i32; 3]; super::scenes::BACKGROUNDS] =
    [[240, 235, 226], [230, 235, 240], [232, 238, 230], [238, 231, 236], [226, 228, 232], [241, 239, 233]];

fn sine(steps: i32) -> i32 {
    let k = steps.rem_euclid(72);
    match k {
        0..=18 => SINE[k as usize],
        19..=36 => SINE[(36 - k) as usize],
        _ => -sine(k - 36),
    }
}

fn cosine(steps: i32) -> i32 {
    sine(steps + 18)
}

fn rgb(color: Color) -> [i32; 3] {
    match color {
        Color::Red => [214, 62, 58],
        Color::Green => [58, 160, 88],
        Color::Blue => [56, 112, 204],
        Color::Yellow => [240, 194, 50],
        Color::Purple => [146, 82, 182],
    }
}

/// The corner `steps` x 5 degrees clockwise from the top, at `radius` / 1024 of the object's, in 1/64 pixels.
fn corner(object: &Object, steps: i32, radius: i32) -> (i32, i32) {
    let reach = object.radius * radius;
    let along = |s: i32| (reach * 64 / 1024 * s) / 16384;
    let steps = steps + object.turn;
    (object.x * 64 + 32 + along(sine(steps)), object.y * 64 + 32 - along(cosine(steps)))
}

/// The outline as a polygon in 1/64 pixels; none for a circle.
fn outline(object: &Object) -> Vec<(i32, i32)> {
    match object.shape {
        Shape::Circle => Vec::new(),
        Shape::Square => [9, 27, 45, 63].map(|s| corner(object, s, 1024)).to_vec(),
        Shape::Triangle => [0, 24, 48].map(|s| corner(object, s, 1024)).to_vec(),
        // Five points need 36-degree steps; the nearest 5-degree steps are off by at most 1.5 degrees.
        Shape::Star => (0..10).map(|k| corner(object, (k * 36 + 2) / 5, if k % 2 == 0 { 1024 } else { 470 })).collect(),
    }
}

/// Whether a point in 1/64 pixels lies in the object.
fn inside(object: &Object, polygon: &[(i32, i32)], x: i32, y: i32) -> bool {
    if polygon.is_empty() {
        // A circle of the radius 0.94: of about the other shapes' area.
        let (dx, dy, r) = (x - object.x * 64 - 32, y - object.y * 64 - 32, object.radius * 60);
        return dx * dx + dy * dy <= r * r;
    }
    let mut odd = false;
    let mut from = polygon[polygon.len() - 1];
    for &to in polygon {
        if (from.1 > y) != (to.1 > y) {
            // Left of the edge, without division: the sign of the cross product, turned with the edge's direction.
            let cross =
                i64::from(to.0 - from.0) * i64::from(y - from.1) - i64::from(x - from.0) * i64::from(to.1 - from.1);
            if (cross > 0) == (to.1 > from.1) {
                odd = !odd;
            }
        }
        from = to;
    }
    odd
}

/// Returns how many of the 16 samples in a pixel lie in the object. If the four outer ones agree, all do.
fn coverage(object: &Object, polygon: &[(i32, i32)], x: i32, y: i32) -> i32 {
    let step = 64 / FINE;
    let sample =
        |i: i32, j: i32| i32::from(inside(object, polygon, x * 64 + step / 2 + i * step, y * 64 + step / 2 + j * step));
    let last = FINE - 1;
    match sample(0, 0) + sample(last, 0) + sample(0, last) + sample(last, last) {
        0 => 0,
        4 => FINE * FINE,
        _ => (0..FINE * FINE).map(|k| sample(k % FINE, k / FINE)).sum(),
    }
}

/// Smooth noise of about +-6 on a grid of 14 pixels, and a gradient of +-5 from the top down.
fn paper(scene: &Scene) -> Vec<i32> {
    const CELL: i32 = 14;
    let side = scene.side;
    let across = side / CELL + 2;
    let mut random = Random::named(scene.texture, "paper");
    let knots: Vec<i32> = (0..across * across).map(|_| random.between(-6, 6)).collect();
    let mut out = Vec::with_capacity((side * side) as usize);
    for y in 0..side {
        for x in 0..side {
            let (i, j, u, v) = (x / CELL, y / CELL, x % CELL, y % CELL);
            let knot = |i: i32, j: i32| knots[(j * across + i) as usize];
            let top = knot(i, j) * (CELL - u) + knot(i + 1, j) * u;
            let bottom = knot(i, j + 1) * (CELL - u) + knot(i + 1, j + 1) * u;
            out.push((top * (CELL - v) + bottom * v) / (CELL * CELL) + 5 - 10 * y / side);
        }
    }
    out
}

/// Paints the scene.
pub fn paint(scene: &Scene) -> Picture {
    let side = scene.side;
    let mut pixels: Vec<[i32; 3]> =
        paper(scene).into_iter().map(|light| PAPER[scene.background % PAPER.len()].map(|c| c + light)).collect();
    for object in &scene.objects {
        shadow(&mut pixels, side, object);
    }
    for object in &scene.objects {
        fill(&mut pixels, side, object);
    }
    let rgb = pixels.iter().flatten().map(|c| (*c).clamp(0, 255) as u8).collect();
    Picture { width: side as usize, height: side as usize, rgb }
}

/// The pixels an object can touch, with a margin.
fn reach(object: &Object, side: i32, margin: i32) -> impl Iterator<Item = (i32, i32)> + use<> {
    let r = object.radius + margin;
    let span = move |c: i32| (c - r).max(0)..(c + r + 1).min(side);
    let columns = span(object.x);
    span(object.y).flat_map(move |y| columns.clone().map(move |x| (x, y)))
}

/// Darkens the paper below and right of an object, fading out: grey, so it has no colour to be detected by.
fn shadow(pixels: &mut [[i32; 3]], side: i32, object: &Object) {
    let radius = object.radius;
    for (x, y) in reach(object, side, 4) {
        let (dx, dy) = (x - object.x - 1, y - object.y - 2);
        let (far, near) = ((radius + 2) * (radius + 2), (radius - 6) * (radius - 6));
        let depth = 26 * (far - dx * dx - dy * dy).clamp(0, far - near) / (far - near);
        let pixel = &mut pixels[(y * side + x) as usize];
        *pixel = pixel.map(|c| c - c * depth / 256);
    }
}

/// Fills an object, lit from the upper left, with a darker rim.
fn fill(pixels: &mut [[i32; 3]], side: i32, object: &Object) {
    let polygon = outline(object);
    let base: [i32; 3] = std::array::from_fn(|i| rgb(object.color)[i] + object.shade[i]);
    // The rim is what a copy shrunk by one pixel leaves uncovered.
    let inner = Object { radius: object.radius - 1, ..object.clone() };
    let inner_polygon = outline(&inner);
    for (x, y) in reach(object, side, 0) {
        let covered = coverage(object, &polygon, x, y);
        if covered == 0 {
            continue;
        }
        let core = coverage(&inner, &inner_polygon, x, y);
        let light = 256 - (x - object.x + 2 * (y - object.y)) * 40 / (2 * object.radius);
        let shade = light * (core * 100 + (16 - core) * 82) / 1600;
        let pixel = &mut pixels[(y * side + x) as usize];
        *pixel = std::array::from_fn(|i| {
            let color = (base[i] * shade / 256).clamp(0, 255);
            (pixel[i] * (16 - covered) + color * covered) / 16
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_are_sines() {
        for k in -100..100 {
            let exact = f64::from(k * 5).to_radians().sin() * 16384.0;
            assert!((f64::from(sine(k)) - exact).abs() <= 0.5, "{k}");
        }
    }

    #[test]
    fn shapes_have_their_areas() {
        for (shape, expected) in
            [(Shape::Circle, 2.76), (Shape::Square, 2.0), (Shape::Triangle, 1.30), (Shape::Star, 1.35)]
        {
            for turn in -7..=7 {
                let object =
                    Object { shape, color: Color::Red, large: true, x: 40, y: 40, radius: 17, turn, shade: [0; 3] };
                let polygon = outline(&object);
                let samples: i32 = reach(&object, 80, 2).map(|(x, y)| coverage(&object, &polygon, x, y)).sum();
                let area = f64::from(samples) / 16.0 / (17.0 * 17.0);
                assert!((area - expected).abs() < 0.04, "{shape:?} turned {turn}: {area}");
            }
        }
    }
}
