//! Computes logits as the original does, which is the reference for `cached`.

use tch::{Tensor, no_grad};

use crate::model::{ForwardContext, TaskModel};
use crate::train::batches;
use base::error::Result;
use trainings::examples::{MAX_WORDS, PreparedSplit};

/// Calls `each` with the positions of questions and each model's logits (B, answers). Questions are processed in this order, with
/// sentences padded to the original's length. Every question's image is encoded separately, and both halves of every
/// cross-modality layer are computed.
pub(super) fn logits(
    models: &[&TaskModel],
    questions: &PreparedSplit,
    order: &[usize],
    batch_size: usize,
    mut each: impl FnMut(&[usize], Vec<Tensor>) -> Result<()>,
) -> Result<()> {
    let device = models[0].parameters().device();
    std::thread::scope(|scope| {
        for batch in batches::stream(scope, questions, order, batch_size, MAX_WORDS, device) {
            let whole =
                |model: &&TaskModel| no_grad(|| model.answer(&model.encode(&batch.input, ForwardContext::EVAL).pooled));
            each(&batch.positions, models.iter().map(whole).collect())?;
        }
        Ok(())
    })
}
