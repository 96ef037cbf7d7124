//! The command line of `repro`: its commands, how it is parsed and run, and its help pages.

use super::all;
use super::bench;
use super::check;
use super::clean;
use super::completions;
use super::convert;
use super::doctor;
use super::encode;
use super::evaluate;
use super::extract;
use super::features;
use super::fetch;
use super::images;
use super::interruption;
use super::original;
use super::original_script;
use super::output;
use super::pages;
use super::predict;
use super::prepare;
use super::pretrain;
use super::regrade;
use super::report;
use super::runs;
use super::stage;
use super::train;
use super::utf8;
use super::verify;
use super::version;
use super::volume::VolumeOptions;

use std::ffi::OsString; // clap knows it by its bare name only

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use base::error::Result;
use base::status;
use base::{env, exit, stdout};

/// Reproduce the published results of LXMERT, from an empty machine to a verdict.
#[derive(Debug, Parser)]
#[command(name = "repro", version, propagate_version = true, arg_required_else_help = true, after_help = after_help())]
pub struct Cli {
    #[command(flatten)]
    volume: VolumeOptions,
    #[command(subcommand)]
    command: Command,
}

/// Returns the text below the list of commands: examples, variables ([`env::PROGRAM`]) and exit codes ([`exit::TABLE`]).
pub(super) fn after_help() -> String {
    let codes = exit::TABLE.map(|(name, code, meaning)| format!("\n  {code:<3} {name:<13} {meaning}"));
    let variables = env::PROGRAM.map(|variable| format!("\n  {:<22}  {}", variable.name, variable.meaning));
    format!("{EXAMPLES}\n\nEnvironment:{}\n\nExit codes:{}", variables.concat(), codes.concat())
}

const EXAMPLES: &str = "\
Examples:
  repro doctor                                 check that this machine has what a run needs
  repro fetch --list                           list the paper's files and which of them are present
  repro verify --full                          check every file that is present
  repro all --profile demo                     run the whole reproduction on drawn scenes, in minutes
  repro all --profile paper --dry-run          show the files, disk and time that the paper takes
  repro pretrain --task-mask-lm --task-matched --task-obj-predict --task-qa --from-scratch
  repro train vqa --load-lxmert-qa model       fine-tune as in the paper, whose settings are the defaults
  repro evaluate nlvr2 --load workspace/snap/nlvr2/BEST
  repro check runs/vqa-1 runs/vqa-2 runs/vqa-3  compare three seeds with the published accuracy
  repro regrade workspace                      judge the last run again, from its saved answers
  repro report workspace --format markdown     print the last report in another format
  repro runs                                   list runs and trainings with their states and verdicts
  repro clean                                  show disk usage and what can be removed
  repro convert --from workspace/snap/vqa/BEST --to my-lxmert-vqa
  repro encode --load Epoch20 --features mine_obj36.tsv --heads --image a --sentence 'a [MASK] .' --output a.safetensors
  repro features inspect train2014_obj36.tsv
  repro features compare released_obj36.tsv mine_obj36.tsv
  repro features show mine_obj36.tsv --images coco/images --out boxes.html
  repro images list                            list the container images and the next command for each
  repro bash run/vqa_finetune.bash 0 NAME      run a command of the original, unchanged
  repro --version --verbose                    print the versions of this program and its worker

Results go to stdout, progress and errors to stderr.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Fetch(fetch::Args),
    Verify(verify::Args),
    Prepare(prepare::Args),
    /// Run a whole reproduction: data, features, training, evaluation, verdict, report
    All(all::Args),
    /// Pre-train LXMERT on sentences about images
    Pretrain(pretrain::Args),
    /// Fine-tune LXMERT on VQA, GQA or NLVR2
    Train(train::Args),
    /// Score a model or a predictions file
    Evaluate(evaluate::Args),
    Check(check::Args),
    Regrade(regrade::Args),
    /// Print a report again, in any format
    Report(report::Args),
    Runs(runs::Args),
    Clean(clean::Args),
    /// Write a submission file
    Predict(predict::Args),
    /// Write a model's outputs for sentences and images: states, attention, scores of its heads
    Encode(encode::Args),
    Images(images::Args),
    Extract(extract::Args),
    /// Inspect, compare and show obj36 feature files
    Features(features::Args),
    Doctor(doctor::Args),
    /// Run a stage inside a container image; the program outside calls this
    #[command(hide = true)]
    Stage(stage::Args),
    /// Convert a model between the original's layout and Hugging Face's, or a net of Caffe to safetensors
    Convert(convert::Args),
    /// Measure speed on this machine
    Bench(bench::Args),
    /// Print shell completions
    Completions(completions::Args),
    Bash(original_script::Args),
    /// A command line of the original, unchanged
    #[command(external_subcommand)]
    Original(Vec<OsString>),
}

impl Cli {
    /// Parses and runs a command line whose first word is the program's name. Returns the exit code, or the error that determines
    /// it ([`base::exit::code`]).
    ///
    /// # Errors
    /// Usage if a word or a variable is not UTF-8; otherwise the command's own errors.
    pub fn run_line(line: &[OsString]) -> Result<u8> {
        if version::is_requested(line) {
            output::print_line(version::text())?;
            return Ok(exit::PASS);
        }
        match Self::parse(line)? {
            Ok(cli) => cli.run(),
            Err(refused) => Ok(Self::refuse(&refused)),
        }
    }

