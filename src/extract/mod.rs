//! What turns images into obj36 features.
