//! Findings: what a check found, and for which purposes it matters.

use serde::Serialize;

/// What the machine is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The demonstration, on this machine itself
    Demo,
    /// Training and evaluation, on this machine itself
    Train,
    /// The same in a container: `--engine docker`
    Docker,
    /// Feature extraction, natively or by the original's program in its image
    Extract,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::Demo, Self::Train, Self::Docker, Self::Extract];

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Train => "train",
            Self::Docker => "docker",
            Self::Extract => "extract",
        }
    }
}

/// Purposes that compute on this machine itself; a container has a worker of its own.
pub(crate) const COMPUTING_HERE: &[Purpose] = &[Purpose::Demo, Purpose::Train, Purpose::Extract];

/// The state of a finding for the requested purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// No problem.
    Fine,
    /// A requested purpose works, but worse.
    Advice,
    /// A requested purpose cannot work.
    Wrong,
    /// Not checked, because something else is missing.
    Untried,
}

/// A problem that a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// Purposes that cannot work because of it.
    pub stops: Vec<Purpose>,
    /// Purposes that work worse because of it.
    pub hinders: Vec<Purpose>,
    /// How to fix it.
    pub advice: String,
    /// Commands that fix it, in order.
    pub commands: Vec<String>,
}

/// The outcome of a check, independent of purposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingOutcome {
    /// No problem.
    Fine,
    /// A problem.
    Problem(Problem),
    /// Not checked.
    Untried {
        /// Commands that make it known, in order.
        commands: Vec<String>,
    },
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Name of the check.
    pub name: &'static str,
    /// What was found, in a line.
    pub found: String,
    /// Whether that is a problem.
    pub outcome: FindingOutcome,
}

impl Finding {
    pub(super) fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), outcome: FindingOutcome::Fine }
    }

    pub(super) fn untried(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), outcome: FindingOutcome::Untried { commands: Vec::new() } }
    }

    /// Creates a finding that stops purposes.
    pub(super) fn problem(
        name: &'static str,
        found: impl Into<String>,
        stops: &[Purpose],
        advice: impl Into<String>,
    ) -> Self {
        let problem = Problem { stops: stops.to_vec(), advice: advice.into(), ..Problem::default() };
        Self { name, found: found.into(), outcome: FindingOutcome::Problem(problem) }
    }

    /// Creates a finding that hinders purposes without stopping them.
    pub(super) fn limitation(
        name: &'static str,
        found: impl Into<String>,
        hinders: &[Purpose],
        advice: impl Into<String>,
    ) -> Self {
        let problem = Problem { hinders: hinders.to_vec(), advice: advice.into(), ..Problem::default() };
        Self { name, found: found.into(), outcome: FindingOutcome::Problem(problem) }
    }

    /// Adds purposes that it hinders without stopping them.
    pub(super) fn hindering(mut self, purposes: &[Purpose]) -> Self {
        if let FindingOutcome::Problem(problem) = &mut self.outcome {
            problem.hinders.extend(purposes);
        }
        self
    }

    /// Removes a purpose from those that cannot work because of it.
    pub(super) fn not_stopping(mut self, purpose: Purpose) -> Self {
        if let FindingOutcome::Problem(problem) = &mut self.outcome {
            problem.stops.retain(|stopped| *stopped != purpose);
        }
        self
    }

    /// Adds commands that fix it, or make known what was not checked.
    pub(super) fn run<S: Into<String>>(mut self, added: impl IntoIterator<Item = S>) -> Self {
        if let FindingOutcome::Problem(Problem { commands, .. }) | FindingOutcome::Untried { commands } =
            &mut self.outcome
        {
            commands.extend(added.into_iter().map(Into::into));
        }
        self
    }

    /// Returns its commands if it matters for a requested purpose, or was not checked.
    pub fn commands(&self, asked: &[Purpose]) -> &[String] {
        match &self.outcome {
            FindingOutcome::Untried { commands } => commands,
            _ => self.matters(asked).map_or(&[], |problem| &problem.commands),
        }
    }

    pub(super) fn stops(&self) -> &[Purpose] {
        match &self.outcome {
            FindingOutcome::Problem(problem) => &problem.stops,
            _ => &[],
        }
    }

    /// Returns the problem if it matters for a requested purpose.
    pub fn matters(&self, asked: &[Purpose]) -> Option<&Problem> {
        match &self.outcome {
            FindingOutcome::Problem(problem)
                if matches!(self.state(asked), FindingState::Wrong | FindingState::Advice) =>
            {
                Some(problem)
            }
            _ => None,
        }
    }

    /// Returns its state for the requested purposes.
    pub fn state(&self, asked: &[Purpose]) -> FindingState {
        let any = |of: &[Purpose]| of.iter().any(|purpose| asked.contains(purpose));
        match &self.outcome {
            FindingOutcome::Untried { .. } => FindingState::Untried,
            FindingOutcome::Problem(problem) if any(&problem.stops) => FindingState::Wrong,
            FindingOutcome::Problem(problem) if any(&problem.hinders) => FindingState::Advice,
            FindingOutcome::Fine | FindingOutcome::Problem(_) => FindingState::Fine,
        }
    }
}
