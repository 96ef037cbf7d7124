//! VQA, GQA, NLVR2 and pre-training data: read, filter, tokenise; answer tables; evaluators and submission files.

pub mod answers;
pub mod pretrain;
pub mod tokenizer;
