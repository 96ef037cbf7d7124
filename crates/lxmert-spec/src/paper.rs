//! The paper's recipe: how the original trains. Defaults of the command line, the profiles and the deviations of a run are
//! read from here, and a test compares `golden/published.toml` with it.
//!
//! From README.md (lines 46 to 50), src/param.py, src/tasks/{vqa,gqa,nlvr2}.py, src/pretrain/lxmert_pretrain.py and
//! run/{vqa,gqa,nlvr2}_finetune.bash, run/lxmert_pretrain.bash of the original @ 0db1182.

use data::dataset::Task;

use crate::recipe::{Optim, TrainingRecipe};

/// The preset of the model's sizes.
pub const MODEL: &str = "lxr955";
/// Decides data order, dropout and random weights.
pub const SEED: u64 = 9595;
/// The update rule: BertAdam, whose learning rate rises over the first steps and then falls to 0.
pub const OPTIM: Optim = Optim::Bert;
/// The pre-trained model that every task starts from, below the workspace, as `--load-lxmert` names it.
pub const PRETRAINED: &str = "snap/pretrained/model";
/// Its file.
pub const PRETRAINED_FILE: &str = "snap/pretrained/model_LXRT.pth";

/// How a task is fine-tuned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FineTuningRecipe {
    /// Splits to train on, comma-separated.
    pub train: &'static str,
    /// The split that chooses the best epoch and that is reported.
    pub valid: &'static str,
    /// Epochs, batch size and peak learning rate.
    pub training: TrainingRecipe,
    /// Examples a batch when validating; decides speed and memory, not the result.
    pub eval_batch_size: usize,
    /// Examples a batch when answering a split with a trained model; decides speed and memory, not the result.
    pub answer_batch_size: usize,
    /// Whether the answer head starts from the pre-trained one (`--load-lxmert-qa`) or from random weights (`--load-lxmert`).
    pub loads_answers: bool,
}

impl FineTuningRecipe {
    /// Returns the option that names the first weights.
    pub fn start(&self) -> &'static str {
        if self.loads_answers { "--load-lxmert-qa" } else { "--load-lxmert" }
    }
}

/// Share of all steps of a fine-tuning over which the learning rate rises.
pub const WARM_UP: f64 = 0.1;
/// L2 norm to which the gradients of a fine-tuning are clipped.
pub const CLIP: f64 = 5.0;

/// Returns how a task is fine-tuned.
pub const fn fine_tuning(task: Task) -> FineTuningRecipe {
    let training = TrainingRecipe { epochs: 4, batch_size: 32, lr: 5e-5 };
    match task {
        Task::Vqa => FineTuningRecipe {
            train: "train,nominival",
            valid: "minival",
            training,
            eval_batch_size: 1024,
            answer_batch_size: 950,
            loads_answers: true,
        },
        Task::Gqa => FineTuningRecipe {
            train: "train,valid",
            valid: "testdev",
            training: TrainingRecipe { lr: 1e-5, ..training },
            eval_batch_size: 512,
            answer_batch_size: 256,
            loads_answers: true,
        },
        Task::Nlvr2 => FineTuningRecipe {
            train: "train",
            valid: "valid",
            training,
            eval_batch_size: 512,
            answer_batch_size: 256,
            loads_answers: false,
        },
    }
}

/// How the model is pre-trained, from random weights and on all tasks ([`Tasks::ALL`](crate::tasks::Tasks::ALL)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainingRecipe {
    /// Data to train on, comma-separated.
    pub train: &'static str,
    /// Data to validate on.
    pub valid: &'static str,
    /// Epochs, batch size and peak learning rate.
    pub training: TrainingRecipe,
    /// Examples a batch when validating.
    pub eval_batch_size: usize,
    /// What is predicted of boxes, comma-separated.
    pub visual_losses: &'static str,
    /// Share of words to predict.
    pub word_mask_rate: f64,
    /// Share of boxes to predict.
    pub box_mask_rate: f64,
    /// Share of all steps over which the learning rate rises.
    pub warm_up: f64,
    /// L2 norm to which gradients are clipped.
    pub clip: f64,
}

/// How the model is pre-trained.
pub const PRETRAINING: PretrainingRecipe = PretrainingRecipe {
    train: "mscoco_train,mscoco_nominival,vgnococo",
    valid: "mscoco_minival",
    training: TrainingRecipe { epochs: 20, batch_size: 256, lr: 1e-4 },
    eval_batch_size: 512,
    visual_losses: "obj,attr,feat",
    word_mask_rate: 0.15,
    box_mask_rate: 0.15,
    warm_up: 0.05,
    clip: 1.0,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn steps_of_the_published_sets() {
        let steps = |task, examples| fine_tuning(task).training.steps(examples);
        assert_eq!((steps(Task::Vqa, 632_117), steps(Task::Nlvr2, 31)), (79_012, 0));
    }

    #[test]
    fn the_model_is_a_preset_and_its_file_bears_its_name() {
        assert_eq!(Config::preset(MODEL).unwrap(), Config::lxr955());
        assert_eq!(PRETRAINED_FILE, format!("{PRETRAINED}_LXRT.pth"));
    }
}
