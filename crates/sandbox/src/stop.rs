//! A token with which this program ends its containers early.

use std::sync::Arc;

use tokio::sync::watch;

/// A token that stops all containers that hold a clone of it.
#[derive(Debug, Clone)]
pub struct StopToken(Arc<watch::Sender<bool>>);

impl StopToken {
    /// Creates a token without a request to stop.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Requests the stop: running containers are stopped, containers that start later end at once.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is requested.
    pub(super) async fn requested(&self) {
        // The sender lives as long as the token.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

impl Default for StopToken {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for StopToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
