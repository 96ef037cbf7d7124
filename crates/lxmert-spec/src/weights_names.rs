//! Names of the files in which trainings leave weights.

/// The weights of the best epoch of a fine-tuning, without the ending.
pub const BEST: &str = "BEST";
/// The weights of the last epoch of a fine-tuning, without the ending.
pub const LAST: &str = "LAST";
/// [`BEST`] as this program reads it first.
pub const BEST_FILE: &str = "BEST.safetensors";
/// [`LAST`] as this program reads it first.
pub const LAST_FILE: &str = "LAST.safetensors";
/// The weights of the epoch of a pre-training with the lowest loss on the validation data, without suffix and ending.
pub const BEST_LOSS: &str = "BEST_EVAL_LOSS";
/// What names of pre-trained weights end in, before the ending; people leave it out.
pub const PRETRAINED_SUFFIX: &str = "_LXRT";
/// Endings of the forms: this program's, and the original's.
pub const ENDINGS: [&str; 2] = [".safetensors", ".pth"];
/// What the weights after an epoch of a pre-training begin with.
const EPOCH: &str = "Epoch";

/// Returns the name of the weights after an epoch of a pre-training, counted from 1, without suffix and ending.
pub fn after_epoch(number: u64) -> String {
    format!("{EPOCH}{number:02}")
}

/// Whether a file has a name that trainings give their weights.
pub fn is_weights_name(name: &str) -> bool {
    let stem = ENDINGS.iter().find_map(|form| name.strip_suffix(form));
    stem.is_some_and(|stem| match stem.strip_suffix(PRETRAINED_SUFFIX) {
        Some(stem) => stem == BEST_LOSS || stem.starts_with(EPOCH),
        None => [BEST, LAST].contains(&stem),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_weights_are_known() {
        let written = [BEST_FILE.to_owned(), LAST_FILE.to_owned(), format!("{LAST}.pth")];
        let pretrained = [BEST_LOSS.to_owned(), after_epoch(1)].map(|stem| format!("{stem}{PRETRAINED_SUFFIX}.pth"));
        assert!(written.iter().chain(&pretrained).all(|name| is_weights_name(name)));
        assert!(!["model_LXRT.pth", "BEST.bin", "Epoch01.pth"].iter().any(|name| is_weights_name(name)));
    }
}
