//! Goes through the sources of one file until one gives it right.

use std::cell::OnceCell;
use std::time::Duration;

use reqwest::Client;
use tokio::runtime::Runtime;

use super::http::{self, Held};
use super::part::Part;
use super::retry::{Retries, Trouble};
use super::source::Source;
use super::transfer::Flow;
use super::{Job, Network, hosts};
use crate::lock::Demands;
use crate::manifest::ByHand;
use crate::receipt::Receipt;
use base::error::{Error, Result};
use base::signals::{self, ShutdownGuard, SignalError};

/// A file that came.
#[derive(Debug)]
pub struct Arrival {
    /// Of the file in its place; not yet kept.
    pub receipt: Receipt,
    /// Bytes that came from sources this time, those that were thrown away included.
    pub transferred: u64,
}

/// What one thread needs to talk to servers; nothing is prepared before it is needed.
#[derive(Debug)]
pub struct Web {
    stall: Duration,
    ready: OnceCell<(Runtime, Client)>,
}

impl Drop for Web {
    fn drop(&mut self) {
        // A name that is still being resolved is nobody's concern any more.
        if let Some((runtime, _)) = self.ready.take() {
            runtime.shutdown_background();
        }
    }
}

impl Web {
    /// For one thread.
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
            .map_err(|error| Error::infra("cannot prepare for requests over the network").because(error))?;
        let client = http::client(self.stall)?;
        Ok(self.ready.get_or_init(|| (runtime, client)))
    }
}

/// So often is a source asked again that has given nothing, while there are others.
const PATIENCE_BEFORE_OTHERS: u32 = 2;

/// Why a source is given up.
struct Refusal {
    url: String,
    why: String,
    wrong_file: bool,
    /// The host's name could not be resolved.
    lost: bool,
}

/// Brings the file to its place.
///
/// # Errors
/// Network where no source gave it; checksum where one gave another file; disk where there is no room; what
/// [`Error::io`] says for anything else that goes wrong here.
pub fn download(job: &Job<'_>, web: &Web) -> Result<Arrival> {
    let mut part = Part::open(job.place, job.demands, job.urls)?;
    let (mut transferred, mut refusals) = (0, Vec::new());
    for (index, url) in job.urls.iter().enumerate() {
        // With nothing to lose, the next source is better than much patience with this one.
        let patience = match part.length() == 0 && index + 1 < job.urls.len() {
            true => Network { retries: job.network.retries.min(PATIENCE_BEFORE_OTHERS), ..job.network.clone() },
            false => job.network.clone(),
        };
        let mut retries = Retries::new(&patience, part.length());
        let mut tried_anew = false;
        let refusal = loop {
            if let Some(why) = job.hosts.is_lost(url).filter(|_| !part.is_whole()) {
                break Refusal { url: url.clone(), why, wrong_file: false, lost: true };
            }
            if !part.is_whole() {
                let mut flow = Flow::new(job, &mut part, &mut retries, &mut transferred);
                if let Err(trouble) = attempt(&mut flow, web, url) {
                    match recover(job, &mut part, &mut retries, trouble, url)? {
                        Some(refusal) => break refusal,
                        None => continue,
                    }
                }
            }
            let pieced = part.pieced();
            match settle(job, part)? {
                Ok(receipt) => return Ok(Arrival { receipt, transferred }),
                Err(why) => {
                    part = Part::open(job.place, job.demands, job.urls)?;
                    if tried_anew || !pieced {
                        break Refusal { url: url.clone(), why, wrong_file: true, lost: false };
                    }
                    job.note(format!("{why}; it came in pieces, so it is fetched once more from its beginning"));
                    tried_anew = true;
                }
            }
        };
        if refusals.len() + 1 < job.urls.len() && !refusal.lost {
            job.note(format!("{} {}; the next source is tried", refusal.url, refusal.why));
        }
        refusals.push(refusal);
    }
    Err(report(job, &refusals))
}

/// Asks one source once.
fn attempt(flow: &mut Flow<'_>, web: &Web, url: &str) -> Result<(), Trouble> {
    let source = Source::parse(url).map_err(Trouble::never)?;
    let held = held(flow.part, url, flow.job.demands);
    if held.is_some() {
        read_again(flow.job, flow.part)?;
    }
    match &source {
        Source::File(path) => flow.copy(path, url, held.as_ref()),
        Source::Web(address) => {
            let (runtime, client) = web.ready()?;
            let mut at_work = ShutdownGuard::begin().map_err(Error::from)?;
            runtime.block_on(async {
                tokio::select! {
                    done = flow.receive(client, address, url, held.as_ref(), source.is_page()) => done,
                    signal = at_work.wait_for_stop() => Err(Error::from(SignalError::Stopping(signal)).into()),
                }
            })
        }
    }
}

