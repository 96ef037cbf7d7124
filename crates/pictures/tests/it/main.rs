//! Tests of decoding, against OpenCV's pixels and with files as nobody should send them.

mod butd; // the fixtures of the original extractor
mod cuts; // files that end early
mod mutations; // files with random damage
mod opencv; // small files whose pixels OpenCV gave, in tests/fixtures/opencv
mod pixels; // what becomes of a few pixels, said in full
mod refusals; // what is refused, and with which words
