//! The download rate of the last fetch, from which a plan estimates the duration of the next one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::event::Event;
use base::error::{Error, Result};
use base::progress::{self, Observer};
use base::{clock, files};

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 1 << 16;
/// Minimum number of bytes for a measurement; with fewer, latency dominates.
const ENOUGH_BYTES: u64 = 10_000_000;

/// A measured rate, kept in `receipts/.rate.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    schema: u32,
    /// Number of bytes fetched.
    pub bytes: u64,
    /// Duration in seconds, of all files together.
    pub seconds: f64,
    /// UTC day of the measurement.
    pub date: String,
}

impl Rate {
    /// Returns the rate of a fetch; `None` if there were too few bytes.
    pub fn measured(bytes: u64, seconds: f64) -> Option<Self> {
        let date = clock::today();
        (bytes >= ENOUGH_BYTES && seconds > 0.0).then_some(Self { schema: SCHEMA, bytes, seconds, date })
    }

    /// Returns the rate in bytes per second.
    pub fn per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }

    /// Reads the last rate measured in a workspace.
    pub fn read(workspace: &Path) -> Option<Self> {
        let text = files::read_text(&path(workspace), FILE_LIMIT).ok()?;
        let rate: Self = serde_json::from_str(&text).ok()?;
        (rate.schema == SCHEMA && rate.per_second().is_finite() && rate.per_second() >= 1.0).then_some(rate)
    }

    /// Writes it to the workspace.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, workspace: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|error| Error::bug("a rate cannot be written").because(error))?;
        files::write_bytes(&path(workspace), &text)
    }
}

fn path(workspace: &Path) -> PathBuf {
    workspace.join("receipts/.rate.json")
}

/// An observer that measures network traffic and passes all events on.
pub struct RateMeter<'a> {
    inner: &'a dyn Observer<Event>,
    began: Instant,
    traffic: Mutex<Traffic>,
}

#[derive(Default)]
struct Traffic {
    /// Names of the assets that are being fetched over the network.
    remote: BTreeSet<String>,
    bytes: u64,
}

impl<'a> RateMeter<'a> {
    /// Starts a measurement.
    pub fn new(inner: &'a dyn Observer<Event>) -> Self {
        Self { inner, began: Instant::now(), traffic: Mutex::default() }
    }

    /// Returns the measured rate; `None` if there were too few bytes.
    pub fn rate(&self) -> Option<Rate> {
        let traffic = self.traffic.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Rate::measured(traffic.bytes, self.began.elapsed().as_secs_f64())
    }
}

impl Observer<Event> for RateMeter<'_> {
    fn event(&self, event: &Event) {
        {
            let mut traffic = self.traffic.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match event {
                Event::Progress(progress::Event::Started(start)) if start.source.starts_with("http") => {
                    traffic.remote.insert(start.name.clone());
                }
                Event::Done { name, transferred, .. } if traffic.remote.remove(name) => {
                    traffic.bytes = traffic.bytes.saturating_add(*transferred);
                }
                _ => {}
            }
        }
        self.inner.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::progress::Silent;

    #[test]
    fn only_network_traffic_is_measured() {
        let meter = RateMeter::new(&Silent);
        let fetched = |name: &str, source: &str, transferred| {
            meter.event(&Event::started(name, "fetch", source, None, 0));
            let name = name.to_owned();
            let sha256 = String::new();
            meter.event(&Event::Done {
                name,
                outcome: "fetched",
                size: 1,
                sha256,
                trust: None,
                seconds: 1.0,
                transferred,
            });
        };
        fetched("a", "file:///a", 1 << 40);
        assert_eq!(meter.rate(), None);
        fetched("b", "https://x.org/b", ENOUGH_BYTES);
        assert_eq!(meter.rate().unwrap().bytes, ENOUGH_BYTES);

        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Rate::read(folder.path()), None);
        let rate = Rate::measured(50_000_000, 4.0).unwrap();
        rate.write(folder.path()).unwrap();
        assert_eq!(Rate::read(folder.path()), Some(rate));
        std::fs::write(path(folder.path()), r#"{"schema":1,"bytes":0,"seconds":0.0,"date":""}"#).unwrap();
        assert_eq!(Rate::read(folder.path()), None, "an invalid rate is ignored");
    }
}
