//! Arguments of `repro convert`, and the conversion.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;

use super::super::output::say;
use super::source::Source;
use super::target::{Form, Target};
use base::error::{Error, Result};
use base::format::human_bytes;
use base::status;
use base::{exit, files};
use data::dataset::Task;
use lxmert_spec::Config;
use lxmert_spec::loading::{ModelHeads, TensorCatalogue, hf};

/// Convert a model between the original's layout and Hugging Face's
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A .pth or .safetensors file (the suffix may be left out; VOLTA's LXMERT too), or a folder with config.json and
    /// model.safetensors or pytorch_model.bin, whole or in shards
    #[arg(long, value_name = "NAME")]
    pub from: String,
    /// A .pth or .safetensors file (the original's names), or a folder (Hugging Face's layout)
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// What the model is, where its file does not say
    #[arg(long, value_enum, value_name = "TASK")]
    pub task: Option<Kind>,
    /// The model's sizes by name, where its file does not tell the number of attention heads
    #[arg(long, value_name = "PRESET", value_parser = PossibleValuesParser::new(Config::preset_names()))]
    pub model: Option<String>,
    /// The model's sizes from a JSON file instead
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub config: Option<PathBuf>,
    /// A list of answers such as trainval_label2ans.json: to Hugging Face's layout, what the rows mean; from it, the order that the
    /// rows get
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Leave out everything above the encoder
    #[arg(long)]
    pub encoder_only: bool,
}

const AFTER_HELP: &str = "\
Examples:
  repro convert --from workspace/snap/vqa/BEST --to my-lxmert-vqa --answers data/vqa/trainval_label2ans.json
  repro convert --from snap/pretrained/model_LXRT.pth --to lxmert-base
  repro convert --from lxmert-gqa-uncased --to gqa.pth
  repro convert --from workspace/snap/nlvr2/BEST --to encoder --encoder-only

Every tensor is accounted for: a file that lacks some, or has others, is refused. What was written is read back and compared.";

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Visual question answering.
    Vqa,
    /// GQA.
    Gqa,
    /// NLVR2.
    Nlvr2,
    /// Pre-training, with its heads.
    Pretrain,
}

/// Converts and prints what was done.
pub(crate) fn run(args: Args) -> Result<u8> {
    let mut source = Source::read(&args.from)?;
    let was = (source.kind.clone(), source.state.len());
    if args.encoder_only {
        source.keep_encoder()?;
    }
    let target = Target::of(&args.to, &source.path)?;
    let task = task(&source, args.task)?;
    let answers = answers(&mut source, &args, target.form())?;
    let is_answering = matches!(source.catalogue.heads, ModelHeads::Answers { .. });
    if target.form() == Form::Safetensors && is_answering && task.is_none() {
        return Err(Error::usage("neither the file nor its number of answers says which task the model is for")
            .next("pass --task vqa or --task gqa"));
    }
    // Only these say how many attention heads there are.
    let config = match target.form() {
        Form::Port => Some(sizes(&source, &args)?),
        Form::Safetensors if is_answering => Some(sizes(&source, &args)?),
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
        lines.push("tied      the decoder of words is the word table and is not stored again".to_owned());
    }
    lines.push("checked   every tensor was read back and is the same".to_owned());
    say(lines.join("\n"))?;
    Ok(exit::PASS)
}

/// The task, which what is said must not contradict.
pub(super) fn task(source: &Source, said: Option<Kind>) -> Result<Option<Task>> {
    let wrong = |what: &str| {
        Err(Error::usage(format!("{} is {what}", source.path.display())).next("leave --task out, or name another file"))
    };
    match (said, &source.catalogue.heads) {
        (None, _) => Ok(source.task),
        (Some(Kind::Pretrain), ModelHeads::Pretraining { .. }) => Ok(None),
        (Some(_), ModelHeads::Pretraining { .. }) => wrong("a pre-training model"),
        (Some(_), ModelHeads::None) => wrong("an encoder without a head"),
        (Some(Kind::Nlvr2), ModelHeads::Answers { images: 2, .. }) => Ok(Some(Task::Nlvr2)),
        (Some(_), ModelHeads::Answers { images: 2, .. }) => wrong("a model for NLVR2"),
        (Some(Kind::Vqa), _) if source.task != Some(Task::Gqa) => Ok(Some(Task::Vqa)),
        (Some(Kind::Gqa), _) if source.task != Some(Task::Vqa) => Ok(Some(Task::Gqa)),
        (Some(_), _) => match source.task {
            Some(task) => wrong(&format!("a model for {task}")),
            None => wrong("a question answering model"),
        },
    }
}

/// Brings the answer head's rows into the order that is asked for; the answers to tell in the port's configuration.
pub(super) fn answers(source: &mut Source, args: &Args, form: Form) -> Result<Option<Vec<String>>> {
    const LARGEST: u64 = 64 << 20;
    let Some(path) = &args.answers else {
        if let (Some(_), Form::Pth | Form::Safetensors) = (&source.answers, form) {
            status!(
                "note: its config.json lists its answers; the rows keep that order. Pass --answers to put them into a task's"
            );
        }
        return Ok(source.answers.clone());
    };
    let rows = match source.catalogue.heads {
        ModelHeads::Answers { answers, .. } | ModelHeads::Pretraining { answers: Some(answers), .. } => answers,
        _ => return Err(Error::usage("the model has no answer head").next("leave --answers out")),
    };
    let wanted: Vec<String> = serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::data(format!("{} is not a list of answers", path.display())).because(e))?;
    if wanted.len() != rows {
        return Err(Error::data(format!(
            "{} lists {} answers, but the model has {rows}",
            path.display(),
            wanted.len()
        )));
    }
    match &source.answers {
        Some(told) => hf::answers::reorder(&mut source.state, told, &wanted)
            .map_err(|e| e.while_doing(format!("cannot put the answers into the order of {}", path.display())))?,
        None if form == Form::Port => {}
        None => {
            return Err(Error::usage("the file does not say which answer a row stands for")
                .because("only config.json of Hugging Face's layout can (id2label)")
                .next("leave --answers out: the rows keep their order"));
        }
    }
    Ok(Some(wanted))
}

/// All sizes: those of the tensors, and what no tensor tells from the file, from what is said, or BERT-base's at its width.
pub(super) fn sizes(source: &Source, args: &Args) -> Result<Config> {
    let TensorCatalogue { sizes, heads } = &source.catalogue;
    let said = match (&args.config, &args.model) {
        (Some(path), _) => Some(Config::read(path)?),
        (None, Some(preset)) => Some(Config::preset(preset)?),
        (None, None) => None,
    };
    let paper = Config::lxr955();
    let mut config = match (said, &source.config) {
        (Some(said), _) => said,
        (None, Some(told)) => told.clone(),
        (None, None) if sizes.hidden_size == paper.hidden_size => paper,
        (None, None) => {
            return Err(Error::usage("neither the file nor its tensors say how many attention heads the model has")
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
