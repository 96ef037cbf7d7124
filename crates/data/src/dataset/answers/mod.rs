//! Answers as numbers: the label tables of VQA and GQA, and the table of pre-training answers that connects them.

mod table;
#[cfg(test)]
mod tests;

pub use table::{
    AnswerTable, Coverage, GQA_COVERAGE, LabelTable, RELEASED_ANSWERS, SoftLabel, VQA_COVERAGE, convert_ans,
    parse_qa_sets,
};
