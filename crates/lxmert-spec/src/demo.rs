//! The demo's recipe: how many pictures and questions it draws and how it trains, read from the embedded `data/demo.toml`.
//! Draws nothing itself.

use serde::{Deserialize, Serialize};

use crate::recipe::TrainingRecipe;
use base::error::{Error, Result};
use data::dataset::Task;

/// The text of the embedded recipe. It is part of the fingerprint of everything made from it.
pub const EMBEDDED: &str = include_str!("../../../data/demo.toml");

const ADVICE: &str = "see the comments in data/demo.toml";

/// The seed and sizes of the demo's data, and the trainings on them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoRecipe {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Size and content of a picture.
    pub picture: PictureRecipe,
    /// VQA pictures per split.
    pub vqa: VqaRecipe,
    /// GQA pictures per split.
    pub gqa: GqaRecipe,
    /// NLVR2 sets per split.
    pub nlvr2: Nlvr2Recipe,
    /// Training recipe of each task.
    pub training: TrainingRecipes,
}

/// The training recipe of each task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipes {
    /// VQA, on train and nominival.
    pub vqa: TrainingRecipe,
    /// GQA, on train and valid.
    pub gqa: TrainingRecipe,
    /// NLVR2, on train.
    pub nlvr2: TrainingRecipe,
}

impl TrainingRecipes {
    /// Returns the recipe of a task.
    pub fn of(&self, task: Task) -> TrainingRecipe {
        match task {
            Task::Vqa => self.vqa,
            Task::Gqa => self.gqa,
            Task::Nlvr2 => self.nlvr2,
        }
    }
}

/// Size and content of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRecipe {
    /// Width and height in pixels.
    pub side: u32,
    /// Minimum and maximum number of objects.
    pub objects: [usize; 2],
}

/// The number of VQA pictures per split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqaRecipe {
    /// Pictures in `train2014`.
    pub train: usize,
    /// Pictures at the start of `val2014`.
    pub minival: usize,
    /// Pictures in the rest of `val2014`.
    pub nominival: usize,
}

/// The number of GQA pictures per split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GqaRecipe {
    /// Pictures at the start of `vg_gqa`.
    pub train: usize,
    /// Pictures in the rest of `vg_gqa`.
    pub valid: usize,
    /// Pictures in `gqa_testdev`.
    pub testdev: usize,
}

/// The number of NLVR2 sets per split. A set is four pairs of pictures and the sentences asked about all four.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nlvr2Recipe {
    /// Training sets.
    pub train: usize,
    /// Sets of `valid` (officially `dev`).
    pub valid: usize,
    /// Sets of `test` (officially `test1`).
    pub test: usize,
    /// Sentences per set, an even number.
    pub sentences: usize,
}

impl DemoRecipe {
    /// Returns the recipe compiled into the program.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED).map_err(|e| e.while_doing("the embedded demo recipe is wrong"))
    }

    /// Parses a recipe and checks that it can be drawn.
    ///
    /// # Errors
    /// Usage, with the field that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let recipe: Self =
            toml::from_str(text).map_err(|e| Error::usage("cannot read the demo's recipe").because(e).next(ADVICE))?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::usage(what).next(ADVICE));
        if !(96..=512).contains(&self.picture.side) {
            return wrong(format!("picture.side is {}; it must be 96 to 512 pixels", self.picture.side));
        }
        let [fewest, most] = self.picture.objects;
        if fewest < 2 || most > 5 || fewest > most {
            return wrong(format!("picture.objects is [{fewest}, {most}]; it must be a range within 2 to 5"));
        }
        if !self.nlvr2.sentences.is_multiple_of(2) || !(2..=12).contains(&self.nlvr2.sentences) {
            return wrong(format!(
                "nlvr2.sentences is {}; it must be an even number from 2 to 12",
                self.nlvr2.sentences
            ));
        }
        let sizes = [
            ("vqa.train", self.vqa.train),
            ("vqa.minival", self.vqa.minival),
            ("vqa.nominival", self.vqa.nominival),
            ("gqa.train", self.gqa.train),
            ("gqa.valid", self.gqa.valid),
            ("gqa.testdev", self.gqa.testdev),
            ("nlvr2.train", self.nlvr2.train),
            ("nlvr2.valid", self.nlvr2.valid),
            ("nlvr2.test", self.nlvr2.test),
        ];
        match sizes.iter().find(|(_, n)| !(1..=20_000).contains(n)) {
            Some((name, n)) => wrong(format!("{name} is {n}; it must be 1 to 20000")),
            // The original reads minival from the first 5000 rows of val2014.
            None if self.vqa.minival > 5000 => {
                wrong(format!("vqa.minival is {}; it must be at most 5000", self.vqa.minival))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_recipe_reads_and_wrong_ones_are_named() {
        let good = DemoRecipe::embedded().unwrap();
        assert_eq!(DemoRecipe::parse(&toml::to_string(&good).unwrap()).unwrap(), good);
        for (from, to, says) in [
            ("side = 112", "side = 7", "picture.side is 7"),
            ("[3, 5]", "[4, 9]", "picture.objects is [4, 9]"),
            ("sentences = 8", "sentences = 7", "nlvr2.sentences is 7"),
            ("minival = 400", "minival = 0", "vqa.minival is 0"),
            ("minival = 400", "minival = 5001", "vqa.minival is 5001"),
            ("seed = ", "sead = ", "cannot read the demo's recipe"),
        ] {
            let text = EMBEDDED.replacen(from, to, 1);
            let error = DemoRecipe::parse(&text).unwrap_err();
            assert!(error.to_string().contains(says), "{says}: {error}");
        }
    }
}
