//! The program `repro`: runs a command and turns its outcome into an exit code.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use base::error::Kind;
use base::versions::BuildInfo;
use base::{exit, status, versions};
use lxmert_repro::cli::Cli;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // A panic in here would abort the program.
        status::line(format_args!("error: this is a bug in repro, please report it\n  caused by: {panic}"));
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            status::always(std::backtrace::Backtrace::force_capture());
        }
    }));
    versions::set(BuildInfo {
        commit: option_env!("REPRO_GIT_COMMIT"),
        commit_time: option_env!("REPRO_COMMIT_TIME").and_then(|text| text.parse().ok()),
    });
    match std::panic::catch_unwind(|| Cli::run_line(&std::env::args_os().collect::<Vec<_>>())) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => {
            let code = exit::code(&error);
            match error.kind() {
                // An interruption on request is not an error.
                Kind::Interrupted => status::always(&error),
                _ => status::line(format_args!("error: {}", error.with_default_advice())),
            }
            ExitCode::from(code)
        }
        Err(_) => ExitCode::from(exit::BUG),
    }
}
