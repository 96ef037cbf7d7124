//! Generates the questions that can be asked about a scene, each with its only true answer.

use super::Candidate;
use crate::demo::random::Random;
use crate::demo::scenes::{Color, Object, Scene, Shape};

/// Minimum distance in pixels for an unambiguous "left of" or "right of".
const CLEARLY: i32 = 16;

/// A description that selects objects by size, colour and shape, where given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectFilter {
    pub large: Option<bool>,
    pub color: Option<Color>,
    pub shape: Option<Shape>,
}

impl ObjectFilter {
    pub(crate) fn color(color: Color) -> Self {
        Self { large: None, color: Some(color), shape: None }
    }

    pub(crate) fn shape(shape: Shape) -> Self {
        Self { large: None, color: None, shape: Some(shape) }
    }

    pub(crate) fn both(color: Color, shape: Shape) -> Self {
        Self { large: None, color: Some(color), shape: Some(shape) }
    }

    fn large(self, large: bool) -> Self {
        Self { large: Some(large), ..self }
    }

    pub(crate) fn fits(&self, object: &Object) -> bool {
        self.large.is_none_or(|l| l == object.large)
            && self.color.is_none_or(|c| c == object.color)
            && self.shape.is_none_or(|s| s == object.shape)
    }

    pub(crate) fn count(&self, scene: &Scene) -> usize {
        scene.objects.iter().filter(|o| self.fits(o)).count()
    }

    /// Returns the object that fits, if there is exactly one.
    fn only<'a>(&self, scene: &'a Scene) -> Option<&'a Object> {
        let mut fitting = scene.objects.iter().filter(|o| self.fits(o));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    /// Returns the words, such as "large red object" or "star".
    pub(crate) fn words(&self) -> String {
        let size = self.large.map(|large| if large { "large" } else { "small" });
        let noun = self.shape.map_or("object", Shape::word);
        [size, self.color.map(Color::word), Some(noun)].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn colors() -> impl Iterator<Item = ObjectFilter> {
    Color::ALL.into_iter().map(ObjectFilter::color)
}

pub(crate) fn shapes() -> impl Iterator<Item = ObjectFilter> {
    Shape::ALL.into_iter().map(ObjectFilter::shape)
}

pub(crate) fn pairs() -> impl Iterator<Item = ObjectFilter> {
    Color::ALL.into_iter().flat_map(|c| Shape::ALL.into_iter().map(move |s| ObjectFilter::both(c, s)))
}

/// Asks for a property of the only object that a description selects; the size is added to the description if needed.
fn about_one(
    scene: &Scene,
    descriptions: impl Iterator<Item = ObjectFilter>,
    ask: impl Fn(&str) -> String,
    answer: impl Fn(&Object) -> &'static str,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for plain in descriptions {
        let ways = match plain.count(scene) {
            0 => continue,
            1 => vec![plain],
            _ => vec![plain.large(false), plain.large(true)],
        };
        for way in ways {
            if let Some(object) = way.only(scene) {
                found.push(Candidate { sent: ask(&way.words()), answer: answer(object).into() });
            }
        }
    }
    found
}

/// "What color is the star?"
pub(crate) fn color_of(scene: &Scene) -> Vec<Candidate> {
    about_one(scene, shapes(), |what| format!("What color is the {what}?"), |o| o.color.word())
}

/// "What shape is the red object?"
pub(crate) fn shape_of(scene: &Scene) -> Vec<Candidate> {
    about_one(scene, colors(), |what| format!("What shape is the {what}?"), |o| o.shape.word())
}

/// "What size is the red object?"
pub(crate) fn size_of(scene: &Scene) -> Vec<Candidate> {
    colors()
        .filter_map(|d| Some((d.only(scene)?, d)))
        .map(|(object, d)| Candidate {
            sent: format!("What size is the {}?", d.words()),
            answer: if object.large { "large" } else { "small" }.into(),
        })
        .collect()
}

/// Asks whether objects exist. Returns questions with the answer yes and questions with the answer no, with the same kind of
/// description. In half of the draws, absent pairs of colour and shape are limited to those whose colour and shape each occur in the
/// picture, if there are any: these can be answered only by looking at single objects.
pub(crate) fn existence(
    random: &mut Random,
    scene: &Scene,
    ask: impl Fn(&str) -> String,
) -> (Vec<Candidate>, Vec<Candidate>) {
    let all: Vec<ObjectFilter> = match random.below(10) {
        0..3 => colors().collect(),
        3..6 => shapes().collect(),
        _ => pairs().collect(),
    };
    let (there, mut absent): (Vec<_>, Vec<_>) = all.into_iter().partition(|d| d.count(scene) > 0);
    let tempting = |d: &ObjectFilter| {
        let has = |part: Option<ObjectFilter>| part.is_some_and(|p| p.count(scene) > 0);
        has(d.color.map(ObjectFilter::color)) && has(d.shape.map(ObjectFilter::shape))
    };
    if random.chance(50) && absent.iter().any(tempting) {
        absent.retain(tempting);
    }
    let questions = |list: Vec<ObjectFilter>, answer: &str| {
        list.into_iter().map(|d| Candidate { sent: ask(&d.words()), answer: answer.into() }).collect()
    };
    (questions(there, "yes"), questions(absent, "no"))
}

/// "How many red objects are there?", for colours and shapes that occur one to three times.
pub(crate) fn how_many(scene: &Scene) -> Vec<Candidate> {
    colors()
        .chain(shapes())
        .map(|d| (d.count(scene), d))
        .filter(|(count, _)| (1..=3).contains(count))
        .map(|(count, d)| Candidate { sent: format!("How many {}s are there?", d.words()), answer: count.to_string() })
        .collect()
}

/// "Is the star on the left or on the right?"
pub(crate) fn side_of(scene: &Scene) -> Vec<Candidate> {
    let from_middle = |o: &Object| 2 * o.x - scene.side;
    shapes()
        .chain(colors())
        .filter_map(|d| Some((d.only(scene)?, d)))
        .filter(|(o, _)| from_middle(o).abs() >= CLEARLY)
        .map(|(o, d)| Candidate {
            sent: format!("Is the {} on the left or on the right?", d.words()),
            answer: if from_middle(o) < 0 { "left" } else { "right" }.into(),
        })
        .collect()
}

/// "Is the red object to the left or to the right of the star?"
pub(crate) fn relation(scene: &Scene) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (a, b) in colors().flat_map(|a| shapes().map(move |b| (a, b))) {
        let (Some(one), Some(other)) = (a.only(scene), b.only(scene)) else { continue };
        if (one.x - other.x).abs() >= CLEARLY {
            found.push(Candidate {
                sent: format!("Is the {} to the left or to the right of the {}?", a.words(), b.words()),
                answer: if one.x < other.x { "left" } else { "right" }.into(),
            });
        }
    }
    found
}
