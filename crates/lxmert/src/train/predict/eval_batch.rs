//! The batch size of answering, which is halved when a GPU's memory is exhausted.

use std::cell::Cell;

/// A batch size that only shrinks. It is kept for later splits, so that a size that did not fit is not tried again.
#[derive(Debug)]
pub struct EvalBatch {
    wanted: usize,
    size: Cell<usize>,
}

impl EvalBatch {
    /// Creates a batch size of at least 1.
    pub fn new(wanted: usize) -> Self {
        let wanted = wanted.max(1);
        Self { wanted, size: Cell::new(wanted) }
    }

    /// Returns the current size.
    pub fn size(&self) -> usize {
        self.size.get()
    }

    /// Returns the size to which it was halved; `None` if it has the wanted size.
    pub fn halved(&self) -> Option<usize> {
        Some(self.size()).filter(|size| *size < self.wanted)
    }

    /// Returns a line about [`halved`](Self::halved).
    pub fn note(&self) -> Option<String> {
        let (size, wanted) = (self.halved()?, self.wanted);
        Some(format!("{wanted} examples at a time exhausted the device's memory; answered {size} at a time instead"))
    }

    /// Halves the size; returns whether it could become smaller.
    pub(super) fn halve(&self) -> bool {
        let size = self.size.get();
        self.size.set((size / 2).max(1));
        size > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shrinks_to_one() {
        let batch = EvalBatch::new(5);
        assert_eq!((batch.size(), batch.note()), (5, None));
        assert_eq!([batch.halve(), batch.halve(), batch.halve()], [true, true, false]);
        assert!(batch.note().unwrap().starts_with("5 examples at a time") && batch.size() == 1);
    }
}
