//! The page of `repro fetch --dry-run`: sources, disk space and duration of a fetch.

use std::fmt::Write;
use std::path::Path;

use super::cells::{self, Sum, count};
use crate::plan::{AssetState, Item};
use crate::rate::Rate;
use base::format::{human_bytes, human_seconds, rounded_bytes};
use base::table::{Side, Table, paragraph};

/// Inputs of a forecast in addition to the items.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// Free space in bytes; `None` if unknown.
    pub free: Option<u64>,
    /// Maximum number of bytes that unpacking adds.
    pub unpacked: u64,
    /// Number of bytes that feature stores and made files add.
    pub stores: u64,
    /// Measured download rate; `None` before the first fetch.
    pub rate: Option<Rate>,
}

/// Example rates, in bytes per second, shown without a measured rate.
pub(super) const EXAMPLES: [u64; 3] = [10_000_000, 50_000_000, 100_000_000];

impl Forecast {
    /// Returns the number of bytes needed in total, given the number of bytes to fetch.
    pub(super) fn needed(&self, fetched: u64) -> u64 {
        fetched.saturating_add(self.unpacked).saturating_add(self.stores)
    }
}

/// The items to fetch, to download by hand, and already present.
pub(super) struct Parts<'a> {
    pub fetched: Vec<&'a Item<'a>>,
    pub by_hand: Vec<&'a Item<'a>>,
    pub there: Vec<&'a Item<'a>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(items: &'a [Item<'a>]) -> Self {
        let (there, missing): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.is_there());
        let (fetched, by_hand) = missing.into_iter().partition(|item| item.has_source());
        Self { fetched, by_hand, there }
    }

    /// Returns the total size of the bytes to fetch.
    pub(crate) fn remaining(&self) -> Sum {
        Sum::remaining(self.fetched.iter().copied())
    }
}

/// Returns the forecast as text.
pub fn forecast(items: &[Item], workspace: &Path, forecast: &Forecast) -> String {
    let (parts, mut out) = (Parts::of(items), String::new());
    let remaining = parts.remaining();
    if parts.fetched.is_empty() {
        let _ = writeln!(out, "Nothing to fetch into {}", workspace.display());
    } else {
        let _ = writeln!(out, "To fetch into {}: {}", workspace.display(), remaining.text());
        let rows: Vec<Vec<String>> = parts.fetched.iter().map(|item| row(item)).collect();
        let table = Table::new(2, &[Side::Left, Side::Right, Side::Left], &rows);
        rows.iter().for_each(|cells| table.row(&mut out, cells));
    }
    for (items, what) in [(&parts.there, "already present"), (&parts.by_hand, "only by hand")] {
        if !items.is_empty() {
            let names: Vec<&str> = items.iter().map(|item| item.asset.name.as_str()).collect();
            paragraph(&mut out, &format!("{what}: "), &names.join(", "));
        }
    }
    for item in &parts.by_hand {
        for place in &item.asset.by_hand {
            let text = format!("{}: {}; {}", place.place, place.url, place.how);
            paragraph(&mut out, &format!("  {}  ", item.asset.name), &text);
        }
    }
    paragraph(&mut out, "disk  ", &disk(&remaining, forecast));
    for line in time(&remaining, forecast) {
        paragraph(&mut out, "time  ", &line);
    }
    out
}

fn row(item: &Item) -> Vec<String> {
    let mut from = cells::host(item.asset.urls.first().map_or("", String::as_str)).to_owned();
    if item.asset.urls.len() > 1 {
        let _ = write!(from, " or {}", count(item.asset.urls.len() - 1, "other source"));
    }
    match &item.state {
        AssetState::Partial(_) => {
            let _ = write!(from, "; {} are present", cells::state(item));
        }
        AssetState::Wrong(why) => {
            let _ = write!(from, "; the present file is wrong: {why}");
        }
        _ => {}
    }
    vec![item.asset.name.clone(), cells::size(item), cells::checksum(item).to_owned(), from]
}

fn disk(remaining: &Sum, forecast: &Forecast) -> String {
    let mut text = remaining.size();
    if forecast.unpacked > 0 {
        let _ = write!(text, " fetched + at most {} unpacked", rounded_bytes(forecast.unpacked));
    }
    if forecast.stores > 0 {
        let _ = write!(text, " + {} of feature stores and made files", human_bytes(forecast.stores));
    }
    let needed = forecast.needed(remaining.bytes);
    if needed > remaining.bytes {
        let _ = write!(text, " = {}", rounded_bytes(needed));
    }
    match forecast.free {
        Some(free) if free < needed => {
            let _ = write!(text, "; {} are free: {} ARE MISSING", human_bytes(free), human_bytes(needed - free));
        }
        Some(free) => {
            let _ = write!(text, "; {} are free", human_bytes(free));
        }
        None => {}
    }
    text
}

fn time(remaining: &Sum, forecast: &Forecast) -> Vec<String> {
    if remaining.bytes == 0 {
        return Vec::new();
    }
    let at = |per_second: f64| human_seconds(remaining.bytes as f64 / per_second);
    match &forecast.rate {
        Some(rate) => {
            let per_second = rate.per_second();
            let measured = format!("at {}/s, measured on {}", human_bytes(per_second as u64), rate.date);
            vec![format!("{} {measured}", at(per_second))]
        }
        None => {
            let examples: Vec<String> =
                EXAMPLES.iter().map(|rate| format!("{} at {} MB/s", at(*rate as f64), rate / 1_000_000)).collect();
            vec![format!("{}; the actual rate is unknown before the first fetch", examples.join(", "))]
        }
    }
}
