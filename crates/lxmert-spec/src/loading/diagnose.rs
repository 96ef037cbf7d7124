//! Guesses, from the names in a checkpoint, why it lacks tensors that a model needs, and says what to do.

use indexmap::IndexMap;

use super::load_policy::{LoadPolicy, LoadReport};
use super::parameter_names::{ANSWER_HEAD, ENCODER, TASK_PREFIX};
use super::wrappers::unwrapped;
use base::error::{Error, Result};
use base::format::some_of;

/// Whether a policy promises that a checkpoint has this tensor of the model.
pub(super) fn is_promised(policy: LoadPolicy<'_>, name: &str) -> bool {
    let encoder = name.strip_prefix(TASK_PREFIX).unwrap_or(name);
    match policy {
        LoadPolicy::Lxmert | LoadPolicy::LxmertQa { .. } => encoder.starts_with(ENCODER),
        LoadPolicy::FineTuned | LoadPolicy::Pretrained => true,
        // BERT has no layers for images.
        LoadPolicy::Bert => {
            encoder.starts_with(ENCODER)
                && !["x_layers.", "r_layers.", "visn_fc."].iter().any(|part| encoder.contains(part))
        }
    }
}

/// Returns an error if a promised tensor is missing or, where a whole model is loaded, if the checkpoint has others.
pub(super) fn refuse_gaps(
    report: &LoadReport,
    policy: LoadPolicy<'_>,
    sources: &[String],
    wanted: &IndexMap<String, Vec<usize>>,
) -> Result<()> {
    let LoadReport { lacking, promised, .. } = report;
    let error = if !lacking.is_empty() {
        Error::data(format!(
            "{} of the {promised} tensors that this checkpoint should give the model are missing: {}",
            lacking.len(),
            some_of(lacking)
        ))
    } else if matches!(policy, LoadPolicy::FineTuned | LoadPolicy::Pretrained) && !report.unexpected.is_empty() {
        Error::data(format!(
            "the checkpoint has {} tensors that the model does not: {}",
            report.unexpected.len(),
            some_of(&report.unexpected)
        ))
    } else {
        return Ok(());
    };
    Err(explain(error, report, policy, sources, wanted))
}

/// Adds the likeliest cause and what to do to an error.
pub(super) fn explain(
    error: Error,
    report: &LoadReport,
    policy: LoadPolicy<'_>,
    sources: &[String],
    wanted: &IndexMap<String, Vec<usize>>,
) -> Error {
    let (cause, advice) = cause(policy, sources, wanted);
    // If most of the model is missing, the checkpoint is of another model, and --allow-missing would not help.
    let few = 2 * report.lacking.len() <= report.promised;
    error.because(cause.says).next(match cause.may_be_meant && few {
        true => format!("{advice}; if this is intended, pass --allow-missing"),
        false => advice,
    })
}

/// A likely cause of missing tensors.
struct LikelyCause {
    says: String,
    /// Whether loading such a checkpoint can be intended.
    may_be_meant: bool,
}

fn cause(policy: LoadPolicy<'_>, sources: &[String], wanted: &IndexMap<String, Vec<usize>>) -> (LikelyCause, String) {
    const RELEASE: &str = "use a pre-training checkpoint, such as the released model_LXRT.pth";
    let plain: Vec<String> = sources.iter().map(|name| unwrapped(name).into_owned()).collect();
    let any = |prefix: &str| plain.iter().any(|name| name.starts_with(prefix));
    let sure = |says: &str| LikelyCause { says: says.to_owned(), may_be_meant: false };
    let maybe = |says: &str| LikelyCause { says: says.to_owned(), may_be_meant: true };
    if plain.is_empty() {
        (sure("the checkpoint holds no tensor at all"), "download or write it again".to_owned())
    } else if any("lxmert.") {
        let cause =
            "it has the names of the Hugging Face port (lxmert.encoder...), not the original's (bert.encoder...)";
        (sure(cause), RELEASE.to_owned())
    } else if let Some(program) = program_of(&plain) {
        (sure(&format!("its names are those of {program}; it has {}", some_of(sources))), RELEASE.to_owned())
    } else if !any(ENCODER) && !any("lxrt_encoder.") {
        (sure(&format!("its names are unknown; it has {}", some_of(sources))), RELEASE.to_owned())
    } else if any("lxrt_encoder.") && !matches!(policy, LoadPolicy::FineTuned) {
        let cause = "it is a fine-tuned task model, not a pre-trained one";
        (sure(cause), format!("give it to --load, or {RELEASE}"))
    } else if any("bert.encoder.layer.") && !any("bert.encoder.x_layers.") && !matches!(policy, LoadPolicy::Bert) {
        (maybe("it is of BERT only: it has no cross-modality layers and none for images"), RELEASE.to_owned())
    } else if layers(wanted.keys()) != layers(plain.iter()) && !matches!(policy, LoadPolicy::Bert) {
        let ([l, x, r], [ml, mx, mr]) = (layers(plain.iter()), layers(wanted.keys()));
        let cause = format!(
            "it has {l} language, {x} cross-modality and {r} relation layers; the model has {ml}, {mx} and {mr}"
        );
        (maybe(&cause), format!("pass --llayers {l} --xlayers {x} --rlayers {r}"))
    } else if any(ENCODER) && matches!(policy, LoadPolicy::FineTuned) {
        let advice = "give it to --load-lxmert (encoder) or --load-lxmert-qa (encoder and answer head)";
        (maybe("it is a pre-training checkpoint, not a fine-tuned task model"), advice.to_owned())
    } else if matches!(policy, LoadPolicy::LxmertQa { .. }) && !any(ANSWER_HEAD) {
        (sure("it was pre-trained without an answer head"), "give it to --load-lxmert".to_owned())
    } else {
        (maybe("it is incomplete, or was written with other options"), "download or write it again".to_owned())
    }
}

/// Returns the model of another program that has such names; `None` if none is known.
fn program_of(names: &[String]) -> Option<&'static str> {
    const PARTS: [(&str, &str); 12] = [
        ("bert.encoder.c_layer.", "ViLBERT"),
        ("bert.v_embeddings.", "ViLBERT or another model of VOLTA"),
        ("uniter.", "UNITER"),
        ("bert.img_embedding.", "Oscar or VinVL"),
        ("bert.embeddings.visual_", "VisualBERT"),
        ("visual_bert.", "VisualBERT"),
        ("vlbert.", "VL-BERT"),
        ("vilt.", "ViLT"),
        ("vision_model.", "CLIP"),
        ("backbone.", "a detector"),
        ("roi_heads.", "a detector"),
        ("layer4.", "a ResNet"),
    ];
    let any = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    PARTS.into_iter().find(|(prefix, _)| any(prefix)).map(|(_, program)| program)
}

/// Returns the numbers of language, cross-modality and object-relationship layers.
pub(super) fn layers<'a>(names: impl Iterator<Item = &'a String>) -> [usize; 3] {
    let mut counts = [0; 3];
    for name in names {
        for (count, part) in counts.iter_mut().zip(["encoder.layer.", "encoder.x_layers.", "encoder.r_layers."]) {
            let number = name.split_once(part).and_then(|(_, rest)| rest.split('.').next()?.parse::<usize>().ok());
            *count = (*count).max(number.map_or(0, |n| n.saturating_add(1)));
        }
    }
    counts
}
