//! The arguments of `repro convert`, and the conversion.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;

use super::super::output::print_line;
use super::caffemodel;
use super::source::Source;
use super::target::{CheckpointForm, Target};
use base::error::{Error, Result};
use base::format::human_bytes;
use base::status;
use base::{exit, files};
use data::dataset::Task;
use lxmert_spec::Config;
use lxmert_spec::loading::{ModelHeads, TensorCatalogue, hf};

/// Convert a model between the original's layout and Hugging Face's, or a net of Caffe to safetensors
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Model to read: a .pth or .safetensors file (the suffix can be omitted), also of VOLTA's LXMERT, or a folder with config.json
    /// and model.safetensors or pytorch_model.bin, whole or in shards; or a .caffemodel file, to a .safetensors file with its names
    #[arg(long, value_name = "NAME")]
    pub from: String,
    /// Model to write: a .pth or .safetensors file (the original's names), or a folder (Hugging Face's layout)
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// Task of the model, if its file does not state it
    #[arg(long, value_enum, value_name = "TASK")]
    pub task: Option<ModelKind>,
    /// Preset of the model's sizes, if its file does not state the number of attention heads
    #[arg(long, value_name = "PRESET", value_parser = PossibleValuesParser::new(Config::preset_names()))]
    pub model: Option<String>,
    /// JSON file with the model's sizes, instead of a preset
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub config: Option<PathBuf>,
    /// List of answers such as trainval_label2ans.json. To Hugging Face's layout: the answers of the rows of the head. From it: the
    /// new order of the rows
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Write only the encoder
    #[arg(long)]
    pub encoder_only: bool,
}

const AFTER_HELP: &str = "\
Examples:
  repro convert --from workspace/snap/vqa/BEST --to my-lxmert-vqa --answers data/vqa/trainval_label2ans.json
  repro convert --from snap/pretrained/model_LXRT.pth --to lxmert-base
  repro convert --from lxmert-gqa-uncased --to gqa.pth
  repro convert --from workspace/snap/nlvr2/BEST --to encoder --encoder-only
  repro convert --from resnet101_faster_rcnn_final_iter_320000.caffemodel --to detector.safetensors

A file with missing or unexpected tensors is refused. The written model is read back and compared.";

/// The task of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelKind {
    /// Visual question answering.
    Vqa,
    /// GQA.
    Gqa,
    /// NLVR2.
    Nlvr2,
    /// Pre-training, with its heads.
    Pretrain,
}

/// Converts the model and prints a summary.
pub(crate) fn run(args: Args) -> Result<u8> {
    let named = Path::new(&args.from);
    if checkpoint::is_caffemodel(named) {
        let options = [
            ("--task", args.task.is_some()),
            ("--model", args.model.is_some()),
            ("--config", args.config.is_some()),
            ("--answers", args.answers.is_some()),
            ("--encoder-only", args.encoder_only),
        ];
        return caffemodel::run(named, &args.to, &options);
    }
    let mut source = Source::read(&args.from)?;
    let was = (source.kind.clone(), source.state.len());
    if args.encoder_only {
        source.keep_encoder()?;
    }
    let target = Target::of(&args.to, &source.path)?;
    let task = task(&source, args.task)?;
    let answers = answers(&mut source, &args, target.form())?;
    let is_answering = matches!(source.catalogue.heads, ModelHeads::Answers { .. });
    if target.form() == CheckpointForm::Safetensors && is_answering && task.is_none() {
        return Err(Error::usage("neither the file nor its number of answers determines the task of the model")
            .next("pass --task vqa or --task gqa"));
    }
    // Only these targets state the number of attention heads.
    let config = match target.form() {
        CheckpointForm::Port => Some(sizes(&source, &args)?),
        CheckpointForm::Safetensors if is_answering => Some(sizes(&source, &args)?),
        _ => None,
    };
    let written = target.write(&source, config.as_ref(), task, answers.as_deref())?;

    let sizes = &source.catalogue.sizes;
    let layers = [sizes.l_layers, sizes.x_layers, sizes.r_layers].map(|n| n.to_string()).join("/");
    let head = match source.catalogue.heads {
        ModelHeads::Answers { answers, .. } | ModelHeads::Pretraining { answers: Some(answers), .. } => {
            format!(", {answers} answers")
        }
        _ => String::new(),
    };
    let mut lines = vec![
        format!("from      {}: {}, {} tensors", source.path.display(), was.0, was.1),
        format!("model     {layers} layers, {} hidden, {} words{head}", sizes.hidden_size, sizes.vocab_size),
        format!(
            "to        {}: {}, {} tensors, {}",
            args.to.display(),
            written.kind,
            written.tensors,
            human_bytes(written.bytes)
        ),
        format!("names     {} -> {}", source.names, written.names),
    ];
    lines.extend(source.notes.iter().map(|note| format!("note      {note}")));
    lines.extend(source.left_out.iter().map(|left| format!("left out  {left}")));
    if written.tensors < source.state.len() {
        lines.push("tied      the decoder of words shares the word embeddings and is not stored again".to_owned());
    }
    lines.push("checked   every tensor was read back and is identical".to_owned());
    print_line(lines.join("\n"))?;
    Ok(exit::PASS)
}

