//! What a check finds, and what that means for what a person wants to do.

use serde::Serialize;

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

/// What computes on this machine itself; a container has a worker of its own.
pub(crate) const COMPUTING_HERE: &[Purpose] = &[Purpose::Demo, Purpose::Train];

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
    pub(super) fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), outcome: Outcome::Fine }
    }

    pub(super) fn untried(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), outcome: Outcome::Untried }
    }

    /// Something that is not as it should be, with what cannot work because of it.
    pub(super) fn trouble(
        name: &'static str,
        found: impl Into<String>,
        stops: &[Purpose],
        advice: impl Into<String>,
    ) -> Self {
        let trouble = Trouble { stops: stops.to_vec(), advice: advice.into(), ..Trouble::default() };
        Self { name, found: found.into(), outcome: Outcome::Trouble(trouble) }
    }

    /// Something with which everything works, but some things worse.
    pub(super) fn hindrance(
        name: &'static str,
        found: impl Into<String>,
        hinders: &[Purpose],
        advice: impl Into<String>,
    ) -> Self {
        let trouble = Trouble { hinders: hinders.to_vec(), advice: advice.into(), ..Trouble::default() };
        Self { name, found: found.into(), outcome: Outcome::Trouble(trouble) }
    }

    /// Adds commands that mend it.
    pub(super) fn run<S: Into<String>>(mut self, commands: impl IntoIterator<Item = S>) -> Self {
        if let Outcome::Trouble(trouble) = &mut self.outcome {
            trouble.commands.extend(commands.into_iter().map(Into::into));
        }
        self
    }

    pub(super) fn stops(&self) -> &[Purpose] {
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
