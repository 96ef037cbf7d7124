//! The paper's recipe: how the original trains. The defaults of the command line, the profiles and the list of a run's
//! deviations all read it, and a test compares `golden/published.toml` with it.
//!
//! Source: README.md (lines 46 to 50), src/param.py, src/tasks/{vqa,gqa,nlvr2}.py, src/pretrain/lxmert_pretrain.py and
//! run/{vqa,gqa,nlvr2}_finetune.bash, run/lxmert_pretrain.bash of the original @ 0db1182.

use data::dataset::Task;

use crate::recipe::{Optim, TrainingRecipe};

/// Preset of the model's sizes.
pub const MODEL: &str = "lxr955";
/// Seed of data order, dropout and random weights.
pub const SEED: u64 = 9595;
/// Update rule: BertAdam, whose learning rate rises over the first steps and then falls to 0.
pub const OPTIM: Optim = Optim::Bert;
/// Path of the pre-trained model that every task starts from, relative to the workspace, as `--load-lxmert` takes it.
pub const PRETRAINED: &str = "snap/pretrained/model";
/// Path of the file of [`PRETRAINED`].
pub const PRETRAINED_FILE: &str = "snap/pretrained/model_LXRT.pth";

/// The fine-tuning recipe of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FineTuningRecipe {
    /// Splits to train on, comma-separated.
    pub train: &'static str,
    /// The split that selects the best epoch and whose score is reported.
    pub valid: &'static str,
    /// Epochs, batch size and peak learning rate.
    pub training: TrainingRecipe,
    /// Examples per batch when validating; affects speed and memory, not the result.
    pub eval_batch_size: usize,
    /// Examples per batch when answering a split with a trained model; affects speed and memory, not the result.
    pub answer_batch_size: usize,
    /// Whether the answer head starts from the pre-trained one (`--load-lxmert-qa`) or from random weights (`--load-lxmert`).
    pub loads_answers: bool,
}

impl FineTuningRecipe {
    /// Returns the option that names the initial weights.
    pub fn start_option(&self) -> &'static str {
        if self.loads_answers { "--load-lxmert-qa" } else { "--load-lxmert" }
    }
}

/// Fraction of a fine-tuning's steps over which the learning rate rises.
pub const WARM_UP: f64 = 0.1;
/// Maximum L2 norm of the gradients in fine-tuning; larger ones are scaled down to it.
pub const CLIP: f64 = 5.0;

/// Returns the fine-tuning recipe of a task.
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

/// The pre-training recipe: from random weights and on all tasks ([`PretrainTasks::ALL`](crate::pretrain_tasks::PretrainTasks::ALL)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainingRecipe {
    /// Data to train on, comma-separated.
    pub train: &'static str,
    /// Data to validate on.
    pub valid: &'static str,
    /// Epochs, batch size and peak learning rate.
    pub training: TrainingRecipe,
    /// Examples per batch when validating.
    pub eval_batch_size: usize,
    /// Losses of the masked boxes (`--visual-losses`), comma-separated.
    pub visual_losses: &'static str,
    /// Fraction of words to mask and predict.
    pub word_mask_rate: f64,
    /// Fraction of boxes to mask and predict.
    pub box_mask_rate: f64,
    /// Fraction of all steps over which the learning rate rises.
    pub warm_up: f64,
    /// Maximum L2 norm of the gradients; larger ones are scaled down to it.
    pub clip: f64,
}

/// The paper's pre-training.
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
    fn the_model_is_a_preset_and_its_file_has_its_name() {
        assert_eq!(Config::preset(MODEL).unwrap(), Config::lxr955());
        assert_eq!(PRETRAINED_FILE, format!("{PRETRAINED}_LXRT.pth"));
    }
}
