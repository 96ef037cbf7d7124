//! Writes bytes of a source into the partial file, never more than allowed.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::{Client, Url};

use super::http::{self, PartialContent, Reply};
use super::job::Job;
use super::part::Part;
use super::retry::{Retries, SourceError};
use super::sidecar::Validator;
use crate::event::Event;
use base::error::Error;
use base::files::{self, Stat};
use base::signals;

/// Minimum interval of progress events.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Interval at which the claim is checked.
const CLAIM_INTERVAL: Duration = Duration::from_secs(5);
const CHUNK: usize = 1 << 20;

/// One attempt to transfer bytes of a source into the partial file.
pub(crate) struct Transfer<'a> {
    /// The file to download.
    pub job: &'a Job<'a>,
    /// Its partial file.
    pub part: &'a mut Part,
    /// Retries of the source, refilled by progress.
    pub retries: &'a mut Retries,
    /// Number of bytes received in all attempts.
    pub transferred: &'a mut u64,
    told: Instant,
    looked: SystemTime,
}

impl<'a> Transfer<'a> {
    /// Creates one attempt.
    pub(crate) fn new(
        job: &'a Job<'a>,
        part: &'a mut Part,
        retries: &'a mut Retries,
        transferred: &'a mut u64,
    ) -> Self {
        Self { job, part, retries, transferred, told: Instant::now(), looked: SystemTime::now() }
    }

    /// Receives bytes from a server; resumes after the present part if `held` is given.
    pub(crate) async fn receive(
        &mut self,
        client: &Client,
        url: &Url,
        name: &str,
        held: Option<&PartialContent>,
        page: bool,
    ) -> Result<(), SourceError> {
        let stall = self.job.network.stall;
        let asked = http::ask(client, url, held, page, stall).await;
        if !matches!(asked, Err(SourceError::UnresolvedHost(_))) {
            self.job.hosts.reached();
        }
        let mut answer = match asked? {
            Reply::Bytes(answer) => *answer,
            Reply::Nothing => {
                self.fits(self.part.length())?;
                return Ok(self.part.end()?);
            }
        };
        // A server that does not repeat the version in a partial response means the requested one.
        let asked = held.and_then(|held| held.validator.clone()).filter(|_| answer.from > 0);
        self.begin(name, answer.from, answer.validator.take().or(asked), answer.total)?;
        loop {
            match tokio::time::timeout(stall, answer.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.take(bytes, answer.total)?,
                Ok(Ok(None)) => return self.end(answer.total),
                Ok(Err(error)) => return Err(http::failed(&error)),
                Err(_) => return Err(SourceError::retry(format!("no data for {} s", stall.as_secs_f64()))),
            }
        }
    }

    /// Copies bytes from a file on this machine; resumes after the present part if `held` is given and fits.
    pub(crate) fn copy(&mut self, path: &Path, name: &str, held: Option<&PartialContent>) -> Result<(), SourceError> {
        let wrong = |error: std::io::Error| SourceError::permanent(format!("cannot read {}: {error}", path.display()));
        let mut file = files::open_nonblocking(path).map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        if !metadata.is_file() {
            return Err(SourceError::permanent(format!("{} is not a regular file", path.display())));
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
            let mut chunk = Vec::with_capacity(CHUNK);
            match file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).map_err(wrong)? {
                0 => return self.end(Some(stat.size)),
                _ => self.take(chunk.into(), Some(stat.size))?,
            }
        }
    }

    /// Checks the size of the source's file before any byte is read.
    fn fits(&self, total: u64) -> Result<(), SourceError> {
        match self.job.demands.size_mismatch(total) {
            Some(fault) => Err(SourceError::wrong_file(format!("has another file: {fault}"))),
            None => Ok(()),
        }
    }

    fn begin(
        &mut self,
        name: &str,
        from: u64,
        validator: Option<Validator>,
        total: Option<u64>,
    ) -> Result<(), SourceError> {
        if let Some(total) = total {
            self.fits(total)?;
        }
        self.job.check_claim()?;
        let have = self.part.length();
        if from == 0 && have > 0 {
            self.job.note(format!(
                "starts from scratch: {name} has changed, does not report its version, or cannot send parts ({have} bytes were \
                 present)"
            ));
        }
        self.part.begin(from, name, validator, total)?;
        self.job.observer.event(&Event::started(self.job.name, "fetch", name, self.part.total(), from));
        Ok(())
    }

    fn take(&mut self, bytes: Bytes, total: Option<u64>) -> Result<(), SourceError> {
        *self.transferred += bytes.len() as u64;
        let bound = total.or(self.job.demands.size).or(self.job.demands.upper_bound);
        let length = self.part.length() + bytes.len() as u64;
        if let Some(bound) = bound.filter(|bound| length > *bound) {
            self.part.clear()?;
            return Err(SourceError::wrong_file(format!("it sends more than {bound} bytes")));
        }
        // Before the write, and by a clock that continues while the machine is suspended: after that, the claim may be lost.
        if self.looked.elapsed().map_or(true, |since| since >= CLAIM_INTERVAL) {
            self.looked = SystemTime::now();
            self.job.check_claim()?;
        }
        self.part.write(bytes)?;
        self.retries.progress(length);
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            self.job.progress(length, self.part.total());
        }
        Ok(())
    }

    /// Ends the transfer after the last byte of the source.
    fn end(&mut self, total: Option<u64>) -> Result<(), SourceError> {
        let length = self.part.length();
        self.job.progress(length, self.part.total());
        match total.or(self.job.demands.size).filter(|total| *total != length) {
            Some(total) => Err(SourceError::retry(format!("it ended after {length} of {total} bytes"))),
            None => {
                if total.is_none() && self.job.demands.checksums.is_empty() {
                    self.job.note("the server did not report the size of the file: it may be incomplete");
                }
                Ok(self.part.end()?)
            }
        }
    }
}
