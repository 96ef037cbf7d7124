//! Tries the sources of one file in order until one gives the right file.

use std::cell::OnceCell;
use std::time::Duration;

use reqwest::Client;
use tokio::runtime::Runtime;

use super::http::{self, PartialContent};
use super::part::Part;
use super::retry::{Retries, SourceError};
use super::source::Source;
use super::transfer::Transfer;
use super::{Job, Network, hosts};
use crate::lock::Demands;
use crate::manifest::ByHand;
use crate::receipt::Receipt;
use base::error::{Error, Result};
use base::signals::{self, ShutdownGuard, SignalError};

/// A finished download.
#[derive(Debug)]
pub struct Download {
    /// Receipt of the file; not yet written.
    pub receipt: Receipt,
    /// Number of bytes received from sources this time, including discarded ones.
    pub transferred: u64,
}

/// The runtime and HTTP client of one thread, created when first needed.
#[derive(Debug)]
pub struct HttpClient {
    stall: Duration,
    ready: OnceCell<(Runtime, Client)>,
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        // Do not wait for a name that is still being resolved.
        if let Some((runtime, _)) = self.ready.take() {
            runtime.shutdown_background();
        }
    }
}

impl HttpClient {
    /// Creates the client of one thread.
    pub fn new(network: &Network) -> Self {
        Self { stall: network.stall, ready: OnceCell::new() }
    }

    fn ready(&self) -> Result<&(Runtime, Client)> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::infra("cannot start the network runtime").because(error))?;
        let client = http::client(self.stall)?;
        Ok(self.ready.get_or_init(|| (runtime, client)))
    }
}

/// Maximum number of retries of a source that has given nothing yet, if there are other sources.
const RETRIES_BEFORE_OTHERS: u32 = 2;

/// Why a source was given up.
struct SourceFailure {
    url: String,
    why: String,
    wrong_file: bool,
    /// Whether the name of the host could not be resolved.
    lost: bool,
}

/// Downloads the file to its path.
///
/// # Errors
/// Network if no source gave it; checksum if one gave another file; disk if there is no space; [`Error::io`] for other errors on
/// this machine.
pub fn download(job: &Job<'_>, web: &HttpClient) -> Result<Download> {
    let mut part = Part::open(job.paths, job.demands, job.urls)?;
    let (mut transferred, mut failures) = (0, Vec::new());
    for (index, url) in job.urls.iter().enumerate() {
        // Without a partial file, the next source is better than many retries of this one.
        let network = match part.length() == 0 && index + 1 < job.urls.len() {
            true => Network { retries: job.network.retries.min(RETRIES_BEFORE_OTHERS), ..job.network.clone() },
            false => job.network.clone(),
        };
        let mut retries = Retries::new(&network, part.length());
        let mut restarted = false;
        let failure = loop {
            if let Some(why) = job.hosts.is_lost(url).filter(|_| !part.is_whole()) {
                break SourceFailure { url: url.clone(), why, wrong_file: false, lost: true };
            }
            if !part.is_whole() {
                let mut transfer = Transfer::new(job, &mut part, &mut retries, &mut transferred);
                if let Err(error) = attempt(&mut transfer, web, url) {
                    match recover(job, &mut part, &mut retries, error, url)? {
                        Some(failure) => break failure,
                        None => continue,
                    }
                }
            }
            let pieced = part.pieced();
            match settle(job, part)? {
                Ok(receipt) => return Ok(Download { receipt, transferred }),
                Err(why) => {
                    part = Part::open(job.paths, job.demands, job.urls)?;
                    if restarted || !pieced {
                        break SourceFailure { url: url.clone(), why, wrong_file: true, lost: false };
                    }
                    job.note(format!("{why}; it came from several requests, so it is fetched again from scratch"));
                    restarted = true;
                }
            }
        };
        if failures.len() + 1 < job.urls.len() && !failure.lost {
            job.note(format!("{} {}; trying the next source", failure.url, failure.why));
        }
        failures.push(failure);
    }
    Err(report(job, &failures))
}

/// Requests the file from one source once.
fn attempt(transfer: &mut Transfer<'_>, web: &HttpClient, url: &str) -> Result<(), SourceError> {
    let source = Source::parse(url).map_err(SourceError::permanent)?;
    let held = held(transfer.part, url, transfer.job.demands);
    if held.is_some() {
        read_again(transfer.job, transfer.part)?;
    }
    match &source {
        Source::File(path) => transfer.copy(path, url, held.as_ref()),
        Source::Web(address) => {
            let (runtime, client) = web.ready()?;
            let mut at_work = ShutdownGuard::begin().map_err(Error::from)?;
            runtime.block_on(async {
                tokio::select! {
                    done = transfer.receive(client, address, url, held.as_ref(), source.is_page()) => done,
                    signal = at_work.wait_for_stop() => Err(Error::from(SignalError::Stopping(signal)).into()),
                }
            })
        }
    }
}

