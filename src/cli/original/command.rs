//! Runs what a line of the original is translated to.

use super::translate;

use std::ffi::OsString;
use std::path::Path;

use super::scripts::{PROGRAMS, SCRIPTS};
use super::translation::{Here, OFFICIAL_NLVR2, Step, Translation};
use crate::placement::Host;
use base::error::{Error, Result};
use base::exit;
use base::status;
use data::dataset::Task;
use data::dataset::process_nlvr2::{NLVR2_SOURCES, process_nlvr2};
use lxmert_spec::loading::locate;

/// Runs command lines of this program.
pub(crate) trait Runner {
    /// Runs one, without the program's name; its exit code.
    ///
    /// # Errors
    /// Those of the command.
    fn run(&self, words: &[String]) -> Result<u8>;

    /// Says why there is no such command; the exit code.
    fn refuse(&self, line: &[OsString]) -> u8;
}

/// Translates and runs; a line that is not the original's gets the usual error about an unknown command.
pub(crate) fn run(line: &[OsString], runner: &dyn Runner) -> Result<u8> {
    let words: Vec<String> = line.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let workspace = super::super::surroundings::workspace_of_environment()?.unwrap_or_else(|| "workspace".to_owned());
    let found = |name: &str, suffix: &str| Path::new(name).exists() || locate(name, suffix).is_ok();
    // Where there is no worker, the command itself says what to run.
    let gpus = || Host.hello().map_or(0, |hello| hello.gpus);
    let here = Here { found: &found, workspace: &workspace, gpus: &gpus };
    let Some(translation) = of_line(&words, None, &here)? else { return Ok(runner.refuse(line)) };
    for note in &translation.notes {
        status!("note: {note}");
    }
    if translation.steps.len() > 1 && words.iter().any(|word| word.starts_with("--engine")) {
        return Err(Error::usage("--engine takes one command at a time, and this line is several")
            .next("name one split with --test"));
    }
    for step in &translation.steps {
        status!("that is: {step}");
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

/// NLVR2's split files beside the submodule with the official ones, as process_dataset.py makes them.
pub(super) fn nlvr2_data() -> Result<u8> {
    for (split, official) in NLVR2_SOURCES {
        let out = Task::Nlvr2.split_file(Path::new("data"), split);
        let examples = process_nlvr2(&Path::new(OFFICIAL_NLVR2).join(official), split, &out)?;
        super::super::output::say(format!("{}: {examples} examples", out.display()))?;
    }
    Ok(exit::PASS)
}

/// Takes a line apart: assignments, the interpreter, then a script or a program. `None` where it is none of the original's.
pub(super) fn of_line(words: &[String], gpus: Option<&str>, here: &Here) -> Result<Option<Translation>> {
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    if let Some((name, value)) = first.split_once('=').filter(|(name, _)| !name.starts_with('-')) {
        return of_line(rest, if name == "CUDA_VISIBLE_DEVICES" { Some(value) } else { gpus }, here);
    }
    match first.as_str() {
        "bash" | "sh" => match rest.split_first() {
            Some((flag, [text, ..])) if flag == "-c" => {
                let last = text.rsplit("&&").next().unwrap_or_default();
                of_line(&last.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), gpus, here)
            }
            Some((script, arguments)) => of_script(script, arguments, here).map(Some),
            None => Err(Error::usage(format!("{first} of what?")).next(known())),
        },
        "python" | "python3" | "python2" => {
            let rest: Vec<String> = rest.iter().skip_while(|word| *word == "-u").cloned().collect();
            match rest.split_first() {
                Some((program, arguments)) => of_program(program, arguments, gpus, here).map(Some),
                None => Err(Error::usage(format!("{first} of what?")).next(known())),
            }
        }
        "sudo" => of_line(rest, gpus, here),
        "wget" | "curl" | "git" => {
            Err(not_here(first, "repro fetch gets the files, and checks them; repro fetch --list"))
        }
        "unzip" => Err(not_here(first, "repro prepare unpacks what was fetched, and checks it")),
        "docker" => Err(not_here(first, "repro extract runs the extractor in its container; repro images list")),
        "pip" | "virtualenv" => Err(not_here(first, "no Python is needed; repro doctor says what is")),
        name if name.ends_with(".bash") => of_script(name, rest, here).map(Some),
        name if name.ends_with(".py") => of_program(name, rest, gpus, here).map(Some),
        _ => Ok(None),
    }
}

fn not_here(command: &str, instead: &str) -> Error {
    Error::usage(format!("`{command}` is not run here")).next(instead)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A script: `bash SCRIPT GPUS NAME OPTIONS`, or `GPUS OPTIONS` for pre-training.
pub(super) fn of_script(path: &str, arguments: &[String], here: &Here) -> Result<Translation> {
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
            "the original would take {option} for the experiment's name, and leave it out: a whole run. Here it is an option, \
             and the results go to {} itself",
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

fn of_program(path: &str, arguments: &[String], gpus: Option<&str>, here: &Here) -> Result<Translation> {
    match PROGRAMS.iter().find(|(name, _)| *name == file_name(path)) {
        Some((_, program)) => translate::translate(*program, &[], arguments, gpus, here),
        None => Err(Error::usage(format!("the original has no program {path}")).next(known())),
    }
}

pub(super) fn known() -> String {
    let scripts: Vec<_> = SCRIPTS.iter().map(|script| script.name).collect();
    let programs: Vec<_> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    format!("known are {}; {}", scripts.join(", "), programs.join(", "))
}
