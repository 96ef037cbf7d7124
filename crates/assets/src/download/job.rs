//! The file to download, and its observer.

use super::hosts::Hosts;
use super::retry::Network;
use crate::event::Event;
use crate::lock::Demands;
use crate::manifest::ByHand;
use crate::paths::AssetPaths;
use base::error::Error;
use base::progress::Observer;

/// A file to download. The caller holds the claim on it.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Name of the asset.
    pub name: &'a str,
    /// Its paths in the workspace.
    pub paths: &'a AssetPaths,
    /// Size and checksums that it must match.
    pub demands: &'a Demands,
    /// Sources, tried in this order.
    pub urls: &'a [String],
    /// Mirrors for downloads by hand.
    pub by_hand: &'a [ByHand],
    /// Timeouts and retries.
    pub network: &'a Network,
    /// Hosts of all files, with those that cannot be resolved.
    pub hosts: &'a Hosts,
    /// Observer of all events.
    pub observer: &'a dyn Observer<Event>,
    /// Returns whether the claim is still held.
    pub still_mine: &'a dyn Fn() -> bool,
}

impl Job<'_> {
    /// Sends a note.
    pub fn note(&self, text: impl Into<String>) {
        self.observer.event(&Event::note(self.name, text));
    }

    /// Sends the progress.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.observer.event(&Event::progress(self.name, done, total));
    }

    /// Sends the event that the download waits.
    pub fn waiting(&self, why: impl Into<String>, seconds: Option<f64>) {
        self.observer.event(&Event::waiting(self.name, why, seconds));
    }

    /// Checks that the claim is still held: two processes must never write the same partial file.
    ///
    /// # Errors
    /// Infra if another process has taken it over.
    pub fn check_claim(&self) -> Result<(), Error> {
        match (self.still_mine)() {
            true => Ok(()),
            false => Err(Error::infra(format!("another process has taken over the download of `{}`", self.name))
                .because("this one was suspended for too long")
                .next("let the other process finish, then run this again")),
        }
    }
}