/// Returns the part of the file that this source can continue; `None` to start from scratch. Bytes of different versions must
/// never be mixed: either the server is told the version, or the checksum detects it.
pub(super) fn held(part: &Part, url: &str, demands: &Demands) -> Option<PartialContent> {
    let sidecar = part.sidecar().filter(|_| part.length() > 0)?;
    let validator = sidecar.validator.clone().filter(|_| sidecar.url == url);
    let safe = validator.is_some() || !demands.checksums.is_empty();
    safe.then(|| PartialContent { length: part.length(), validator, total: part.total() })
}

pub(super) fn read_again(job: &Job<'_>, part: &mut Part) -> Result<()> {
    let (length, mut read, mut told) = (part.length(), 0, std::time::Instant::now());
    part.read_again(&mut |count| {
        read += count;
        if told.elapsed() >= Duration::from_secs(1) {
            told = std::time::Instant::now();
            job.waiting(format!("reading the {length} bytes that are present: {read} are read"), None);
        }
    })
}

/// Decides what to do after an error: `None` to retry the same source, otherwise why it is given up.
fn recover(
    job: &Job<'_>,
    part: &mut Part,
    retries: &mut Retries,
    error: SourceError,
    url: &str,
) -> Result<Option<SourceFailure>> {
    let (why, after) = match error {
        SourceError::Local(error) => return Err(error),
        SourceError::Permanent { why, wrong_file } => {
            return Ok(Some(SourceFailure { url: url.to_owned(), why, wrong_file, lost: false }));
        }
        SourceError::UnresolvedHost(why) => match job.hosts.give_up(url, &why, job.observer) {
            Some(why) => return Ok(Some(SourceFailure { url: url.to_owned(), why, wrong_file: false, lost: true })),
            None => (why, None),
        },
        SourceError::Restart(why) => {
            job.check_claim()?;
            part.clear()?;
            (format!("starts from scratch: {why}"), None)
        }
        SourceError::Retry { why, after } => (why, after),
    };
    let Some(wait) = retries.wait(after, rand::random()) else {
        let why = format!("{why}; given up after {} attempts without progress", retries.tries());
        return Ok(Some(SourceFailure { url: url.to_owned(), why, wrong_file: false, lost: false }));
    };
    job.waiting(format!("{url}: {why}"), Some(wait.as_secs_f64()));
    signals::sleep(wait).map_err(Error::from)?;
    job.check_claim()?;
    Ok(None)
}

/// Renames a complete file to its path, or moves a wrong file aside and returns why it is wrong.
fn settle(job: &Job<'_>, mut part: Part) -> Result<Result<Receipt, String>> {
    read_again(job, &mut part)?;
    let source = part.sidecar().map_or_else(String::new, |sidecar| sidecar.url.clone());
    let hashes = part.finish()?;
    let receipt = Receipt::new(part.path(), hashes, &source)?;
    job.check_claim()?;
    let wrong = receipt.contradicts(job.demands).or_else(|| job.demands.size_mismatch(receipt.stat.size));
    let Some(why) = wrong else {
        part.move_to(job.paths.file())?;
        return Ok(Ok(receipt));
    };
    let kept = job.paths.suspect(receipt.sha256());
    part.move_to(&kept)?;
    Ok(Err(format!("gave another file: {why} (kept as {})", kept.display())))
}

/// Returns the error that no source gave the file.
fn report(job: &Job<'_>, failures: &[SourceFailure]) -> Error {
    let what = format!("cannot fetch `{}`", job.name);
    let wrong = failures.iter().any(|failure| failure.wrong_file);
    let error = match wrong {
        true => Error::checksum(format!("{what}: its sources have another file")),
        false => Error::network(format!("{what}: every source failed")),
    };
    let lost = failures.iter().all(|failure| failure.lost) && !failures.is_empty();
    if lost {
        job.hosts.lose(job.name);
    }
    let error = failures.iter().fold(error, |error, failure| error.because(format!("{} {}", failure.url, failure.why)));
    error.next(match (by_hand(job.by_hand), wrong) {
        (Some(how), _) => how,
        (None, true) => "run `repro fetch --from DIR` if you have a copy; if the publisher changed the file on purpose, \
                         inspect the new one, then remove its pin from assets.lock or correct the manifest"
            .to_owned(),
        (None, false) if lost => hosts::ADVICE.to_owned(),
        (None, false) => {
            "run this again later: it resumes and keeps what has arrived; or run `repro fetch --from DIR` if you have a copy"
                .to_owned()
        }
    })
}

/// Returns the instructions to download a file by hand; `None` without mirrors.
pub(crate) fn by_hand(mirrors: &[ByHand]) -> Option<String> {
    let ways: Vec<_> =
        mirrors.iter().map(|mirror| format!("from {} ({}): {}", mirror.place, mirror.url, mirror.how)).collect();
    (!ways.is_empty()).then(|| {
        format!("download it by hand {}; then run `repro fetch --from DIR` with its folder", ways.join("; or "))
    })
}
