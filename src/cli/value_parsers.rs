//! Parsers of options with a fixed set of values, for types of crates that do not depend on clap.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use sandbox::GpuPath;
use trainings::options::{Ablation, Average, Optim};

/// A word, its help text, and its value.
type Choice<T> = (&'static str, &'static str, T);

/// Returns the parser of `--optim`.
pub(crate) fn optim() -> impl TypedValueParser<Value = Optim> {
    one_of(Optim::ALL.map(|optim| (optim.name(), optim.title(), optim)))
}

/// Returns the parser of `--average`.
pub(crate) fn average() -> impl TypedValueParser<Value = Average> {
    one_of([
        (
            "probabilities",
            "Probabilities: sigmoid of the scores for VQA and GQA, softmax for NLVR2",
            Average::Probabilities,
        ),
        ("logits", "Scores before sigmoid or softmax", Average::Logits),
    ])
}

/// Returns the parser of `--ablate`.
pub(crate) fn ablation() -> impl TypedValueParser<Value = Ablation> {
    one_of([
        ("vision", "Features and boxes are zero: a question-only model", Ablation::Vision),
        ("language", "Every sentence is empty: an image-only model", Ablation::Language),
    ])
}

/// Returns the parser of `--gpu-path`.
pub(crate) fn gpu_path() -> impl TypedValueParser<Value = GpuPath> {
    one_of([
        ("auto", "The method that the engine supports", GpuPath::Auto),
        ("device-requests", "Docker's `--gpus`, from version 19.03", GpuPath::DeviceRequests),
        ("nvidia-runtime", "The runtime `nvidia`, configured by environment variables", GpuPath::NvidiaRuntime),
        ("cdi", "The Container Device Interface: Docker from 25, Podman from 5.4", GpuPath::Cdi),
    ])
}

fn one_of<T, const N: usize>(choices: [Choice<T>; N]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let words = choices.map(|(word, help, _)| PossibleValue::new(word).help(help));
    PossibleValuesParser::new(words).try_map(move |given| {
        let chosen = choices.iter().find(|(word, ..)| *word == given).map(|(.., value)| *value);
        chosen.ok_or("there is no such choice")
    })
}
