//! Hosts whose names cannot be resolved: each is tried and reported once per run, however many files it has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::ToSocketAddrs;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::event::Event;
use crate::manifest::Asset;
use base::progress::Observer;
use base::signals;

/// Variables that name a proxy; with a proxy, only its name must be resolved.
const PROXIES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// Errors of the resolver (glibc, musl) for a name that does not exist, as opposed to a name server that does not answer.
const NO_SUCH_NAME: [&str; 3] = ["Name or service not known", "No address associated", "Name does not resolve"];

/// Longest wait for the resolver.
const LONGEST: Duration = Duration::from_secs(10);
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Advice if names cannot be resolved.
pub const ADVICE: &str = "check the network and the name server of this machine (/etc/resolv.conf; behind a proxy: HTTPS_PROXY), \
                          then run this again; or download the files elsewhere and run `repro fetch --from DIR`";

/// The hosts of a run's files.
#[derive(Debug, Default)]
pub struct Hosts {
    names: BTreeSet<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a server has answered: this machine is not offline.
    reached: bool,
    /// Hosts that were given up, and why.
    lost: BTreeMap<String, String>,
    /// Files that only such hosts have.
    files: BTreeSet<String>,
    /// Whether any name can be resolved; `None` if this was not tried yet.
    resolves: Option<bool>,
}

impl Hosts {
    /// Returns the hosts of the assets' URLs.
    pub fn of(assets: &[&Asset]) -> Self {
        let names = assets.iter().flat_map(|asset| &asset.urls).filter_map(|url| name(url)).collect();
        Self { names, state: Mutex::default() }
    }

    /// Records that a server has answered.
    pub fn reached(&self) {
        self.state().reached = true;
    }

    /// Returns why the host of a URL was given up; `None` if it was not.
    pub fn is_lost(&self, url: &str) -> Option<String> {
        self.state().lost.get(&name(url)?).cloned()
    }

    /// Gives up the host of a URL whose name could not be resolved (`said` by the resolver), reports it, and returns why. `None`
    /// if a retry may succeed: other hosts are reached or resolved, and the name server may answer next time.
    pub fn give_up(&self, url: &str, said: &str, observer: &dyn Observer<Event>) -> Option<String> {
        let host = name(url)?;
        let mut state = self.state();
        if let Some(why) = state.lost.get(&host) {
            return Some(why.clone());
        }
        let unknown = NO_SUCH_NAME.iter().any(|text| said.contains(text));
        if state.reached && !unknown {
            return None;
        }
        // With the lock: the other threads need the same answer.
        let resolves = state.reached || *state.resolves.get_or_insert_with(|| self.any_resolves(&host));
        let why = match (resolves, unknown) {
            (true, false) => return None,
            (true, true) => format!("does not exist ({said})"),
            (false, _) if proxy() => format!("this machine cannot resolve host names, including its proxy's ({said})"),
            (false, _) => format!("this machine cannot resolve host names ({said})"),
        };
        state.lost.insert(host.clone(), why.clone());
        observer.event(&Event::note(&host, why.clone()));
        Some(why)
    }

    /// Records a file that only given up hosts have.
    pub fn lose(&self, file: &str) {
        self.state().files.insert(file.to_owned());
    }

    /// Returns whether only given up hosts have a file.
    pub fn has_lost(&self, file: &str) -> bool {
        self.state().files.contains(file)
    }

    /// Returns the hosts that were given up, and why.
    pub fn lost(&self) -> BTreeMap<String, String> {
        self.state().lost.clone()
    }

    /// Returns whether the name of any host except `failed` can be resolved. All are tried at the same time, for at most
    /// [`LONGEST`] or until the program is asked to stop.
    fn any_resolves(&self, failed: &str) -> bool {
        if proxy() {
            return false;
        }
        let (answer, answers) = channel();
        for host in self.names.iter().filter(|host| *host != failed) {
            let (answer, host) = (answer.clone(), host.clone());
            let ask = move || {
                let found = (host.as_str(), 443).to_socket_addrs().is_ok_and(|mut found| found.next().is_some());
                // The receiver may be gone.
                answer.send(found).ok();
            };
            // Without a thread, the host counts as unresolved.
            std::thread::Builder::new().name("resolve".into()).spawn(ask).ok();
        }
        drop(answer);
        let start = Instant::now();
        loop {
            match answers.recv_timeout(CHECK_INTERVAL) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(RecvTimeoutError::Timeout) if start.elapsed() < LONGEST && signals::check().is_ok() => {}
                Err(_) => return false,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn proxy() -> bool {
    PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Returns the host of a web URL; `None` for a file URL.
pub fn name(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() != "file")?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::progress::Silent;

    const SILENT: &str = "Temporary failure in name resolution";

    fn hosts(names: &[&str]) -> Hosts {
        Hosts { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Hosts::default() }
    }

    #[test]
    fn a_machine_that_cannot_resolve_names_gives_up_each_host_at_once() {
        let hosts = hosts(&["a.invalid", "b.invalid"]);
        let why = hosts.give_up("https://a.invalid/1", SILENT, &Silent).unwrap();
        assert!(why.contains("this machine cannot resolve host names") && why.contains(SILENT), "{why}");
        assert_eq!(hosts.is_lost("https://a.invalid/2"), Some(why));
        assert_eq!(hosts.is_lost("https://b.invalid/2"), None, "it is tried once");
        assert!(hosts.give_up("https://b.invalid/2", SILENT, &Silent).is_some());
        assert_eq!(hosts.lost().len(), 2);
    }

    #[test]
    fn if_other_hosts_answer_only_a_name_that_does_not_exist_is_given_up() {
        for hosts in [hosts(&["a.invalid"]), hosts(&["a.invalid", "127.0.0.1"])] {
            if hosts.names.len() == 1 {
                hosts.reached();
            }
            assert_eq!(hosts.give_up("https://a.invalid/1", SILENT, &Silent), None);
            let why = hosts.give_up("https://a.invalid/1", NO_SUCH_NAME[0], &Silent).unwrap();
            assert!(why.starts_with("does not exist"), "{why}");
        }
        assert_eq!(
            (name("https://x.org:8080/a"), name("file:///a"), name("nothing")),
            (Some("x.org".into()), None, None)
        );
    }
}
