//! Options that choose a model's initial weights.

use std::path::PathBuf;

use clap::Args;

use base::error::{Error, Result};
use lxmert_spec::loading::locate;
use trainings::initial_weights::InitialWeights;

/// The sources of initial weights, of which exactly one must be given. (The original accepts several and loads one over the
/// other, so that all but the last are loaded for nothing.)
#[derive(Debug, Args)]
pub(crate) struct InitialWeightsOptions {
    /// A fine-tuned model of this task
    #[arg(long, value_name = "NAME", help_heading = "Weights")]
    pub load: Option<String>,
    /// The encoder of a pre-trained model (for NLVR2)
    #[arg(long, alias = "loadLXMERT", value_name = "NAME", help_heading = "Weights")]
    pub load_lxmert: Option<String>,
    /// Encoder and answer head of a pre-trained model (for VQA and GQA)
    #[arg(long, alias = "loadLXMERTQA", value_name = "NAME", help_heading = "Weights")]
    pub load_lxmert_qa: Option<String>,
    /// BERT for the language side: bert-base-uncased.tar.gz, the folder with its files, or its pytorch_model.bin
    #[arg(long, value_name = "PATH", help_heading = "Weights")]
    pub bert: Option<PathBuf>,
    /// Random weights
    #[arg(long, alias = "fromScratch", help_heading = "Weights")]
    pub from_scratch: bool,
}

/// Files of a BERT release that are read beside its weights file.
const BESIDE_BERT: [&str; 3] = ["bert_config.json", "config.json", "vocab.txt"];

impl InitialWeightsOptions {
    /// Returns the sources that were given, with their options.
    fn named(&self) -> Vec<(&'static str, InitialWeights)> {
        let Self { load, load_lxmert, load_lxmert_qa, bert, from_scratch } = self;
        let all = [
            ("--bert", bert.clone().map(InitialWeights::Bert)),
            ("--from-scratch", from_scratch.then_some(InitialWeights::Scratch)),
            ("--load-lxmert", load_lxmert.clone().map(InitialWeights::Lxmert)),
            ("--load-lxmert-qa", load_lxmert_qa.clone().map(InitialWeights::LxmertQa)),
            ("--load", load.clone().map(InitialWeights::FineTuned)),
        ];
        all.into_iter().filter_map(|(option, start)| Some((option, start?))).collect()
    }

    /// Returns the source that was given.
    ///
    /// # Errors
    /// Usage if not exactly one was given.
    pub(crate) fn resolve(&self) -> Result<InitialWeights> {
        let mut named = self.named();
        let Some((_, start)) = named.pop() else {
            return Err(Error::usage("no initial weights are given")
                .next("pass --load-lxmert-qa, --load-lxmert, --load, --bert, or --from-scratch for random weights"));
        };
        check_single_source(&self.named().iter().map(|(option, _)| *option).collect::<Vec<_>>())?;
        Ok(start)
    }

    /// Returns the files to read, which a container must mount.
    ///
    /// # Errors
    /// Like [`resolve`](Self::resolve); data if a checkpoint is missing.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        Ok(match self.resolve()? {
            InitialWeights::Scratch => Vec::new(),
            InitialWeights::FineTuned(name) => vec![locate(&name, "")?],
            InitialWeights::Lxmert(name) | InitialWeights::LxmertQa(name) => vec![locate(&name, "_LXRT")?],
            InitialWeights::Bert(path) => {
                let beside = BESIDE_BERT.map(|name| path.with_file_name(name));
                std::iter::once(path.clone())
                    .chain(beside.into_iter().filter(|_| path.is_file()).filter(|p| p.is_file()))
                    .collect()
            }
        })
    }
}

/// Checks that at most one source of initial weights is given.
///
/// # Errors
/// Usage that names all given options.
pub(crate) fn check_single_source(options: &[&str]) -> Result<()> {
    match options.split_last() {
        Some((last, before)) if !before.is_empty() => {
            Err(Error::usage(format!("{} and {last} contradict each other", before.join(", ")))
                .because("each chooses the initial weights, and only one can")
                .next("keep one of them; --from-scratch means random weights"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        start: InitialWeightsOptions,
    }

    fn parsed(line: &str) -> InitialWeightsOptions {
        Program::parse_from(std::iter::once("p").chain(line.split_whitespace())).start
    }

    #[test]
    fn one_start_is_taken_and_several_contradict_each_other() {
        let name = |text: &str| text.to_owned();
        for (line, start) in [
            ("--fromScratch", InitialWeights::Scratch),
            ("--loadLXMERT x", InitialWeights::Lxmert(name("x"))),
            ("--loadLXMERTQA q", InitialWeights::LxmertQa(name("q"))),
            ("--load l", InitialWeights::FineTuned(name("l"))),
            ("--bert b", InitialWeights::Bert("b".into())),
        ] {
            assert_eq!(parsed(line).resolve().unwrap(), start, "{line}");
        }
        for (line, named) in [
            ("--load l --from-scratch", "--from-scratch and --load contradict"),
            ("--bert b --fromScratch", "--bert and --from-scratch contradict"),
            ("--load l --loadLXMERT x --bert b", "--bert, --load-lxmert and --load contradict"),
        ] {
            let error = parsed(line).resolve().unwrap_err().to_string();
            assert!(error.starts_with(named), "{line}: {error}");
        }
        let none = parsed("").resolve().unwrap_err().to_string();
        for option in ["--load-lxmert-qa", "--load-lxmert,", "--load,", "--bert", "--from-scratch"] {
            assert!(none.contains(option), "{none}");
        }
    }
}
