//! The worker's commands: `run FILE`, `hello`, `devices [NAME]`.

use std::any::Any;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use base::error::{Error, Kind, Result};
use base::signals::{self, SignalReporter};
use base::versions::{self, BuildInfo};
use base::{exit, files, status};
use lxmert::train::out_of_memory::exhausted;
use protocol::{Event, Request, SCHEMA};
use serde_json::{Value, json};

use crate::emitter::Emitter;
use crate::jobs::JobOutcome;
use crate::{devices, jobs, lifeline, memory};

/// Maximum size of a request in bytes: the names of 150,000 images.
const MAX_REQUEST: u64 = 64 << 20;
const USAGE: &str = "repro-worker computes for repro, which starts it; it is not meant to be run by hand\n  \
    repro-worker run FILE         executes the request in FILE\n  \
    repro-worker hello            prints the worker's identity\n  \
    repro-worker devices [NAME]   prints the devices that it can compute on";

/// Runs the command line and returns the program's exit code.
pub(crate) fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let verb: fn(&Emitter, &[&str]) -> Result<JobOutcome> = match words[..] {
        ["hello"] => |_, _| Ok(json!(devices::hello()).into()),
        ["devices"] => |_, _| Ok(json!(devices::all()).into()),
        ["devices", _] => |emitter, words| {
            let device = devices::described_device(devices::device(words[1])?);
            emitter.emit(&Event::Device(device.clone()));
            Ok(json!([device]).into())
        },
        ["run", _] => |emitter, words| run_request(emitter, Path::new(words[1])),
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
    emitter.emit(&Event::Hello(devices::hello()));
    let ended = std::panic::catch_unwind(|| verb(&emitter, &words)).unwrap_or_else(|panic| Err(panicked(&*panic)));
    let code = match ended {
        Ok(JobOutcome { result, files }) => {
            emitter.emit(&Event::Done { result, files });
            exit::PASS
        }
        Err(error) => {
            let code = exit::code(&error);
            emitter.emit(&Event::Failed { error });
            code
        }
    };
    emitter.finish();
    ExitCode::from(code)
}

/// Explains a panic.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    match exhausted(panic) {
        Some(why) => Error::infra("the memory of the device is exhausted")
            .because(why)
            .next("use a smaller --batch-size, end other programs that use the memory, or use another --device"),
        None => Error::bug("the worker panicked").because("see its messages above").next("please report it"),
    }
}

/// Executes the request in a file.
fn run_request(emitter: &Emitter, file: &Path) -> Result<JobOutcome> {
    let request = read(file)?;
    if request.lifeline {
        lifeline::hold()?;
    }
    signals::listen(SignalReporter { say: report_signal, end: report_interruption })?;
    let threads = i32::try_from(request.threads);
    tch::set_num_threads(threads.map_err(|_| Error::usage(format!("{} threads are too many", request.threads)))?);
    let device = devices::device(&request.device)?;
    lxmert::libtorch::set_up(device)?;
    memory::set_device(device);
    emitter.emit(&Event::Device(devices::described_device(device)));
    jobs::run(request, device, emitter)
}

fn read(file: &Path) -> Result<Request> {
    let text = files::read_text(file, MAX_REQUEST)?;
    let refused = |why: String| {
        Error::infra("the worker does not understand its request").because(why).next(
            "build both programs from the same source: run ci/repro --version in its folder, or ci/install PREFIX to install it",
        )
    };
    // The other fields of a different edition may not parse.
    let head: Value = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
    match head.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        other => {
            let other = other.map_or_else(|| "none".to_owned(), |schema| schema.to_string());
            return Err(refused(format!("the request has edition {other}, the worker {SCHEMA}")));
        }
    }
    let request: Request = serde_json::from_value(head).map_err(|e| refused(e.to_string()))?;
    match request.source == devices::SOURCE {
        true => Ok(request),
        false => Err(refused("the worker was built from a different source".to_owned())),
    }
}

/// Emits the message about a signal.
fn report_signal(text: &str) {
    if let Some(emitter) = Emitter::global() {
        emitter.message(text);
    }
}

/// Emits the last event before a signal ends the program at once.
fn report_interruption(error: Error) {
    debug_assert_eq!(error.kind(), Kind::Interrupted);
    if let Some(emitter) = Emitter::global() {
        emitter.emit(&Event::Failed { error });
        emitter.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exhausted_memory_is_explained_and_any_other_panic_is_a_bug() {
        let said = |text: &str| panicked(&text.to_owned()).to_string();
        let full = said(
            "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA out of memory. Tried to allocate 1 GiB.\")",
        );
        assert!(
            full.contains("exhausted") && full.contains("Tried to allocate 1 GiB.") && full.contains("--batch-size"),
            "{full}"
        );
        assert!(said("index out of range").contains("the worker panicked"));
    }
}
