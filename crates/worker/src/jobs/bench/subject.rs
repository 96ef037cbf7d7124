//! What is measured: generated data and a random model.

use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use lxmert::model::TaskModel;
use lxmert_spec::Config;
use lxmert_spec::paper::SEED;
use measure::Repeats;
use protocol::{GeneratedSizes, Rounds};
use trainings::examples::PreparedSplit;

use super::questions::{self, Asked};
use crate::jobs::work::Work;

/// Generated data and a random model.
pub(crate) struct Subject {
    /// The model.
    pub model: TaskModel,
    /// The data.
    pub questions: PreparedSplit,
    // Holds the feature store's file.
    _folder: TemporaryFolder,
}

impl Subject {
    /// Generates them, and says how large the model is.
    ///
    /// # Errors
    /// Where the data cannot be written.
    pub(crate) fn new(config: &Config, sizes: &GeneratedSizes, asked: Vec<Asked>, work: &Work) -> Result<Self> {
        let folder = TemporaryFolder::new(None)
            .map_err(|error| Error::infra("cannot create a temporary folder").because(error))?;
        let questions = questions::questions(asked, sizes, folder.path())?;
        tch::manual_seed(SEED as i64);
        let model = TaskModel::new(config, 1, sizes.answers, work.device)?;
        work.emitter.said(format_args!("{} parameters, random", model.parameters().count()));
        Ok(Self { model, questions, _folder: folder })
    }
}

/// How often to measure.
///
/// # Errors
/// Usage for nothing, or more often than anyone waits for.
pub(crate) fn repeats(rounds: Rounds) -> Result<Repeats> {
    Repeats { warmup: rounds.warmup, steps: rounds.steps }.check()
}

/// Threads of the arithmetic.
pub(crate) fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}
