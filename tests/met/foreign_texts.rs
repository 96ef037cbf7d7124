//! To be filled by the change that brings its tests.
