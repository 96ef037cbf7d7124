//! What the worker can be asked for: `run FILE`, `hello`, `devices [NAME]`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use base::error::{Error, Kind, Result};
use base::signals::{self, SignalReporter};
use base::versions::{self, BuildInfo};
use base::{exit, files, status};
use protocol::{Event, Request, SCHEMA};
use serde_json::{Value, json};

use crate::emit::Emitter;
use crate::jobs::Finished;
use crate::{devices, jobs, lifeline};

/// Largest request.
const LARGEST: u64 = 16 << 20;
const USAGE: &str = "repro-worker computes for repro, which starts it; by itself it does nothing useful\n  \
    repro-worker run FILE         does what the request in FILE asks\n  \
    repro-worker hello            says who it is\n  \
    repro-worker devices [NAME]   says what it can compute on";

/// Does what the command line asks; the program's exit code.
pub(crate) fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let verb: fn(&Emitter, &[&str]) -> Result<Finished> = match words[..] {
        ["hello"] => |_, _| Ok(json!(devices::hello()).into()),
        ["devices"] => |_, _| Ok(json!(devices::all()).into()),
        ["devices", _] => |emitter, words| {
            let device = devices::told(devices::device(words[1])?);
            emitter.say(&Event::Device(device.clone()));
            Ok(json!([device]).into())
        },
        ["run", _] => |emitter, words| work(emitter, Path::new(words[1])),
        _ => {
            status!("{USAGE}");
            return ExitCode::from(exit::USAGE);
        }
    };
    let emitter = match Emitter::take_stdout() {
        Ok(emitter) => emitter,
        Err(error) => {
            status!("error: {error}");
            return ExitCode::from(exit::code(&error));
        }
    };
    versions::set(BuildInfo { commit: option_env!("REPRO_GIT_COMMIT"), commit_time: None });
    emitter.say(&Event::Hello(devices::hello()));
    let ended = std::panic::catch_unwind(|| verb(&emitter, &words)).unwrap_or_else(|_| {
        Err(Error::bug("the worker panicked").because("see what it said before").next("please report it"))
    });
    let code = match ended {
        Ok(Finished { result, files }) => {
            emitter.say(&Event::Done { result, files });
            exit::PASS
        }
        Err(error) => {
            let code = exit::code(&error);
            emitter.say(&Event::Failed { error });
            code
        }
    };
    emitter.finish();
    ExitCode::from(code)
}

/// Does the work that a request asks for.
fn work(emitter: &Emitter, file: &Path) -> Result<Finished> {
    let request = read(file)?;
    if request.lifeline {
        lifeline::hold()?;
    }
    signals::listen(SignalReporter { say: said, end: ended })?;
    tch::set_num_threads(i32::try_from(request.threads).map_err(|_| Error::usage("too many threads"))?);
    let device = devices::device(&request.device)?;
    emitter.say(&Event::Device(devices::told(device)));
    jobs::run(request, device, emitter)
}

fn read(file: &Path) -> Result<Request> {
    let text = files::read_text(file, LARGEST)?;
    let refused = |why: String| {
        Error::infra("the worker does not understand what it is asked").because(why).next(
            "build both programs from one source: ci/repro --version in its folder does it, ci/install PREFIX for an installed one",
        )
    };
    // Of another edition not even the rest can be read.
    let head: Value = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
    match head.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        other => {
            let other = other.map_or_else(|| "none".to_owned(), |schema| schema.to_string());
            return Err(refused(format!("the request is of edition {other}, the worker of {SCHEMA}")));
        }
    }
    let request: Request = serde_json::from_value(head).map_err(|e| refused(e.to_string()))?;
    match request.source == devices::SOURCE {
        true => Ok(request),
        false => Err(refused("the worker was built from another source".to_owned())),
    }
}

/// What is said at a signal.
fn said(text: &str) {
    if let Some(emitter) = Emitter::of_the_program() {
        emitter.said(text);
    }
}

/// The last word where a signal ends the program at once.
fn ended(error: Error) {
    debug_assert_eq!(error.kind(), Kind::Interrupted);
    if let Some(emitter) = Emitter::of_the_program() {
        emitter.say(&Event::Failed { error });
        emitter.finish();
    }
}
