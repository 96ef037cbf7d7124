//! The subject of a measurement: generated data and a random model.

use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use lxmert::model::TaskModel;
use lxmert_spec::Config;
use lxmert_spec::paper::SEED;
use measure::Repeats;
use protocol::{GeneratedSizes, Rounds};
use trainings::examples::PreparedSplit;

use super::questions::{self, Question};
use crate::jobs::job_context::JobContext;

/// Generated data and a random model.
pub(crate) struct Subject {
    pub model: TaskModel,
    pub questions: PreparedSplit,
    // Keeps the file of the feature store.
    _folder: TemporaryFolder,
}

impl Subject {
    /// Generates the data and the model, and reports the number of parameters.
    ///
    /// # Errors
    /// Infra or disk if the data cannot be written.
    pub(crate) fn new(
        config: &Config,
        sizes: &GeneratedSizes,
        questions: Vec<Question>,
        context: &JobContext,
    ) -> Result<Self> {
        let (questions, folder) = generated_data(questions, sizes)?;
        tch::manual_seed(SEED as i64);
        let model = TaskModel::new(config, 1, sizes.answers, context.device)?;
        context.emitter.message(format_args!("{} parameters, random", model.parameters().count()));
        Ok(Self { model, questions, _folder: folder })
    }
}

/// Returns generated data, with the temporary folder that holds their feature store.
///
/// # Errors
/// Infra or disk if the data cannot be written.
pub(crate) fn generated_data(
    questions: Vec<Question>,
    sizes: &GeneratedSizes,
) -> Result<(PreparedSplit, TemporaryFolder)> {
    let folder =
        TemporaryFolder::new(None).map_err(|error| Error::infra("cannot create a temporary folder").because(error))?;
    Ok((questions::prepare(questions, sizes, folder.path())?, folder))
}

/// Returns the checked number of repeats.
///
/// # Errors
/// Usage if no step is measured, or too many.
pub(crate) fn repeats(rounds: Rounds) -> Result<Repeats> {
    Repeats { warmup: rounds.warmup, steps: rounds.steps }.check()
}

/// Returns the number of libtorch's threads.
pub(crate) fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}
