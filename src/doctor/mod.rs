//! `repro doctor`: whether this machine has what a run needs, and what mends it where it has not.
//!
//! - [`machine`]: the facts, as plain data, so that checks can be tried on machines that are made up;
//! - [`gather`]: the facts of the machine that it runs on;
//! - `check`: one function per check, from facts to a [`Finding`];
//! - [`render`]: the page for people.

mod check;
pub mod gather;
pub mod machine;
pub mod render;
#[cfg(test)]
mod tests;

use serde::Serialize;

use machine::Machine;

/// Version of the JSON object.
const SCHEMA: u32 = 1;

/// What a person wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The demonstration, on this machine itself
    Demo,
    /// Training and evaluation, on this machine itself
    Train,
    /// The same in a container: `--engine docker`
    Docker,
    /// Feature extraction by the original's program, in its image
    Extract,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Demo, Self::Train, Self::Docker, Self::Extract];

    /// As it stands on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Train => "train",
            Self::Docker => "docker",
            Self::Extract => "extract",
        }
    }
}

/// What a check came to, for what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Fine,
    /// Not as it should be: something that was asked for works worse by it.
    Advice,
    /// Something that was asked for cannot work.
    Wrong,
    /// Not looked at, since something else must be there first.
    Untried,
}

/// What is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What cannot work because of it.
    pub stops: Vec<Purpose>,
    /// What works worse because of it.
    pub hinders: Vec<Purpose>,
    /// What mends it, in words.
    pub advice: String,
    /// Commands that mend it, in order.
    pub commands: Vec<String>,
}

/// Whether a thing is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Fine,
    /// It is not.
    Trouble(Trouble),
    /// It was not looked at.
    Untried,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub name: &'static str,
    /// What is there, in a line.
    pub found: String,
    /// Whether that is as it should be.
    pub outcome: Outcome,
}

impl Finding {
    fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), outcome: Outcome::Fine }
    }

    fn untried(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), outcome: Outcome::Untried }
    }

    /// Something that is not as it should be, with what cannot work because of it.
    fn trouble(name: &'static str, found: impl Into<String>, stops: &[Purpose], advice: impl Into<String>) -> Self {
        let trouble = Trouble { stops: stops.to_vec(), advice: advice.into(), ..Trouble::default() };
        Self { name, found: found.into(), outcome: Outcome::Trouble(trouble) }
    }

    /// Something with which everything works, but some things worse.
    fn hindrance(name: &'static str, found: impl Into<String>, hinders: &[Purpose], advice: impl Into<String>) -> Self {
        let trouble = Trouble { hinders: hinders.to_vec(), advice: advice.into(), ..Trouble::default() };
        Self { name, found: found.into(), outcome: Outcome::Trouble(trouble) }
    }

    /// Adds commands that mend it.
    fn run<S: Into<String>>(mut self, commands: impl IntoIterator<Item = S>) -> Self {
        if let Outcome::Trouble(trouble) = &mut self.outcome {
            trouble.commands.extend(commands.into_iter().map(Into::into));
        }
        self
    }

    fn stops(&self) -> &[Purpose] {
        match &self.outcome {
            Outcome::Trouble(trouble) => &trouble.stops,
            _ => &[],
        }
    }

    /// What is not as it should be, where that concerns what was asked.
    pub fn matters(&self, asked: &[Purpose]) -> Option<&Trouble> {
        match &self.outcome {
            Outcome::Trouble(trouble) if matches!(self.state(asked), State::Wrong | State::Advice) => Some(trouble),
            _ => None,
        }
    }

    /// What it means for what was asked.
    pub fn state(&self, asked: &[Purpose]) -> State {
        let any = |of: &[Purpose]| of.iter().any(|purpose| asked.contains(purpose));
        match &self.outcome {
            Outcome::Untried => State::Untried,
            Outcome::Trouble(trouble) if any(&trouble.stops) => State::Wrong,
            Outcome::Trouble(trouble) if any(&trouble.hinders) => State::Advice,
            Outcome::Fine | Outcome::Trouble(_) => State::Fine,
        }
    }
}

/// Everything that was found, for what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was asked.
    pub asked: Vec<Purpose>,
    /// Groups with their findings.
    pub groups: Vec<(&'static str, Vec<Finding>)>,
}

impl Report {
    /// The checks that matter for what is asked.
    pub fn of(machine: &Machine, asked: &[Purpose]) -> Self {
        let wanted = |purposes: &[Purpose]| purposes.iter().any(|purpose| asked.contains(purpose));
        let groups = check::GROUPS.iter().map(|(name, checks)| {
            let checks = checks.iter().filter(|(purposes, _)| wanted(purposes));
            (*name, checks.map(|(_, check)| check(machine)).collect::<Vec<Finding>>())
        });
        Self { asked: asked.to_vec(), groups: groups.filter(|(_, findings)| !findings.is_empty()).collect() }
    }

    /// Names of the checks by which something cannot work; empty where it can.
    pub fn stops(&self, purpose: Purpose) -> Vec<&'static str> {
        let findings = self.groups.iter().flat_map(|(_, findings)| findings);
        findings.filter(|finding| finding.stops().contains(&purpose)).map(|finding| finding.name).collect()
    }

    /// Whether everything that was asked for can work.
    pub fn is_ready(&self) -> bool {
        self.asked.iter().all(|purpose| self.stops(*purpose).is_empty())
    }

    /// For scripts: `schema`, `program`, `commit`, `ready` (per purpose whether, and the checks that stop it), and `checks`,
    /// each with `group`, `name`, `state`, `found`, and where something is not as it should be `stops`, `hinders`, `advice` and
    /// `commands`.
    pub fn json(&self) -> serde_json::Value {
        let checks = self.groups.iter().flat_map(|(group, findings)| {
            findings.iter().map(move |finding| {
                let mut check = serde_json::json!({
                    "group": group, "name": finding.name, "state": finding.state(&self.asked), "found": finding.found,
                });
                if let Some(Trouble { stops, hinders, advice, commands }) = finding.matters(&self.asked) {
                    check["stops"] = serde_json::json!(stops);
                    check["hinders"] = serde_json::json!(hinders);
                    check["advice"] = serde_json::json!(advice);
                    check["commands"] = serde_json::json!(commands);
                }
                check
            })
        });
        let ready = self.asked.iter().map(|purpose| {
            let stopped_by = self.stops(*purpose);
            (purpose.name(), serde_json::json!({ "ready": stopped_by.is_empty(), "stopped_by": stopped_by }))
        });
        serde_json::json!({
            "schema": SCHEMA,
            "program": env!("CARGO_PKG_VERSION"),
            "commit": base::versions::commit(),
            "ready": ready.collect::<std::collections::BTreeMap<_, _>>(),
            "checks": checks.collect::<Vec<_>>(),
        })
    }
}
