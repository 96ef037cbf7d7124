//! The engine with toy stages: `draw` writes two files, `count` uses one of them, `train` uses all and a file from outside.

mod always;
mod fails;
mod plans;
mod recorded;
mod resumes;
