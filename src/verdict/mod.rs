//! Golden values and the comparison with them.
