//! Hosts whose names cannot be resolved: each is asked for once in a run, and told of once, however many files it has.

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

/// Variables that name a proxy; then it is the proxy's name that has to be resolved.
const PROXIES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// What resolvers say of a name that nobody has, as opposed to a server of names that does not answer: glibc's and musl's words.
const NO_SUCH_NAME: [&str; 3] = ["Name or service not known", "No address associated", "Name does not resolve"];

/// No name is waited for longer.
const LONGEST: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// What can be done where names are not resolved.
pub const ADVICE: &str = "see that this machine has a network and a server of names (/etc/resolv.conf; behind a proxy: HTTPS_PROXY), then \
                          run this again; repro fetch --from DIR takes files that were downloaded elsewhere";

/// The hosts of a run's files.
#[derive(Debug, Default)]
pub struct Hosts {
    names: BTreeSet<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A server has answered: this machine is not offline.
    reached: bool,
    /// Hosts that were given up, and why.
    lost: BTreeMap<String, String>,
    /// Files that only such hosts have.
    files: BTreeSet<String>,
    /// Whether any name can be resolved; not looked at yet where it is none.
    resolves: Option<bool>,
}

impl Hosts {
    /// Those of the assets' addresses.
    pub fn of(assets: &[&Asset]) -> Self {
        let names = assets.iter().flat_map(|asset| &asset.urls).filter_map(|url| name(url)).collect();
        Self { names, state: Mutex::default() }
    }

    /// Remembers that a server has answered.
    pub fn reached(&self) {
        self.state().reached = true;
    }

    /// Why the host of an address was given up.
    pub fn is_lost(&self, url: &str) -> Option<String> {
        self.state().lost.get(&name(url)?).cloned()
    }

    /// Gives the host of an address up, whose name could not be resolved (`said` by the system), and tells of it. Returns why; `None` if it
    /// is worth asking again: others are reached or resolved, and the server of names may answer next time.
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
        // With the lock: the other threads have nothing better to do than to wait for the answer.
        let resolves = state.reached || *state.resolves.get_or_insert_with(|| self.any_resolves(&host));
        let why = match (resolves, unknown) {
            (true, false) => return None,
            (true, true) => format!("no such host is known ({said})"),
            (false, _) if proxy() => format!("this machine resolves no names, that of its proxy included ({said})"),
            (false, _) => format!("this machine resolves no names ({said})"),
        };
        state.lost.insert(host.clone(), why.clone());
        observer.event(&Event::note(&host, why.clone()));
        Some(why)
    }

    /// Remembers a file that only hosts have that were given up.
    pub fn lose(&self, file: &str) {
        self.state().files.insert(file.to_owned());
    }

    /// Whether only hosts have a file that were given up.
    pub fn has_lost(&self, file: &str) -> bool {
        self.state().files.contains(file)
    }

    /// Hosts that were given up, and why.
    pub fn lost(&self) -> BTreeMap<String, String> {
        self.state().lost.clone()
    }

    /// Whether the name of any host but `failed` can be resolved. All are asked at the same time, and none is waited for longer than
    /// [`LONGEST`], or once the program is asked to stop.
    fn any_resolves(&self, failed: &str) -> bool {
        if proxy() {
            return false;
        }
        let (answer, answers) = channel();
        for host in self.names.iter().filter(|host| *host != failed) {
            let (answer, host) = (answer.clone(), host.clone());
            let ask = move || {
                let found = (host.as_str(), 443).to_socket_addrs().is_ok_and(|mut found| found.next().is_some());
                // Nobody may be waiting any more.
                answer.send(found).ok();
            };
            // A host that cannot be asked is one that does not answer.
            std::thread::Builder::new().name("resolve".into()).spawn(ask).ok();
        }
        drop(answer);
        let start = Instant::now();
        loop {
            match answers.recv_timeout(LOOK) {
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

/// The host of a web address.
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
    fn a_machine_that_resolves_no_names_gives_each_host_up_at_once() {
        let hosts = hosts(&["a.invalid", "b.invalid"]);
        let why = hosts.give_up("https://a.invalid/1", SILENT, &Silent).unwrap();
        assert!(why.contains("this machine resolves no names") && why.contains(SILENT), "{why}");
        assert_eq!(hosts.is_lost("https://a.invalid/2"), Some(why));
        assert_eq!(hosts.is_lost("https://b.invalid/2"), None, "it is asked once");
        assert!(hosts.give_up("https://b.invalid/2", SILENT, &Silent).is_some());
        assert_eq!(hosts.lost().len(), 2);
    }

    #[test]
    fn where_others_answer_only_a_name_that_nobody_has_is_given_up() {
        for hosts in [hosts(&["a.invalid"]), hosts(&["a.invalid", "127.0.0.1"])] {
            if hosts.names.len() == 1 {
                hosts.reached();
            }
            assert_eq!(hosts.give_up("https://a.invalid/1", SILENT, &Silent), None);
            let why = hosts.give_up("https://a.invalid/1", NO_SUCH_NAME[0], &Silent).unwrap();
            assert!(why.starts_with("no such host is known"), "{why}");
        }
        assert_eq!(
            (name("https://x.org:8080/a"), name("file:///a"), name("nothing")),
            (Some("x.org".into()), None, None)
        );
    }
}
