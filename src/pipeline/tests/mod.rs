//! Tests of the engine with toy stages: `draw` writes two files, `count` uses one of them, `train` uses both and an input file.

mod always;
mod fails;
mod plans;
mod recorded;
mod resumes;
