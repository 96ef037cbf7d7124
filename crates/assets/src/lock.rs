//! The lock of assets: pinned size and SHA-256 of files without a published checksum.
//!
//! ```toml
//! schema = 1
//!
//! [[pin]]
//! name = "vqa-minival"
//! size = 123
//! sha256 = "…"
//! date = "2026-11-23"
//! sources = ["https://…", "https://…"]   # every source that gave exactly this
//! ```

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lock_file::{LockFile, PinRecord};
use super::manifest::{Asset, Checksums, Unpack};
use base::clock;
use base::error::{Error, Result};

/// The pin of an asset: its content when it was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Name of the asset.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// UTC day of the first pin.
    pub date: String,
    /// Every source with exactly this content.
    pub sources: Vec<String>,
}

/// How far a file's checksum can be trusted; more trust is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// No checksum is known: any content is accepted. A verdict that depends on it is INCONCLUSIVE at best.
    Unpinned,
    /// The content is the pinned one.
    Pinned,
    /// Pinned, and two independent sources (different domains, or folders) have the same content.
    Corroborated,
    /// The checksum was published.
    Published,
}

impl Trust {
    /// Returns its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unpinned => "unpinned",
            Self::Pinned => "pinned",
            Self::Corroborated => "corroborated",
            Self::Published => "published",
        }
    }
}

/// The pins shipped with the program, or those of a file.
pub type Lock = LockFile<Pin>;

impl PinRecord for Pin {
    const FORGOTTEN: &'static str = "what was pinned";

    fn name(&self) -> &str {
        &self.name
    }

    fn fault(&self) -> Option<String> {
        let is_digest = self.sha256.len() == 64 && self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (!is_digest).then(|| format!("the sha256 of `{}` is not 64 lower-case hexadecimal digits", self.name))
    }
}

impl Lock {
    /// Adds the pins of another lock.
    ///
    /// # Errors
    /// Data if the two have different pins of one asset.
    pub fn join(&mut self, other: Self, origin: &Path) -> Result<()> {
        for pin in other.pins() {
            match self.pin_mut(&pin.name) {
                None => {
                    self.replace(pin.clone());
                }
                Some(known) if known.sha256 == pin.sha256 && known.size == pin.size => {
                    for source in &pin.sources {
                        known.add(source.clone());
                    }
                }
                Some(known) => {
                    return Err(Error::data(format!(
                        "`{}` is pinned as {} in {} but as {} in this program's own lock",
                        pin.name,
                        pin.sha256,
                        origin.display(),
                        known.sha256
                    ))
                    .next("find out which is right, then remove the other pin"));
                }
            }
        }
        Ok(())
    }

    /// Records the content that a source gave.
    ///
    /// # Errors
    /// Checksum if other content is pinned.
    pub fn record(&mut self, name: &str, size: u64, sha256: &str, source: &str) -> Result<()> {
        let Some(pin) = self.pin_mut(name) else {
            let (name, sha256, sources) = (name.to_owned(), sha256.to_owned(), vec![source.to_owned()]);
            let date = clock::today();
            self.replace(Pin { name, size, sha256, date, sources });
            return Ok(());
        };
        if pin.sha256 != sha256 || pin.size != size {
            return Err(Error::checksum(format!(
                "`{name}` is pinned as {} bytes, sha256 {}, but {source} gave {size} bytes, {sha256}",
                pin.size, pin.sha256
            )));
        }
        pin.add(source.to_owned());
        Ok(())
    }

    /// Returns how far an asset's checksum can be trusted.
    pub fn trust(&self, asset: &Asset) -> Trust {
        match self.pin(&asset.name) {
            _ if !asset.checksums.is_empty() => Trust::Published,
            Some(pin) if pin.keepers() > 1 => Trust::Corroborated,
            Some(_) => Trust::Pinned,
            None => Trust::Unpinned,
        }
    }

    /// Returns what a file of this asset must match: the published and pinned sizes and checksums.
    pub fn demands(&self, asset: &Asset) -> Demands {
        let pin = self.pin(&asset.name);
        let mut checksums = asset.checksums.clone();
        let pinned = pin.map(|pin| pin.sha256.clone());
        let contradiction = checksums.sha256.is_some() && pinned.is_some() && checksums.sha256 != pinned;
        if checksums.sha256.is_none() {
            checksums.sha256 = pinned;
        }
        Demands {
            size: asset.size.or(pin.map(|pin| pin.size)),
            lower_bound: asset.lower_bound(),
            upper_bound: asset.upper_bound(),
            checksums,
            contradiction,
        }
    }
}

