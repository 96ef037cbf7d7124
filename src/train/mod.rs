//! BertAdam, schedules, the training loop.
