//! The model, its gradients and its optimiser against results of the original, tolerances from the fixtures' README.

mod compare;
mod formula;
mod full;
mod tiny;
mod trajectories;
mod wrong_folder;
