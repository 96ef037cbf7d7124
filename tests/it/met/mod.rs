//! Situations that users met: inputs of other people's tools, interrupted work, unusual machines. One module per kind.

/// All shared cases, each with every command that reads its kind.
mod every_case;
/// Finished runs: never overwritten, never attributed to a different training.
mod finished_runs;
/// Features that no detector gives, and feature files of other programs.
mod foreign_features;
/// Question files and texts from other sources, and contradictory options.
mod foreign_texts;
/// Weights of other programs, and files that are not valid weights.
mod foreign_weights;
/// The network, and files that were downloaded by hand.
mod found_files;
/// What the demo, the reports and the benchmarks claim.
mod honest_pages;
/// Unusual file systems, devices and links, and engines that fail.
mod odd_machines;
/// Signals at any moment, and resuming after them.
mod stopped_runs;