    pub(super) fn parse(line: &[OsString]) -> Result<Result<Self, clap::Error>> {
        utf8::check_args(line)?;
        let parsed = Self::parse_words(line);
        // Help needs no variables. The parser does not name an empty one, which matters only if it refuses the value.
        if parsed.as_ref().err().is_none_or(clap::Error::use_stderr) {
            let value_refused = parsed.as_ref().is_err_and(|error| error.kind() == ErrorKind::InvalidValue);
            utf8::check_variables(&Self::command(), value_refused, |name| std::env::var_os(name))?;
        }
        Ok(parsed)
    }

    /// Returns whether this is neither a command of this program nor a program of the original.
    #[cfg(test)]
    pub(super) fn is_unknown(&self) -> bool {
        let Command::Original(words) = &self.command else { return false };
        !words.first().and_then(|word| word.to_str()).is_some_and(|word| ["bash", "python", "python3"].contains(&word))
    }

    /// Parses words that begin with the program's name, with the help pages laid out.
    fn parse_words<W: Into<OsString> + Clone>(words: impl IntoIterator<Item = W>) -> Result<Self, clap::Error> {
        let mut command = pages::lay_out(Self::command());
        let matches = command.try_get_matches_from_mut(words)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// Runs the command. Returns the exit code, or the error that determines it ([`base::exit::code`]).
    fn run(self) -> Result<u8> {
        self.volume.apply();
        interruption::listen()?;
        let code = self.command.run()?;
        stdout::check().map(|()| code)
    }

    /// Prints the parser's message: help, the version, or what is wrong. Returns the exit code.
    fn refuse(error: &clap::Error) -> u8 {
        let printed = error.print();
        if !error.use_stderr() {
            stdout::record(printed);
            stdout::print("");
            if let Err(error) = stdout::check() {
                status!("error: {error}");
                return exit::code(&error);
            }
        }
        u8::try_from(error.exit_code()).unwrap_or(exit::USAGE)
    }
}

/// Runs the commands of this program that a command line of the original is translated to.
struct CommandRunner;

impl original::Runner for CommandRunner {
    fn run(&self, words: &[String]) -> Result<u8> {
        match Cli::parse_words(std::iter::once("repro").chain(words.iter().map(String::as_str))) {
            Ok(cli) => {
                interruption::set_resume_words(words);
                cli.run()
            }
            Err(error) => Ok(Cli::refuse(&error)),
        }
    }

    /// Prints the usual error about an unknown command.
    fn refuse(&self, line: &[OsString]) -> u8 {
        let words = std::iter::once(OsString::from("repro")).chain(line.iter().cloned());
        let known = Cli::command().get_subcommands().cloned().collect::<Vec<_>>();
        let strict = clap::Command::new("repro").subcommand_required(true).subcommands(known);
        match strict.try_get_matches_from(words) {
            Err(error) => Cli::refuse(&error),
            Ok(_) => exit::USAGE,
        }
    }
}

impl Command {
    fn run(self) -> Result<u8> {
        match self {
            Command::All(args) => all::run(args),
            Command::Pretrain(args) => pretrain::run(args),
            Command::Train(args) => train::run(args),
            Command::Evaluate(args) => evaluate::run(args),
            Command::Predict(args) => predict::run(args),
            Command::Encode(args) => encode::run(args),
            Command::Stage(args) => stage::run(args),
            Command::Original(words) => original::run(&words, &CommandRunner),
            Command::Bash(args) => original::run(&args.line(), &CommandRunner),
            Command::Completions(args) => completions::run(args, pages::lay_out(Cli::command())),
            Command::Fetch(args) => fetch::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Prepare(args) => prepare::run(args),
            Command::Images(args) => images::run(args),
            Command::Extract(args) => extract::run(args),
            Command::Features(args) => features::run(args),
            Command::Doctor(args) => doctor::run(args),
            Command::Convert(args) => convert::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Check(args) => check::run(args),
            Command::Regrade(args) => regrade::run(args),
            Command::Report(args) => report::run(args),
            Command::Runs(args) => runs::run(args),
            Command::Clean(args) => clean::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    fn pages(command: &clap::Command, pages: &mut Vec<String>) {
        pages.extend(command.get_after_help().map(ToString::to_string));
        command.get_subcommands().for_each(|command| self::pages(command, pages));
    }

    /// Returns the numbers after "Exit codes:", each of which begins a part.
    fn codes(page: &str) -> impl Iterator<Item = u8> {
        let paragraph = page.split_once("Exit codes: ").map_or("", |(_, codes)| codes.split("\n\n").next().unwrap());
        paragraph.split(';').filter_map(|part| part.split_whitespace().next()?.parse().ok())
    }

    #[test]
    fn every_page_that_names_an_exit_code_means_the_same() {
        let mut help = Vec::new();
        pages(&Cli::command(), &mut help);
        let documents = [include_str!("../../README.md"), include_str!("../../docs/guide/ci.md")];
        for (name, code, meaning) in exit::TABLE {
            assert!(help[0].contains(&format!("  {code:<3} {name:<13} {meaning}")), "{name}: {}", help[0]);
            assert!(documents[0].contains(&format!("{code} {name}")), "{name} is not in README.md");
            assert!(documents[1].contains(&format!("| {code} | {name} |")), "{name} is not in docs/guide/ci.md");
        }
        let named: Vec<u8> =
            help.iter().filter(|page| page.contains("Exit codes: ")).flat_map(|page| codes(page)).collect();
        assert!(named.len() > 20 && named.iter().all(|code| exit::name(*code).is_some()), "{named:?}");
        for page in &help {
            let words: Vec<&str> = page.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            for pair in words.windows(2) {
                let Ok(code) = pair[0].parse() else { continue };
                if exit::TABLE.iter().any(|(name, ..)| *name == pair[1]) {
                    assert_eq!(exit::name(code), Some(pair[1]), "{page}");
                }
            }
        }
    }
}
