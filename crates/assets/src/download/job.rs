//! What is to be brought, and who hears of it.

use super::hosts::Hosts;
use super::retry::Network;
use crate::event::Event;
use crate::lock::Demands;
use crate::manifest::ByHand;
use crate::place::Place;
use base::error::Error;
use base::progress::Observer;

/// One file to bring. Whoever calls holds the claim on it.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The asset.
    pub name: &'a str,
    /// Where it goes.
    pub place: &'a Place,
    /// What it must match.
    pub demands: &'a Demands,
    /// Where it comes from, in the order to try.
    pub urls: &'a [String],
    /// How a person gets it.
    pub by_hand: &'a [ByHand],
    /// How patient to be.
    pub network: &'a Network,
    /// Hosts that were given up, by other files too.
    pub hosts: &'a Hosts,
    /// Hears what happens.
    pub observer: &'a dyn Observer<Event>,
    /// Whether the claim still stands.
    pub still_mine: &'a dyn Fn() -> bool,
}

impl Job<'_> {
    /// Tells of something that happened.
    pub fn note(&self, text: impl Into<String>) {
        self.observer.event(&Event::note(self.name, text));
    }

    /// Tells how far it is.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.observer.event(&Event::progress(self.name, done, total));
    }

    /// Tells that nothing comes for a while.
    pub fn waiting(&self, why: impl Into<String>, seconds: Option<f64>) {
        self.observer.event(&Event::waiting(self.name, why, seconds));
    }

    /// Two processes must never write the same part.
    pub fn check_claim(&self) -> Result<(), Error> {
        match (self.still_mine)() {
            true => Ok(()),
            false => Err(Error::infra(format!("another process has taken over the fetching of `{}`", self.name))
                .because("this one did not give a sign of life for too long")
                .next("let the other process finish, then run this again")),
        }
    }
}
