//! Compute capabilities by model name, for drivers before 510, whose nvidia-smi does not report them.
//!
//! Source: NVIDIA's list "CUDA GPUs" (developer.nvidia.com/cuda-gpus) and its page of legacy GPUs.

/// Consecutive words of a model name (`?` is any character), and the compute capability. The first match counts.
const TABLE: [(&str, (u32, u32)); 76] = [
    // Workstation models with numbers like those of GeForce models.
    ("Blackwell", (12, 0)),
    ("Ada", (8, 9)),
    ("Quadro RTX", (7, 5)),
    // Blackwell
    ("GB300", (10, 3)),
    ("B300", (10, 3)),
    ("GB200", (10, 0)),
    ("B200", (10, 0)),
    ("B100", (10, 0)),
    ("GB10", (12, 1)),
    ("RTX 50??", (12, 0)),
    // Hopper
    ("GH200", (9, 0)),
    ("H200", (9, 0)),
    ("H100", (9, 0)),
    ("H800", (9, 0)),
    ("H20", (9, 0)),
    // Ada
    ("L40S", (8, 9)),
    ("L40", (8, 9)),
    ("L4", (8, 9)),
    ("RTX 40??", (8, 9)),
    // Ampere
    ("A100", (8, 0)),
    ("A800", (8, 0)),
    ("A30", (8, 0)),
    ("A40", (8, 6)),
    ("A16", (8, 6)),
    ("A10", (8, 6)),
    ("A10G", (8, 6)),
    ("A2", (8, 6)),
    ("RTX 30??", (8, 6)),
    ("RTX A????", (8, 6)),
    ("RTX A???", (8, 6)),
    // Turing
    ("T4", (7, 5)),
    ("T4G", (7, 5)),
    ("TITAN RTX", (7, 5)),
    ("RTX 20??", (7, 5)),
    ("GTX 16??", (7, 5)),
    ("T1000", (7, 5)),
    ("T600", (7, 5)),
    ("T400", (7, 5)),
    // Volta
    ("V100", (7, 0)),
    ("V100S", (7, 0)),
    ("PG503", (7, 0)),
    ("GV100", (7, 0)),
    ("TITAN V", (7, 0)),
    // Pascal
    ("P100", (6, 0)),
    ("GP100", (6, 0)),
    ("P40", (6, 1)),
    ("P4", (6, 1)),
    ("P6", (6, 1)),
    ("TITAN Xp", (6, 1)),
    ("NVIDIA TITAN X", (6, 1)),
    ("GTX 10??", (6, 1)),
    ("GT 1030", (6, 1)),
    ("Quadro P????", (6, 1)),
    ("Quadro P???", (6, 1)),
    // Maxwell. The older of the two Titan X is a GeForce.
    ("M60", (5, 2)),
    ("M40", (5, 2)),
    ("M6", (5, 2)),
    ("M4", (5, 2)),
    ("M10", (5, 0)),
    ("GTX TITAN X", (5, 2)),
    ("TITAN X", (6, 1)),
    ("GTX 9??", (5, 2)),
    ("GTX 75?", (5, 0)),
    ("Quadro M????", (5, 2)),
    // Kepler
    ("K80", (3, 7)),
    ("K40", (3, 5)),
    ("K40m", (3, 5)),
    ("K40c", (3, 5)),
    ("K20", (3, 5)),
    ("K20m", (3, 5)),
    ("K20Xm", (3, 5)),
    ("K10", (3, 0)),
    ("GTX TITAN", (3, 5)),
    ("GTX 780", (3, 5)),
    ("GTX 6??", (3, 0)),
    ("Quadro K6000", (3, 5)),
];

/// Returns the compute capability of a model such as `Tesla V100-SXM2-16GB`; `None` if the model is unknown.
pub(super) fn by_name(name: &str) -> Option<(u32, u32)> {
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let row = TABLE.iter().find(|(phrase, _)| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).any(|window| window.iter().zip(&phrase).all(|(word, pattern)| fits(word, pattern)))
    });
    row.map(|(_, capability)| *capability)
}

fn fits(word: &str, pattern: &str) -> bool {
    let same = |(a, b): (u8, u8)| b == b'?' || a.eq_ignore_ascii_case(&b);
    word.len() == pattern.len() && word.bytes().zip(pattern.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_the_names_that_nvidia_smi_prints() {
        for (name, capability) in [
            ("Tesla K80", Some((3, 7))),
            ("Tesla K40m", Some((3, 5))),
            ("GeForce GTX TITAN Black", Some((3, 5))),
            ("GeForce GTX TITAN X", Some((5, 2))),
            ("TITAN X (Pascal)", Some((6, 1))),
            ("NVIDIA TITAN Xp", Some((6, 1))),
            ("Tesla M40 24GB", Some((5, 2))),
            ("GeForce GTX 1080 Ti", Some((6, 1))),
            ("Tesla P100-PCIE-16GB", Some((6, 0))),
            ("TITAN V", Some((7, 0))),
            ("Tesla V100-SXM2-16GB", Some((7, 0))),
            ("Tesla V100S-PCIE-32GB", Some((7, 0))),
            ("Tesla T4", Some((7, 5))),
            ("Quadro RTX 6000", Some((7, 5))),
            ("Quadro RTX 4000", Some((7, 5))),
            ("NVIDIA RTX 5000 Ada Generation", Some((8, 9))),
            ("GeForce RTX 2080 Ti", Some((7, 5))),
            ("A100-SXM4-40GB", Some((8, 0))),
            ("RTX A6000", Some((8, 6))),
            ("GeForce RTX 3090", Some((8, 6))),
            ("NVIDIA RTX 6000 Ada Generation", Some((8, 9))),
            ("NVIDIA H100 80GB HBM3", Some((9, 0))),
            ("NVIDIA B200", Some((10, 0))),
            ("NVIDIA GeForce RTX 5090", Some((12, 0))),
            ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", Some((12, 0))),
            ("Graphics Device", None),
            ("", None),
        ] {
            assert_eq!(by_name(name), capability, "{name}");
        }
    }
}
