//! Names of the weights files that trainings write.

/// Weights of the best epoch of a fine-tuning, without the ending.
pub const BEST: &str = "BEST";
/// Weights of the last epoch of a fine-tuning, without the ending.
pub const LAST: &str = "LAST";
/// [`BEST`] in this program's own format, which is preferred when reading.
pub const BEST_FILE: &str = "BEST.safetensors";
/// [`LAST`] in this program's own format, which is preferred when reading.
pub const LAST_FILE: &str = "LAST.safetensors";
/// Weights of the pre-training epoch with the lowest validation loss, without suffix and ending.
pub const BEST_LOSS: &str = "BEST_EVAL_LOSS";
/// Suffix of pre-trained weights, before the ending. It may be left out on the command line.
pub const PRETRAINED_SUFFIX: &str = "_LXRT";
/// Endings of the two formats: this program's, and the original's.
pub const ENDINGS: [&str; 2] = [".safetensors", ".pth"];
/// Prefix of the weights after an epoch of a pre-training.
const EPOCH: &str = "Epoch";

/// Returns the name of the weights after a pre-training epoch, counted from 1, without suffix and ending.
pub fn after_epoch(number: u64) -> String {
    format!("{EPOCH}{number:02}")
}

/// Whether `name` is a file name that a training gives its weights.
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