/// What of the part can be gone on with from this source. Bytes of different versions must never come together: either the
/// server is told the version that is here, or the checksum will notice.
pub(super) fn held(part: &Part, url: &str, demands: &Demands) -> Option<Held> {
    let sidecar = part.sidecar().filter(|_| part.length() > 0)?;
    let validator = sidecar.validator.clone().filter(|_| sidecar.url == url);
    let safe = validator.is_some() || !demands.checksums.is_empty();
    safe.then(|| Held { length: part.length(), validator, total: part.total() })
}

pub(super) fn read_again(job: &Job<'_>, part: &mut Part) -> Result<()> {
    let (length, mut read, mut told) = (part.length(), 0, std::time::Instant::now());
    part.read_again(&mut |count| {
        read += count;
        if told.elapsed() >= Duration::from_secs(1) {
            told = std::time::Instant::now();
            job.waiting(format!("reading the {length} bytes that are here: {read} are read"), None);
        }
    })
}

/// After trouble: `None` to ask the same source again, else why it is given up.
fn recover(
    job: &Job<'_>,
    part: &mut Part,
    retries: &mut Retries,
    trouble: Trouble,
    url: &str,
) -> Result<Option<Refusal>> {
    let (why, after) = match trouble {
        Trouble::Here(error) => return Err(error),
        Trouble::Never { why, wrong_file } => {
            return Ok(Some(Refusal { url: url.to_owned(), why, wrong_file, lost: false }));
        }
        Trouble::NoName(why) => match job.hosts.give_up(url, &why, job.observer) {
            Some(why) => return Ok(Some(Refusal { url: url.to_owned(), why, wrong_file: false, lost: true })),
            None => (why, None),
        },
        Trouble::Anew(why) => {
            job.check_claim()?;
            part.clear()?;
            (format!("starts over: {why}"), None)
        }
        Trouble::Later { why, after } => (why, after),
    };
    let Some(wait) = retries.wait(after, rand::random()) else {
        let why = format!("{why}; given up after {} tries without getting on", retries.tries());
        return Ok(Some(Refusal { url: url.to_owned(), why, wrong_file: false, lost: false }));
    };
    job.waiting(format!("{url}: {why}"), Some(wait.as_secs_f64()));
    signals::sleep(wait).map_err(Error::from)?;
    job.check_claim()?;
    Ok(None)
}

/// Puts a whole file in its place, or what is not the file aside; then says why.
fn settle(job: &Job<'_>, mut part: Part) -> Result<Result<Receipt, String>> {
    read_again(job, &mut part)?;
    let source = part.sidecar().map_or_else(String::new, |sidecar| sidecar.url.clone());
    let hashes = part.finish()?;
    let receipt = Receipt::new(part.path(), hashes, &source)?;
    job.check_claim()?;
    let wrong = receipt.contradicts(job.demands).or_else(|| job.demands.size_fault(receipt.stat.size));
    let Some(why) = wrong else {
        part.move_to(job.place.file())?;
        return Ok(Ok(receipt));
    };
    let kept = job.place.suspect(receipt.sha256());
    part.move_to(&kept)?;
    Ok(Err(format!("gave another file: {why} (kept as {})", kept.display())))
}

/// No source gave the file.
fn report(job: &Job<'_>, refusals: &[Refusal]) -> Error {
    let what = format!("cannot fetch `{}`", job.name);
    let wrong = refusals.iter().any(|refusal| refusal.wrong_file);
    let error = match wrong {
        true => Error::checksum(format!("{what}: what its sources give is not the file that it should be")),
        false => Error::network(format!("{what}: none of its sources gives it")),
    };
    let lost = refusals.iter().all(|refusal| refusal.lost) && !refusals.is_empty();
    if lost {
        job.hosts.lose(job.name);
    }
    let error = refusals.iter().fold(error, |error, refusal| error.because(format!("{} {}", refusal.url, refusal.why)));
    error.next(match (by_hand(job.by_hand), wrong) {
        (Some(how), _) => how,
        (None, true) => "repro fetch --from DIR takes a copy that you have; where the publisher changed the file on \
                         purpose, look at the new one, then remove its pin from assets.lock or correct the manifest"
            .to_owned(),
        (None, false) if lost => hosts::ADVICE.to_owned(),
        (None, false) => {
            "run this again later: what has arrived is kept; repro fetch --from DIR takes a copy that you \
                          have"
                .to_owned()
        }
    })
}

/// How a person gets a file that no program can fetch.
pub(crate) fn by_hand(mirrors: &[ByHand]) -> Option<String> {
    let ways: Vec<_> =
        mirrors.iter().map(|mirror| format!("from {} ({}): {}", mirror.place, mirror.url, mirror.how)).collect();
    (!ways.is_empty())
        .then(|| format!("get it by hand {}; then give its folder with repro fetch --from DIR", ways.join("; or ")))
}
