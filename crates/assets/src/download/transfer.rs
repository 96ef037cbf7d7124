//! Brings bytes from a source into the partial file, never more than there may be.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::{Client, Url};

use super::http::{self, Held, Reply};
use super::job::Job;
use super::part::Part;
use super::retry::{Retries, Trouble};
use super::sidecar::Validator;
use crate::event::Event;
use base::error::Error;
use base::files::{self, Stat};
use base::signals;

/// Progress is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// Whether the claim still stands is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const PIECE: usize = 1 << 20;

/// The way of bytes into the part.
pub(crate) struct Flow<'a> {
    /// What is fetched.
    pub job: &'a Job<'a>,
    /// Where it goes.
    pub part: &'a mut Part,
    /// Hears of progress.
    pub retries: &'a mut Retries,
    /// Bytes that came, all in all.
    pub transferred: &'a mut u64,
    told: Instant,
    looked: SystemTime,
}

impl<'a> Flow<'a> {
    /// For one try.
    pub(crate) fn new(
        job: &'a Job<'a>,
        part: &'a mut Part,
        retries: &'a mut Retries,
        transferred: &'a mut u64,
    ) -> Self {
        Self { job, part, retries, transferred, told: Instant::now(), looked: SystemTime::now() }
    }

    /// From a server; what the part has is held on to where `held` says so.
    pub(crate) async fn receive(
        &mut self,
        client: &Client,
        url: &Url,
        name: &str,
        held: Option<&Held>,
        page: bool,
    ) -> Result<(), Trouble> {
        let stall = self.job.network.stall;
        let asked = http::ask(client, url, held, page, stall).await;
        if !matches!(asked, Err(Trouble::NoName(_))) {
            self.job.hosts.reached();
        }
        let mut answer = match asked? {
            Reply::Bytes(answer) => *answer,
            Reply::Nothing => {
                self.fits(self.part.length())?;
                return Ok(self.part.end()?);
            }
        };
        // A server that does not repeat the version in a part still means the one that was asked for.
        let asked = held.and_then(|held| held.validator.clone()).filter(|_| answer.from > 0);
        self.begin(name, answer.from, answer.validator.take().or(asked), answer.total)?;
        loop {
            match tokio::time::timeout(stall, answer.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.take(bytes, answer.total)?,
                Ok(Ok(None)) => return self.end(answer.total),
                Ok(Err(error)) => return Err(http::failed(&error)),
                Err(_) => return Err(Trouble::later(format!("nothing came for {} s", stall.as_secs_f64()))),
            }
        }
    }

    /// From a file of this machine.
    pub(crate) fn copy(&mut self, path: &Path, name: &str, held: Option<&Held>) -> Result<(), Trouble> {
        let wrong = |error: std::io::Error| Trouble::never(format!("cannot read {}: {error}", path.display()));
        let mut file = files::open_nonblocking(path).map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        if !metadata.is_file() {
            return Err(Trouble::never(format!("{} is no file", path.display())));
        }
        let stat = Stat::of(&metadata);
        let version = Validator::Modified(format!("{} {}", stat.mtime_ns, stat.inode));
        let same = held.filter(|held| {
            held.length <= stat.size && held.validator.as_ref().is_none_or(|validator| *validator == version)
        });
        let from = same.map_or(0, |held| held.length);
        self.begin(name, from, Some(version), Some(stat.size))?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(from)).map_err(wrong)?;
        loop {
            signals::check().map_err(Error::from)?;
            let mut piece = Vec::with_capacity(PIECE);
            match file.by_ref().take(PIECE as u64).read_to_end(&mut piece).map_err(wrong)? {
                0 => return self.end(Some(stat.size)),
                _ => self.take(piece.into(), Some(stat.size))?,
            }
        }
    }

    /// No source is asked for a byte of a file that is known to be another one.
    fn fits(&self, total: u64) -> Result<(), Trouble> {
        match self.job.demands.size_fault(total) {
            Some(fault) => Err(Trouble::wrong_file(format!("has another file: {fault}"))),
            None => Ok(()),
        }
    }

    fn begin(
        &mut self,
        name: &str,
        from: u64,
        validator: Option<Validator>,
        total: Option<u64>,
    ) -> Result<(), Trouble> {
        if let Some(total) = total {
            self.fits(total)?;
        }
        self.job.check_claim()?;
        let have = self.part.length();
        if from == 0 && have > 0 {
            self.job.note(format!(
                "starts over: {name} has changed, does not say which version it gives, or gives no parts ({have} bytes were here)"
            ));
        }
        self.part.begin(from, name, validator, total)?;
        self.job.observer.event(&Event::started(self.job.name, "fetch", name, self.part.total(), from));
        Ok(())
    }

    fn take(&mut self, bytes: Bytes, total: Option<u64>) -> Result<(), Trouble> {
        *self.transferred += bytes.len() as u64;
        let bound = total.or(self.job.demands.size).or(self.job.demands.upper_bound);
        let length = self.part.length() + bytes.len() as u64;
        if let Some(bound) = bound.filter(|bound| length > *bound) {
            self.part.clear()?;
            return Err(Trouble::wrong_file(format!("it sends more than {bound} bytes")));
        }
        // Before the write, and by the clock that goes on while a machine sleeps: whoever wakes up may have lost its claim.
        if self.looked.elapsed().map_or(true, |since| since >= LOOK_EVERY) {
            self.looked = SystemTime::now();
            self.job.check_claim()?;
        }
        self.part.write(bytes)?;
        self.retries.progress(length);
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.job.progress(length, self.part.total());
        }
        Ok(())
    }

    /// The source says that this was all.
    fn end(&mut self, total: Option<u64>) -> Result<(), Trouble> {
        let length = self.part.length();
        self.job.progress(length, self.part.total());
        match total.or(self.job.demands.size).filter(|total| *total != length) {
            Some(total) => Err(Trouble::later(format!("it ended after {length} of {total} bytes"))),
            None => {
                if total.is_none() && self.job.demands.checksums.is_empty() {
                    self.job.note("the server did not say how long the file is: nobody knows whether it is whole");
                }
                Ok(self.part.end()?)
            }
        }
    }
}
