//! Programs that hear signals, even where those are ignored that the tests got them from: by `nohup`, or by a shell that put the
//! tests into the background. The program keeps to that, and would not be stopped.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Gives the signals that the program listens to their usual meaning at its start.
pub fn hearing(command: &mut Command) -> &mut Command {
    let usual = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGUSR1] {
            // SAFETY: it changes nothing but how this process takes the signal.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: of the calls allowed between fork and exec it makes signal(2) only.
    unsafe { command.pre_exec(usual) }
}
