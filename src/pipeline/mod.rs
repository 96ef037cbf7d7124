//! What `repro all` runs: stages, their fingerprints, the journal of a run.
