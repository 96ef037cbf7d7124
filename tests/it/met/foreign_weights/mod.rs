//! Weights of other programs, weights that are not finite, and files made to harm: each is read correctly or refused with its fault,
//! and no command gives results with wrong weights.

/// Files made to exhaust time or memory.
mod hostile;
/// The layouts of other programs.
mod layouts;
/// Files that are not a checkpoint of this model.
mod no_checkpoint;
/// Weights and scores that are not finite.
mod not_finite;
/// `.pth` files built byte by byte.
mod pickles;
/// A small model with data, and the commands that read weights.
mod world;
