//! Names of the stages of `repro all` whose folders hold evidence, shared by the plan and by those who read runs.

use data::dataset::Task;

/// Returns the name of the stage that trains a task.
pub fn train_stage(task: Task) -> String {
    format!("train-{task}")
}

/// Returns the name of the stage that evaluates a task.
pub fn evaluate_stage(task: Task) -> String {
    format!("evaluate-{task}")
}
