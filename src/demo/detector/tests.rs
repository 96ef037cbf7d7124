use super::super::picture::Picture;
use super::objects::*;
use crate::demo::paint::paint;
use crate::demo::random::Random;
use crate::demo::scenes::{Object, Scene, draw};
use lxmert_spec::demo::PictureRecipe;

const SCENES: usize = 200;

fn scenes() -> impl Iterator<Item = Scene> {
    let recipe = PictureRecipe { side: 112, objects: [3, 5] };
    (0..SCENES).map(move |i| draw(&mut Random::named(11, &format!("scene/{i}")), &recipe))
}

/// The box of the pixels that an object colours, found by painting it alone and comparing with bare paper.
fn painted_box(scene: &Scene, object: &Object) -> [f32; 4] {
    let bare = paint(&Scene { objects: Vec::new(), ..scene.clone() });
    let alone = paint(&Scene { objects: vec![object.clone()], ..scene.clone() });
    let mut area = [f32::MAX, f32::MAX, 0.0, 0.0];
    for y in 0..bare.height {
        for x in 0..bare.width {
            let (a, b) = (bare.at(x, y), alone.at(x, y));
            // A shadow darkens all channels alike.
            let gain: Vec<i32> = (0..3).map(|c| b[c] - a[c]).collect();
            if gain.iter().max().unwrap() - gain.iter().min().unwrap() > 30 {
                let (x, y) = (x as f32, y as f32);
                area = [area[0].min(x), area[1].min(y), area[2].max(x + 1.0), area[3].max(y + 1.0)];
            }
        }
    }
    area
}

fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let size = |c: [f32; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let common = size([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    common / (size(a) + size(b) - common)
}

#[test]
fn finds_and_names_every_object() {
    let (mut objects, mut right) = (0, 0);
    let mut wrong = Vec::new();
    for (i, scene) in scenes().enumerate() {
        let found = detect(&paint(&scene));
        assert_eq!(found.len(), BOXES);
        assert_eq!(found.iter().filter(|d| d.guess.is_some()).count(), scene.objects.len(), "scene {i}");
        for object in &scene.objects {
            let drawn = painted_box(&scene, object);
            let best = found
                .iter()
                .filter(|d| d.guess.is_some())
                .max_by(|a, b| overlap(a.corners, drawn).total_cmp(&overlap(b.corners, drawn)));
            let best = best.unwrap();
            assert!(
                overlap(best.corners, drawn) > 0.8,
                "scene {i}: {object:?} at {drawn:?}, nearest {:?}",
                best.corners
            );
            let guess = best.guess.unwrap();
            objects += 1;
            if (guess.shape, guess.color) == (object.shape, object.color) {
                right += 1;
            } else {
                wrong.push(format!("scene {i}: {object:?} taken for {guess:?}"));
            }
        }
    }
    assert!(right * 1000 >= objects * 995, "{right} of {objects}:\n{}", wrong.join("\n"));
}

#[test]
fn numbers_are_finite_and_of_order_one() {
    for (i, scene) in scenes().take(100).enumerate() {
        for (k, d) in detect(&paint(&scene)).iter().enumerate() {
            let [x1, y1, x2, y2] = d.corners;
            assert!(0.0 <= x1 && x1 < x2 && x2 <= 112.0 && 0.0 <= y1 && y1 < y2 && y2 <= 112.0, "scene {i}, box {k}");
            assert!(d.features.iter().all(|v| (0.0..=4.0).contains(v)), "scene {i}, box {k}: {:?}", d.features);
            if let Some(g) = d.guess {
                assert!((0.0..=1.0).contains(&g.shape_confidence) && (0.0..=1.0).contains(&g.color_confidence));
            }
        }
    }
}

#[test]
fn empty_and_odd_pictures_give_boxes_too() {
    for (width, height) in [(8, 8), (300, 8), (9, 64)] {
        for rgb in [vec![255; 3 * width * height], (0..3 * width * height).map(|i| (i * 97 % 251) as u8).collect()] {
            let found = detect(&Picture { width, height, rgb });
            assert_eq!(found.len(), BOXES);
            assert!(found.iter().flat_map(|d| d.features).all(f32::is_finite));
        }
    }
}
