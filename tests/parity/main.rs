//! Compares the model, its gradients and its optimiser with results of the original. Tolerances are from the fixtures' README.

mod compare;
mod formula;
mod full;
mod tiny;
mod trajectories;
mod wrong_folder;
