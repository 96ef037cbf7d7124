//! The way of the original, as a measure for the fast one.

use tch::{Tensor, no_grad};

use crate::model::{Pass, TaskModel};
use crate::train::batches;
use base::error::Result;
use trainings::examples::{MAX_WORDS, PreparedSplit};

/// Hands on positions and each model's logits (B, answers): questions in order, sentences padded to the original's length,
/// every question's image encoded for itself, both halves of every cross layer computed.
pub(super) fn logits(
    models: &[&TaskModel],
    questions: &PreparedSplit,
    batch_size: usize,
    mut each: impl FnMut(&[usize], Vec<Tensor>) -> Result<()>,
) -> Result<()> {
    let device = models[0].parameters().device();
    let order: Vec<usize> = (0..questions.examples.len()).collect();
    std::thread::scope(|scope| {
        for ready in batches::stream(scope, questions, &order, batch_size, MAX_WORDS, device) {
            let whole = |model: &&TaskModel| no_grad(|| model.answer(&model.encode(&ready.batch, Pass::EVAL).pooled));
            each(&ready.positions, models.iter().map(whole).collect())?;
        }
        Ok(())
    })
}
