//! What to do when a source gives trouble: wait and ask again, begin anew, or go to the next.

use std::time::{Duration, SystemTime};

use base::error::Error;

/// No wait of our own is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// No wait that a server asks for is longer.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// So many new bytes make up for all earlier trouble.
const REFILL: u64 = 256 << 10;

/// How patient to be with servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// A connection on which nothing comes for so long is given up.
    pub stall: Duration,
    /// So many times in a row a source is asked again without getting on.
    pub retries: u32,
    /// Upper end of the first wait; it doubles each time.
    pub first_wait: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), retries: 8, first_wait: Duration::from_secs(1) }
    }
}

/// Why a source did not give the file.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may next time; after so long, where it said so.
    Later { why: String, after: Option<Duration> },
    /// What is here of it is of no use.
    Anew(String),
    /// It never will.
    Never { why: String, wrong_file: bool },
    /// The name of the host could not be resolved.
    NoName(String),
    /// It lies here, not there.
    Here(Error),
}

impl Trouble {
    /// It may work next time.
    pub(crate) fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// It does not have the file.
    pub(crate) fn never(why: impl Into<String>) -> Self {
        Self::Never { why: why.into(), wrong_file: false }
    }

    /// It has another file.
    pub(crate) fn wrong_file(why: impl Into<String>) -> Self {
        Self::Never { why: why.into(), wrong_file: true }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// Counts the trouble with one source.
#[derive(Debug)]
pub(crate) struct Retries {
    network: Network,
    used: u32,
    /// Bytes of the file that were there at the last refill. Beginning anew does not lower it: getting the same bytes again is no progress.
    reached: u64,
}

impl Retries {
    /// For a source; `have` bytes of the file are here.
    pub(crate) fn new(network: &Network, have: u64) -> Self {
        Self { network: network.clone(), used: 0, reached: have }
    }

    /// Times that a source is asked in a row without getting on.
    pub(crate) fn tries(&self) -> u32 {
        self.network.retries.saturating_add(1)
    }

    /// So many bytes are here now.
    pub(crate) fn progress(&mut self, have: u64) {
        if have >= self.reached.saturating_add(REFILL) {
            (self.used, self.reached) = (0, have);
        }
    }

    /// How long to wait before the next try; `None`: no more. `chance`, from 0 to 1, spreads clients that were thrown out
    /// together ("full jitter").
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

/// Understands `Retry-After`: seconds, or an HTTP date.
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
    fn waits_double_and_end_and_are_refilled() {
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
