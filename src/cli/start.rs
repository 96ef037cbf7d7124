//! Options that say where a model's first weights come from.

use std::path::PathBuf;

use clap::Args;

use crate::checkpoint::locate;
use crate::error::{Error, Result};
use crate::train::setup::Start;

/// First weights. As in the original they may be combined: what is loaded later replaces what was loaded before.
#[derive(Debug, Args)]
pub struct StartOptions {
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

/// Files of a BERT release that are read beside the one named.
const BESIDE_BERT: [&str; 3] = ["bert_config.json", "config.json", "vocab.txt"];

impl StartOptions {
    /// Those that were named, in the order in which the original loads them: each replaces those before it.
    fn named(&self) -> Vec<(&'static str, Start)> {
        let Self { load, load_lxmert, load_lxmert_qa, bert, from_scratch } = self;
        let all = [
            ("--bert", bert.clone().map(Start::Bert)),
            ("--from-scratch", from_scratch.then_some(Start::Scratch)),
            ("--load-lxmert", load_lxmert.clone().map(Start::Lxmert)),
            ("--load-lxmert-qa", load_lxmert_qa.clone().map(Start::LxmertQa)),
            ("--load", load.clone().map(Start::FineTuned)),
        ];
        all.into_iter().filter_map(|(option, start)| Some((option, start?))).collect()
    }

    /// The one that counts.
    ///
    /// # Errors
    /// Usage where none is named.
    pub fn resolve(&self) -> Result<Start> {
        self.named().pop().map(|(_, start)| start).ok_or_else(|| {
            Error::usage("it is not said where the first weights come from")
                .next("pass --load-lxmert-qa, --load-lxmert, --load, --bert, or --from-scratch for random weights")
        })
    }

    /// Which options are without effect beside another one; none where one was given.
    pub fn note(&self) -> Option<String> {
        let named: Vec<&str> = self.named().into_iter().map(|(option, _)| option).collect();
        let (last, before) = named.split_last()?;
        (!before.is_empty()).then(|| format!("{last} replaces what {} would load", before.join(" and ")))
    }

    /// The files that are read, for a container.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve); data where a named checkpoint is not there.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        Ok(match self.resolve()? {
            Start::Scratch => Vec::new(),
            Start::FineTuned(name) => vec![locate(&name, "")?],
            Start::Lxmert(name) | Start::LxmertQa(name) => vec![locate(&name, "_LXRT")?],
            Start::Bert(path) => {
                let beside = BESIDE_BERT.map(|name| path.with_file_name(name));
                std::iter::once(path.clone())
                    .chain(beside.into_iter().filter(|_| path.is_file()).filter(|p| p.is_file()))
                    .collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        start: StartOptions,
    }

    fn parsed(line: &str) -> StartOptions {
        Program::parse_from(std::iter::once("p").chain(line.split_whitespace())).start
    }

    #[test]
    fn the_last_that_the_original_loads_counts() {
        let name = |text: &str| text.to_owned();
        for (line, start) in [
            ("--bert b --fromScratch", Start::Scratch),
            ("--loadLXMERT x --fromScratch --bert b", Start::Lxmert(name("x"))),
            ("--loadLXMERTQA q --loadLXMERT x", Start::LxmertQa(name("q"))),
            ("--load l --loadLXMERTQA q", Start::FineTuned(name("l"))),
            ("--bert b", Start::Bert("b".into())),
        ] {
            assert_eq!(parsed(line).resolve().unwrap(), start, "{line}");
        }
        assert_eq!(parsed("--load l").note(), None);
        let note = parsed("--load l --loadLXMERT x --bert b").note().unwrap();
        assert_eq!(note, "--load replaces what --bert and --load-lxmert would load");
        let none = parsed("").resolve().unwrap_err().to_string();
        for option in ["--load-lxmert-qa", "--load-lxmert,", "--load,", "--bert", "--from-scratch"] {
            assert!(none.contains(option), "{none}");
        }
    }
}
