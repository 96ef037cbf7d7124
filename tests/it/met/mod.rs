//! What users met: inputs of other people's tools, interrupted work, odd machines. One module per kind.

/// Every one of the shared cases, and every command that reads its kind.
mod every_case;
/// Finished runs: never overwritten, never attributed to another training.
mod finished_runs;
/// Features that no detector gives, and other programs' feature files.
mod foreign_features;
/// Question files and texts of other sources, and options that contradict themselves.
mod foreign_texts;
/// Files that other programs wrote as weights, and weights that mean nothing.
mod foreign_weights;
/// The network, and files adopted from elsewhere.
mod found_files;
/// What the demo, the reports and the benchmarks claim.
mod honest_pages;
/// File systems, devices, links, and engines that refuse.
mod odd_machines;
/// Signals at any moment, and what is resumed after them.
mod stopped_runs;
