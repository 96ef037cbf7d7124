//! What a model is pre-trained on (paper section 3.1).

use serde::{Deserialize, Serialize};

/// Names of all losses, in the original's order (`LOSSES_NAME`, src/pretrain/lxmert_pretrain.py @ 0db1182).
const NAMES: [&str; 6] = ["Mask_LM", "Matched", "Obj", "Attr", "Feat", "QA"];

/// Which losses are added (`--taskMaskLM` and so on; `--taskObjPredict` with `--visualLosses` gives the middle three).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// Masked cross-modality language model.
    pub mask_lm: bool,
    /// Image-sentence matching.
    pub matched: bool,
    /// Object classes of the boxes.
    pub obj: bool,
    /// Attribute classes of the boxes.
    pub attr: bool,
    /// Features of the masked boxes.
    pub feat: bool,
    /// Image question answering.
    pub qa: bool,
}

impl Tasks {
    /// All, as in the paper.
    pub const ALL: Self = Self { mask_lm: true, matched: true, obj: true, attr: true, feat: true, qa: true };

    /// The names of the chosen losses, in the original's order.
    pub fn names(self) -> Vec<&'static str> {
        let all = [self.mask_lm, self.matched, self.obj, self.attr, self.feat, self.qa];
        NAMES.into_iter().zip(all).filter_map(|(name, chosen)| chosen.then_some(name)).collect()
    }

    /// Whether the original has a parameter of this name in a model with these tasks: it makes no heads for others.
    pub fn have(self, parameter: &str) -> bool {
        let decoder = |name: &str| parameter.starts_with(&format!("obj_predict_head.decoder_dict.{name}."));
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
