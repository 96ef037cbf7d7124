//! Shuts the worker down in order when its stdin closes, which means that the program that started it has gone.

use std::io::{ErrorKind, Read};

use base::error::{Error, Result};

/// Starts a thread that sends SIGTERM to this process when stdin closes. A training then writes a snapshot before it stops.
///
/// # Errors
/// Infra if no thread can be started.
pub(crate) fn hold() -> Result<()> {
    let watch = || {
        let (mut stdin, mut buffer) = (std::io::stdin().lock(), [0; 256]);
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    };
    let started = std::thread::Builder::new().name("lifeline".into()).spawn(watch);
    started.map(drop).map_err(|e| Error::infra("cannot start a thread").because(e))
}