/// Size and checksums that a file must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demands {
    /// Exact size in bytes.
    pub size: Option<u64>,
    /// Minimum size in bytes.
    pub lower_bound: Option<u64>,
    /// Maximum size in bytes.
    pub upper_bound: Option<u64>,
    /// Checksums; all must match.
    pub checksums: Checksums,
    /// Whether the pin contradicts the published checksum: no file can match until one of them is corrected.
    pub contradiction: bool,
}

impl Demands {
    /// Returns what an unpacked file must match; nothing for a folder.
    pub fn of_member(archive: &Asset, unpack: &Unpack) -> Self {
        if unpack.folder {
            return Self::default();
        }
        Self {
            lower_bound: archive.lower_bound_of(unpack),
            upper_bound: Some(unpack.size_max),
            checksums: unpack.checksums(),
            ..Self::default()
        }
    }

    /// Returns why a file of `size` bytes does not match; `None` if the size is possible.
    pub fn size_mismatch(&self, size: u64) -> Option<String> {
        if let Some(exact) = self.size {
            return (size != exact).then(|| format!("it has {size} bytes, not {exact}"));
        }
        let (low, high) = (self.lower_bound.filter(|low| size < *low), self.upper_bound.filter(|high| size > *high));
        high.map(|high| format!("it has {size} bytes, more than the {high} it can have"))
            .or_else(|| low.map(|low| format!("it has {size} bytes, fewer than the {low} it must have")))
    }
}

impl Pin {
    fn add(&mut self, source: String) {
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
    }

    /// Returns the number of independent sources.
    fn keepers(&self) -> usize {
        let keepers: std::collections::BTreeSet<String> = self.sources.iter().map(|source| keeper(source)).collect();
        keepers.len()
    }
}

/// Returns the keeper of a source; sources with different keepers are independent. It is the domain of a URL, since two hosts
/// of one domain may be one server, or the folder of a file.
pub fn keeper(source: &str) -> String {
    match source.split_once("://") {
        Some((_, rest)) if !rest.starts_with('/') => domain(rest.split('/').next().unwrap_or("")).to_owned(),
        Some((_, path)) => keeper(path),
        None => PathBuf::from(source).parent().map_or_else(String::new, |folder| folder.display().to_string()),
    }
}

/// Returns the last two parts of a host's name, without port; a numeric address as it is.
fn domain(host: &str) -> &str {
    if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let name = host.split(':').next().unwrap_or(host);
    match name.rmatch_indices('.').nth(1) {
        Some((dot, _)) => &name[dot + 1..],
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hosts_of_one_domain_may_be_one_server() {
        let keepers = |sources: &[&str]| {
            let sources = sources.iter().map(|source| (*source).to_owned()).collect();
            let (name, sha256, date) = (String::new(), String::new(), String::new());
            Pin { name, size: 0, sha256, date, sources }.keepers()
        };
        let twins = ["https://nlp.stanford.edu/a", "https://downloads.cs.stanford.edu/b", "http://stanford.edu:80/c"];
        assert_eq!(keepers(&twins), 1);
        assert_eq!(keepers(&["https://a.org/x", "https://b.org/x", "http://localhost:1/x"]), 3);
        assert_eq!(keepers(&["http://127.0.0.1:1/x", "http://127.0.0.1:2/x", "http://[::1]:2/x"]), 3);
        assert_eq!(keepers(&["/disk/one/x", "/disk/one/y", "file:///disk/two/x"]), 2);
    }

    #[test]
    fn pins_are_kept_and_never_change_silently() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assets.lock");
        let mut lock = Lock::read(&path).unwrap();
        let (one, other) = ("1".repeat(64), "2".repeat(64));
        lock.record("a", 3, &one, "https://x.org/a").unwrap();
        lock.record("a", 3, &one, "https://x.org/b").unwrap();
        assert_eq!(lock.pin("a").unwrap().keepers(), 1);
        lock.record("a", 3, &one, "https://y.org/a").unwrap();
        assert_eq!(lock.pin("a").unwrap().keepers(), 2);
        let error = lock.record("a", 3, &other, "https://z.org/a").unwrap_err();
        assert_eq!(error.kind(), base::error::Kind::Checksum);
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
        let mut shipped = Lock::default();
        shipped.record("a", 3, &other, "https://x.org/a").unwrap();
        assert!(shipped.join(lock, &path).unwrap_err().to_string().contains("pinned as 1111"));
        std::fs::write(&path, "schema = 1\npin = 3").unwrap();
        assert!(Lock::read(&path).is_err());
    }
}
