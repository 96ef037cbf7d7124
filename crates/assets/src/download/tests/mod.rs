//! Every way in which a server can fail: the file is right in the end, or the error says what is wrong.

mod content;
mod faults;
