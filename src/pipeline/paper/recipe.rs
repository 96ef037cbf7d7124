//! How the paper fine-tunes each task: README.md lines 46-50 and run/{vqa,gqa,nlvr2}_finetune.bash of the original @
//! 0db1182.

use data::dataset::Task;
use lxmert_spec::demo::TrainingRecipe;

/// The model: BERT-base widths, 9 language, 5 cross-modality and 5 object-relationship layers.
pub const MODEL: &str = "lxr955";
/// The seed of the original's programs (src/param.py).
pub const SEED: u64 = 9595;
/// The pre-trained weights that every task starts from, below the workspace.
pub const WEIGHTS: &str = "snap/pretrained/model_LXRT.pth";

/// Epochs, batch size and peak learning rate. The update rule is BertAdam with a warm-up of a tenth of all steps.
pub fn training(task: Task) -> TrainingRecipe {
    let lr = if task == Task::Gqa { 1e-5 } else { 5e-5 };
    TrainingRecipe { epochs: 4, batch_size: 32, lr }
}

/// Examples a batch when validating (src/tasks/{vqa,gqa,nlvr2}.py); decides speed and memory, not the result.
pub fn eval_batch_size(task: Task) -> usize {
    if task == Task::Vqa { 1024 } else { 512 }
}

/// Whether the answer head starts from the pre-trained one (`--loadLXMERTQA`), or from random weights (`--loadLXMERT`).
pub fn loads_answers(task: Task) -> bool {
    task != Task::Nlvr2
}

/// Optimiser steps over so many examples; an incomplete last batch of an epoch is dropped.
pub fn steps(task: Task, examples: u64) -> u64 {
    let TrainingRecipe { epochs, batch_size, .. } = training(task);
    (examples / batch_size as u64).saturating_mul(epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_the_published_sets() {
        assert_eq!(steps(Task::Vqa, 632_117), 79_012);
        assert_eq!(steps(Task::Nlvr2, 31), 0);
    }
}