/// Returns the model's task.
///
/// # Errors
/// Usage if --task contradicts the model.
pub(super) fn task(source: &Source, chosen: Option<ModelKind>) -> Result<Option<Task>> {
    let wrong = |what: &str| {
        Err(Error::usage(format!("{} is {what}", source.path.display())).next("omit --task, or choose another file"))
    };
    match (chosen, &source.catalogue.heads) {
        (None, _) => Ok(source.task),
        (Some(ModelKind::Pretrain), ModelHeads::Pretraining { .. }) => Ok(None),
        (Some(_), ModelHeads::Pretraining { .. }) => wrong("a pre-training model"),
        (Some(_), ModelHeads::None) => wrong("an encoder without a head"),
        (Some(ModelKind::Nlvr2), ModelHeads::Answers { images: 2, .. }) => Ok(Some(Task::Nlvr2)),
        (Some(_), ModelHeads::Answers { images: 2, .. }) => wrong("a model for NLVR2"),
        (Some(ModelKind::Vqa), _) if source.task != Some(Task::Gqa) => Ok(Some(Task::Vqa)),
        (Some(ModelKind::Gqa), _) if source.task != Some(Task::Vqa) => Ok(Some(Task::Gqa)),
        (Some(_), _) => match source.task {
            Some(task) => wrong(&format!("a model for {task}")),
            None => wrong("a question answering model"),
        },
    }
}

/// Puts the rows of the answer head into the requested order. Returns the answers to write into Hugging Face's configuration.
pub(super) fn answers(source: &mut Source, args: &Args, form: CheckpointForm) -> Result<Option<Vec<String>>> {
    const LARGEST: u64 = 64 << 20;
    let Some(path) = &args.answers else {
        if let (Some(_), CheckpointForm::Pth | CheckpointForm::Safetensors) = (&source.answers, form) {
            status!(
                "note: the rows of the answer head keep the order of config.json; --answers puts them into a task's order"
            );
        }
        return Ok(source.answers.clone());
    };
    let rows = match source.catalogue.heads {
        ModelHeads::Answers { answers, .. } | ModelHeads::Pretraining { answers: Some(answers), .. } => answers,
        _ => return Err(Error::usage("the model has no answer head").next("omit --answers")),
    };
    let wanted: Vec<String> = serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::data(format!("{} is not a list of answers", path.display())).because(e))?;
    if wanted.len() != rows {
        return Err(Error::data(format!(
            "{} lists {} answers, but the model has {rows}",
            path.display(),
            wanted.len()
        ))
        .next("pass the list of the model's task with --answers"));
    }
    match &source.answers {
        Some(answers) => hf::answers::reorder(&mut source.state, answers, &wanted)
            .map_err(|e| e.while_doing(format!("cannot put the answers into the order of {}", path.display())))?,
        None if form == CheckpointForm::Port => {}
        None => {
            return Err(Error::usage("the file does not state the answers of the rows of its head")
                .because("only config.json of Hugging Face's layout can (id2label)")
                .next("omit --answers: the rows keep their order"));
        }
    }
    Ok(Some(wanted))
}

/// Returns all sizes of the model. Those that the tensors do not determine come from --config or --model, from the file, or from
/// BERT-base if the width is the same.
pub(super) fn sizes(source: &Source, args: &Args) -> Result<Config> {
    let TensorCatalogue { sizes, heads } = &source.catalogue;
    let chosen = match (&args.config, &args.model) {
        (Some(path), _) => Some(Config::read(path)?),
        (None, Some(preset)) => Some(Config::preset(preset)?),
        (None, None) => None,
    };
    let paper = Config::lxr955();
    let mut config = match (chosen, &source.config) {
        (Some(chosen), _) => chosen,
        (None, Some(stated)) => stated.clone(),
        (None, None) if sizes.hidden_size == paper.hidden_size => paper,
        (None, None) => {
            return Err(Error::usage("neither the file nor its tensors determine the number of attention heads")
                .next("pass --model with a preset, or --config with a file of sizes"));
        }
    };
    if (config.hidden_size, config.intermediate_size) != (sizes.hidden_size, sizes.intermediate_size) {
        return Err(Error::usage(format!(
            "the model is {} wide ({} within layers), not {} ({})",
            sizes.hidden_size, sizes.intermediate_size, config.hidden_size, config.intermediate_size
        ))
        .next("pass --model or --config with the sizes of this model"));
    }
    config.vocab_size = sizes.vocab_size;
    config.max_position_embeddings = sizes.max_position_embeddings;
    config.type_vocab_size = sizes.type_vocab_size;
    (config.l_layers, config.x_layers, config.r_layers) = (sizes.l_layers, sizes.x_layers, sizes.r_layers);
    (config.visual_feat_dim, config.visual_pos_dim) = (sizes.visual_feat_dim, sizes.visual_pos_dim);
    if let ModelHeads::Pretraining { objects: Some(objects), .. } = heads {
        config.obj_id_num = objects.objects.unwrap_or(config.obj_id_num);
        config.attr_id_num = objects.attributes.unwrap_or(config.attr_id_num);
    }
    config.check()?;
    Ok(config)
}
