//! Finds values that repeat although a detector's would not.

/// Fewest boxes that cannot all be alike by chance. Two boxes of a small image can round to the same cells of the
/// network's grid, which is 16 pixels wide.
pub(super) const FEWEST_ALIKE: usize = 3;

/// Returns whether every group of `each` values equals the first one.
pub(super) fn all_alike(values: &[f32], each: usize) -> bool {
    let mut groups = values.chunks_exact(each);
    groups.next().is_some_and(|first| groups.all(|group| group == first))
}
