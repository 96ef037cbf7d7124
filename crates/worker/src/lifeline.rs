//! Ends the worker in order when whoever started it has gone: then its stdin closes.

use std::io::{ErrorKind, Read};

use base::error::{Error, Result};

/// Watches stdin from now on. At its end the worker is asked to end as by SIGTERM: a training writes a snapshot first.
///
/// # Errors
/// Infra where no thread can be started.
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
