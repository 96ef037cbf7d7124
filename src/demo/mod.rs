//! The embedded demonstration: drawn scenes, questions about them, and a classical detector.
