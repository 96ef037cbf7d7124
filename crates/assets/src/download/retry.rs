//! Errors of sources, and the decision to retry, start from scratch, or try the next source.

use std::time::{Duration, SystemTime};

use base::error::Error;

/// Longest wait that this program chooses.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest wait on request of a server.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// Number of new bytes after which all retries are available again.
const REFILL: u64 = 256 << 10;

/// Timeouts and retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Time without data after which a connection is closed.
    pub stall: Duration,
    /// Maximum number of consecutive retries without progress.
    pub retries: u32,
    /// Upper bound of the first wait; it doubles each time.
    pub first_wait: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), retries: 8, first_wait: Duration::from_secs(1) }
    }
}

/// Why a source did not give the file.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// A retry may succeed, `after` this time if the server told.
    Retry { why: String, after: Option<Duration> },
    /// The partial file cannot be resumed: start from scratch.
    Restart(String),
    /// A retry would fail again. `wrong_file`: the source has another file.
    Permanent { why: String, wrong_file: bool },
    /// The name of the host could not be resolved.
    UnresolvedHost(String),
    /// The error is on this machine, not at the source.
    Local(Error),
}

impl SourceError {
    /// Returns an error after which a retry may succeed.
    pub(crate) fn retry(why: impl Into<String>) -> Self {
        Self::Retry { why: why.into(), after: None }
    }

    /// Returns an error after which a retry would fail again.
    pub(crate) fn permanent(why: impl Into<String>) -> Self {
        Self::Permanent { why: why.into(), wrong_file: false }
    }

    /// Returns the error that the source has another file.
    pub(crate) fn wrong_file(why: impl Into<String>) -> Self {
        Self::Permanent { why: why.into(), wrong_file: true }
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

/// Counts the retries of one source.
#[derive(Debug)]
pub(crate) struct Retries {
    network: Network,
    used: u32,
    /// Number of bytes present at the last refill. A restart does not lower it: the same bytes again are no progress.
    reached: u64,
}

impl Retries {
    /// Starts to count for a source; `have` bytes of the file are present.
    pub(crate) fn new(network: &Network, have: u64) -> Self {
        Self { network: network.clone(), used: 0, reached: have }
    }

    /// Returns the maximum number of consecutive attempts without progress.
    pub(crate) fn tries(&self) -> u32 {
        self.network.retries.saturating_add(1)
    }

    /// Records that `have` bytes are present now.
    pub(crate) fn progress(&mut self, have: u64) {
        if have >= self.reached.saturating_add(REFILL) {
            (self.used, self.reached) = (0, have);
        }
    }

    /// Returns how long to wait before the next retry; `None` if there are no more. `chance`, from 0 to 1, spreads clients that
    /// were disconnected at the same time ("full jitter").
    pub(crate) fn wait(&mut self, asked: Option<Duration>, chance: f64) -> Option<Duration> {
        if self.used >= self.network.retries {
            return None;
        }
        let double = 2_u32.saturating_pow(self.used);
        self.used += 1;
        let own = self.network.first_wait.saturating_mul(double).min(LONGEST).mul_f64(chance);
        Some(asked.map_or(own, |asked| asked.min(LONGEST_ASKED).max(own)))
    }
}

/// Parses `Retry-After`: seconds or an HTTP date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(value.trim()).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_no_retries_are_left_and_progress_refills_them() {
        let network = Network { retries: 9, ..Network::default() };
        let mut retries = Retries::new(&network, 100);
        let waits: Vec<_> = (0..9).map(|_| retries.wait(None, 1.0).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retries.wait(None, 1.0), None);
        retries.progress(100 + REFILL - 1);
        assert_eq!(retries.wait(None, 1.0), None, "hardly anything came");
        retries.progress(100 + REFILL);
        assert_eq!(retries.wait(None, 0.25), Some(Duration::from_millis(250)));
        retries.progress(REFILL);
        assert_eq!(retries.wait(Some(Duration::from_secs(7)), 1.0), Some(Duration::from_secs(7)));
        assert_eq!(retries.wait(Some(Duration::MAX), 1.0), Some(LONGEST_ASKED));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let seconds = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:40:37 GMT"), Some(0), "it is past");
        assert_eq!(seconds("soon"), None);
    }
}
