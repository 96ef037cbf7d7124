//! Recognises the original's scripts and programs in a command line, and runs the translation.

use super::translate;

use std::ffi::OsString;
use std::path::Path;

use super::scripts::{PROGRAMS, SCRIPTS};
use super::translation::{OFFICIAL_NLVR2, Step, Translation, TranslationContext, UsableGpus};
use crate::placement::Host;
use base::error::{Error, Result};
use base::exit;
use base::status;
use data::dataset::Task;
use data::dataset::process_nlvr2::{NLVR2_SOURCES, process_nlvr2};
use lxmert_spec::loading::locate;

/// A runner of command lines of this program.
pub(crate) trait Runner {
    /// Runs a command line without the program's name, and returns its exit code.
    ///
    /// # Errors
    /// Those of the command.
    fn run(&self, words: &[String]) -> Result<u8>;

    /// Prints that there is no such command, and returns the exit code.
    fn refuse(&self, line: &[OsString]) -> u8;
}

/// Translates and runs a line. If the line is not the original's, prints the usual error about an unknown command.
pub(crate) fn run(line: &[OsString], runner: &dyn Runner) -> Result<u8> {
    let words: Vec<String> = line.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let workspace = super::super::workspace_env::workspace_from_env()?.unwrap_or_else(|| "workspace".to_owned());
    let found = |name: &str, suffix: &str| Path::new(name).exists() || locate(name, suffix).is_ok();
    // Without a worker, the command itself fails with advice.
    let gpus = || {
        Host.hello().ok().map(|hello| UsableGpus {
            cuda: hello.cuda,
            cuda_problem: hello.cuda_problem,
            count: hello.gpus,
        })
    };
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let here = TranslationContext { found: &found, workspace: &workspace, gpus: &gpus, visible: visible.as_deref() };
    let Some(translation) = translate_line(&words, None, &here)? else { return Ok(runner.refuse(line)) };
    for note in &translation.notes {
        status!("note: {note}");
    }
    if translation.steps.len() > 1 && words.iter().any(|word| word.starts_with("--engine")) {
        return Err(Error::usage("--engine works with one command at a time, but this line means several")
            .next("choose one split with --test"));
    }
    for step in &translation.steps {
        status!("runs: {step}");
        let code = match step {
            Step::Repro(words) => runner.run(words)?,
            Step::Nlvr2Data => nlvr2_data()?,
        };
        if code != exit::PASS {
            return Ok(code);
        }
    }
    Ok(exit::PASS)
}

/// Writes NLVR2's split files, as process_dataset.py does, from the official files in the submodule.
pub(super) fn nlvr2_data() -> Result<u8> {
    for (split, official) in NLVR2_SOURCES {
        let out = Task::Nlvr2.split_file(Path::new("data"), split);
        let examples = process_nlvr2(&Path::new(OFFICIAL_NLVR2).join(official), split, &out)?;
        super::super::output::print_line(format!("{}: {examples} examples", out.display()))?;
    }
    Ok(exit::PASS)
}

/// Translates a line: variable assignments, the interpreter, then a script or a program. Returns `None` if the line is not the
/// original's.
pub(super) fn translate_line(
    words: &[String],
    gpus: Option<&str>,
    here: &TranslationContext,
) -> Result<Option<Translation>> {
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    if let Some((name, value)) = first.split_once('=').filter(|(name, _)| !name.starts_with('-')) {
        return translate_line(rest, if name == "CUDA_VISIBLE_DEVICES" { Some(value) } else { gpus }, here);
    }
    match first.as_str() {
        "bash" | "sh" => match rest.split_first() {
            Some((flag, [text, ..])) if flag == "-c" => {
                let last = text.rsplit("&&").next().unwrap_or_default();
                translate_line(&last.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), gpus, here)
            }
            Some((script, arguments)) => translate_script(script, arguments, here).map(Some),
            None => Err(Error::usage(format!("`{first}` needs a script")).next(known())),
        },
        "python" | "python3" | "python2" => {
            let rest: Vec<String> = rest.iter().skip_while(|word| *word == "-u").cloned().collect();
            match rest.split_first() {
                Some((program, arguments)) => translate_program(program, arguments, gpus, here).map(Some),
                None => Err(Error::usage(format!("`{first}` needs a program")).next(known())),
            }
        }
        "sudo" => translate_line(rest, gpus, here),
        "wget" | "curl" | "git" => {
            Err(not_supported(first, "fetch and check the files with repro fetch; repro fetch --list shows them"))
        }
        "unzip" => Err(not_supported(first, "unpack and check the fetched files with repro prepare")),
        "docker" => {
            Err(not_supported(first, "run the extractor in its container with repro extract; see repro images list"))
        }
        "pip" | "virtualenv" => Err(not_supported(first, "no Python is needed; check the machine with repro doctor")),
        name if name.ends_with(".bash") => translate_script(name, rest, here).map(Some),
        name if name.ends_with(".py") => translate_program(name, rest, gpus, here).map(Some),
        _ => Ok(None),
    }
}

fn not_supported(command: &str, instead: &str) -> Error {
    Error::usage(format!("repro does not run `{command}`")).next(instead)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Translates a call of a script: `bash SCRIPT GPUS NAME OPTIONS`, or without NAME for pre-training.
pub(super) fn translate_script(path: &str, arguments: &[String], here: &TranslationContext) -> Result<Translation> {
    let Some(script) = SCRIPTS.iter().find(|script| script.name == file_name(path)) else {
        return Err(Error::usage(format!("the original has no script {path}")).next(known()));
    };
    let is_option = |word: &String| word.starts_with("--");
    let (mut rest, mut notes) = (arguments, Vec::new());
    let mut take = || {
        let (word, after) = rest.split_first().filter(|(word, _)| !is_option(word))?;
        rest = after;
        Some(word.as_str())
    };
    let gpus = take();
    let name = if script.named { take() } else { None };
    if let (true, None, Some(option)) = (script.named, name, rest.first()) {
        notes.push(format!(
            "the original would use {option} as the experiment's name and ignore it as an option. Here it is an option, and the \
             results go to {}",
            script.output
        ));
    }
    let output = name.map_or_else(|| script.output.to_owned(), |name| format!("{}/{name}", script.output));
    let mut typed = vec!["--output".to_owned(), output];
    typed.extend_from_slice(rest);
    let mut translation = translate::translate(script.program, &script.passes(), &typed, gpus, here)?;
    notes.append(&mut translation.notes);
    Ok(Translation { notes, ..translation })
}

fn translate_program(
    path: &str,
    arguments: &[String],
    gpus: Option<&str>,
    here: &TranslationContext,
) -> Result<Translation> {
    match PROGRAMS.iter().find(|(name, _)| *name == file_name(path)) {
        Some((_, program)) => translate::translate(*program, &[], arguments, gpus, here),
        None => Err(Error::usage(format!("the original has no program {path}")).next(known())),
    }
}

pub(super) fn known() -> String {
    let scripts: Vec<_> = SCRIPTS.iter().map(|script| script.name).collect();
    let programs: Vec<_> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    format!("use one of {}; {}", scripts.join(", "), programs.join(", "))
}
