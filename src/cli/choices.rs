//! Options that are one word of several, for types of crates that know no command line.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use sandbox::GpuPath;
use trainings::options::{Ablation, Average, Optim};

/// A word, what it means to a person, and its value.
type Choice<T> = (&'static str, &'static str, T);

/// `--optim`.
pub(crate) fn optim() -> impl TypedValueParser<Value = Optim> {
    one_of(Optim::ALL.map(|optim| (optim.name(), optim.title(), optim)))
}

/// `--average`.
pub(crate) fn average() -> impl TypedValueParser<Value = Average> {
    one_of([
        (
            "probabilities",
            "Probabilities: the sigmoid of VQA's and GQA's scores, the softmax of NLVR2's",
            Average::Probabilities,
        ),
        ("logits", "The scores before that", Average::Logits),
    ])
}

/// `--ablate`.
pub(crate) fn ablation() -> impl TypedValueParser<Value = Ablation> {
    one_of([
        ("vision", "Features and boxes are zero: a question-only model", Ablation::Vision),
        ("language", "Every sentence is empty: an image-only model", Ablation::Language),
    ])
}

/// `--gpu-path`.
pub(crate) fn gpu_path() -> impl TypedValueParser<Value = GpuPath> {
    one_of([
        ("auto", "What fits the engine", GpuPath::Auto),
        ("device-requests", "Docker's own: `--gpus`, from 19.03", GpuPath::DeviceRequests),
        ("nvidia-runtime", "The runtime `nvidia`, told by environment variables", GpuPath::NvidiaRuntime),
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
