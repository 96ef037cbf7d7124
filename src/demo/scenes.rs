//! The objects of a picture. Questions are generated from the scene; the detector never sees it.

use super::random::Random;
use lxmert_spec::demo::PictureRecipe;

/// The shape of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Star,
}

/// An object's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Color {
    Red,
    Green,
    Blue,
    Yellow,
    Purple,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Circle, Self::Square, Self::Triangle, Self::Star];

    /// The word for it in questions and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
        }
    }
}

impl Color {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Red, Self::Green, Self::Blue, Self::Yellow, Self::Purple];

    /// The word for it in questions and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
        }
    }
}

/// One object of a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its shape.
    pub shape: Shape,
    /// Its colour's name; the shade varies.
    pub color: Color,
    /// Large (about 16 pixels of radius) or small (about 9).
    pub large: bool,
    /// Centre of its enclosing circle, in pixels from the left.
    pub x: i32,
    /// The same, from the top.
    pub y: i32,
    /// Radius of its enclosing circle.
    pub radius: i32,
    /// Rotation in steps of 5 degrees.
    pub turn: i32,
    /// What is added to the red, green and blue of its colour.
    pub shade: [i32; 3],
}

/// One picture's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Width and height in pixels.
    pub side: i32,
    /// Which of the background colours.
    pub background: usize,
    /// Seeds the background's texture.
    pub texture: u64,
    /// The objects, apart from each other.
    pub objects: Vec<Object>,
}

/// Number of background colours that pictures are drawn on.
pub const BACKGROUNDS: usize = 6;

/// Pixels between the enclosing circles of two objects, and between one and the edge.
const GAP: i32 = 3;

/// Draws a scene. Shapes, colours and sizes are independent and uniform, so that none can be guessed from the others; objects do not
/// touch.
pub fn draw(random: &mut Random, recipe: &PictureRecipe) -> Scene {
    let side = recipe.side as i32;
    let [fewest, most] = recipe.objects;
    let count = fewest + random.below(most - fewest + 1);
    let mut objects: Vec<Object> = Vec::with_capacity(count);
    let mut tries = 0;
    while objects.len() < count {
        // If there is no room for an object, all are drawn again.
        tries += 1;
        if tries % 200 == 0 {
            objects.clear();
        }
        let large = random.chance(50);
        let radius = if large { random.between(15, 17) } else { random.between(9, 10) };
        let from = GAP + radius;
        let (x, y) = (random.between(from, side - 1 - from), random.between(from, side - 1 - from));
        let apart = |o: &Object| {
            let (dx, dy, reach) = (o.x - x, o.y - y, o.radius + radius + GAP);
            dx * dx + dy * dy >= reach * reach
        };
        if !objects.iter().all(apart) {
            continue;
        }
        let shape = Shape::ALL[random.below(Shape::ALL.len())];
        let turn = match shape {
            Shape::Circle => 0,
            Shape::Star => random.between(-7, 7),
            Shape::Square | Shape::Triangle => random.between(-3, 3),
        };
        objects.push(Object {
            shape,
            color: Color::ALL[random.below(Color::ALL.len())],
            large,
            x,
            y,
            radius,
            turn,
            shade: [(); 3].map(|()| random.between(-10, 10)),
        });
    }
    Scene { side, background: random.below(BACKGROUNDS), texture: random.below(1 << 30) as u64, objects }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_within_bounds_and_repeat() {
        let recipe = PictureRecipe { side: 112, objects: [2, 5] };
        let mut seen = [0; 6];
        for i in 0..500 {
            let name = format!("scene/{i}");
            let scene = draw(&mut Random::named(1, &name), &recipe);
            assert_eq!(scene, draw(&mut Random::named(1, &name), &recipe));
            seen[scene.objects.len()] += 1;
            for (k, a) in scene.objects.iter().enumerate() {
                assert!(a.x - a.radius >= GAP && a.x + a.radius < 112 - GAP, "{name}");
                for b in &scene.objects[..k] {
                    assert!((a.x - b.x).pow(2) + (a.y - b.y).pow(2) >= (a.radius + b.radius + GAP).pow(2), "{name}");
                }
            }
        }
        assert!(seen[..2] == [0, 0] && seen[2..].iter().all(|n| *n > 90), "{seen:?}");
    }
}
