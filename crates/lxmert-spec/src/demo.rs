//! What the demo draws and asks, read from the embedded `data/demo.toml`.

use serde::{Deserialize, Serialize};

use crate::recipe::TrainingRecipe;
use base::error::{Error, Result};
use data::dataset::Task;

/// The embedded recipe, as text: part of the fingerprint of what it makes.
pub const EMBEDDED: &str = include_str!("../../../data/demo.toml");

/// Sizes and seed of the demo's data, and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How pictures look.
    pub picture: PictureRecipe,
    /// Numbers of VQA pictures.
    pub vqa: VqaRecipe,
    /// Numbers of GQA pictures.
    pub gqa: GqaRecipe,
    /// Numbers of NLVR2 sets.
    pub nlvr2: Nlvr2Recipe,
    /// How each task is trained.
    pub training: TrainingRecipes,
}

/// How each task is trained.
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
    /// Returns how a task is trained.
    pub fn of(&self, task: Task) -> TrainingRecipe {
        match task {
            Task::Vqa => self.vqa,
            Task::Gqa => self.gqa,
            Task::Nlvr2 => self.nlvr2,
        }
    }
}

/// How pictures look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRecipe {
    /// Width and height in pixels.
    pub side: u32,
    /// Fewest and most objects.
    pub objects: [usize; 2],
}

/// Numbers of VQA pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqaRecipe {
    /// In `train2014`.
    pub train: usize,
    /// At the head of `val2014`.
    pub minival: usize,
    /// In the rest of `val2014`.
    pub nominival: usize,
}

/// Numbers of GQA pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GqaRecipe {
    /// At the head of `vg_gqa`.
    pub train: usize,
    /// In the rest of `vg_gqa`.
    pub valid: usize,
    /// In `gqa_testdev`.
    pub testdev: usize,
}

/// Numbers of NLVR2 sets; a set is four pairs of pictures and the sentences asked of all four.
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

impl Recipe {
    /// The recipe compiled into the program.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED).map_err(|e| e.while_doing("the embedded demo recipe is wrong"))
    }

    /// Reads a recipe and checks that it can be drawn.
    pub fn parse(text: &str) -> Result<Self> {
        let recipe: Self =
            toml::from_str(text).map_err(|e| Error::usage("cannot read the demo's recipe").because(e))?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::usage(what).next("see the comments in data/demo.toml"));
        if !(96..=512).contains(&self.picture.side) {
            return wrong(format!("picture.side is {}; 96 to 512 pixels can be drawn", self.picture.side));
        }
        let [fewest, most] = self.picture.objects;
        if fewest < 2 || most > 5 || fewest > most {
            return wrong(format!("picture.objects is [{fewest}, {most}]; 2 to 5 objects can be drawn"));
        }
        if !self.nlvr2.sentences.is_multiple_of(2) || !(2..=12).contains(&self.nlvr2.sentences) {
            return wrong(format!("nlvr2.sentences is {}; an even number of 2 to 12 is needed", self.nlvr2.sentences));
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
            Some((name, n)) => wrong(format!("{name} is {n}; 1 to 20000 can be drawn")),
            // The original takes the first 5000 rows of val2014 for minival, so they must all be among them.
            None if self.vqa.minival > 5000 => wrong("vqa.minival is above 5000, the rows that minival reads".into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_recipe_reads_and_wrong_ones_are_named() {
        let good = Recipe::embedded().unwrap();
        assert_eq!(Recipe::parse(&toml::to_string(&good).unwrap()).unwrap(), good);
        for (from, to, says) in [
            ("side = 112", "side = 7", "picture.side is 7"),
            ("[3, 5]", "[4, 9]", "picture.objects is [4, 9]"),
            ("sentences = 8", "sentences = 7", "nlvr2.sentences is 7"),
            ("minival = 400", "minival = 0", "vqa.minival is 0"),
            ("minival = 400", "minival = 5001", "vqa.minival is above 5000"),
            ("seed = ", "sead = ", "cannot read the demo's recipe"),
        ] {
            let text = EMBEDDED.replacen(from, to, 1);
            let error = Recipe::parse(&text).unwrap_err();
            assert!(error.to_string().contains(says), "{says}: {error}");
        }
    }
}
