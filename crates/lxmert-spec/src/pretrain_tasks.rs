//! The pre-training tasks (paper section 3.1), and which parameters each of them needs.

use serde::{Deserialize, Serialize};

use crate::loading::parameter_names::OBJECT_DECODERS;

/// Names of the losses in the original's order (`LOSSES_NAME`, src/pretrain/lxmert_pretrain.py @ 0db1182).
const NAMES: [&str; 6] = ["Mask_LM", "Matched", "Obj", "Attr", "Feat", "QA"];

/// A choice of pre-training tasks, whose losses are summed. In the original: `--taskMaskLM`, `--taskMatched`, `--taskQA`, and
/// for the three of boxes `--taskObjPredict` with `--visualLosses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PretrainTasks {
    /// Masked cross-modality language modelling: predicts masked words.
    pub mask_lm: bool,
    /// Cross-modality matching: predicts whether the sentence belongs to the image.
    pub matched: bool,
    /// Predicts the object classes of masked boxes.
    pub obj: bool,
    /// Predicts the attribute classes of masked boxes.
    pub attr: bool,
    /// Regresses the features of masked boxes.
    pub feat: bool,
    /// Image question answering.
    pub qa: bool,
}

impl PretrainTasks {
    /// All tasks, as in the paper.
    pub const ALL: Self = Self { mask_lm: true, matched: true, obj: true, attr: true, feat: true, qa: true };

    /// Returns the names of the chosen losses in the original's order.
    pub fn names(self) -> Vec<&'static str> {
        let all = [self.mask_lm, self.matched, self.obj, self.attr, self.feat, self.qa];
        NAMES.into_iter().zip(all).filter_map(|(name, chosen)| chosen.then_some(name)).collect()
    }

    /// Whether a model with these tasks has this parameter. The original creates no heads for tasks that are off.
    pub fn has_parameter(self, parameter: &str) -> bool {
        let decoder = |name: &str| parameter.starts_with(&format!("{OBJECT_DECODERS}{name}."));
        match parameter.split('.').next() {
            Some("answer_head") => self.qa,
            Some("obj_predict_head") => {
                let other = [("obj", self.obj), ("attr", self.attr), ("feat", self.feat)];
                (self.obj || self.attr || self.feat) && !other.iter().any(|(name, chosen)| !chosen && decoder(name))
            }
            _ => true,
        }
    }
}
