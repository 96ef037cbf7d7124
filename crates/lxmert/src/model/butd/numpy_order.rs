//! numpy's order of equal values: `argsort()` of numpy before 1.25, whose quicksort is not stable. The original sorts scores by
//! `argsort()[::-1]`, so the order of equal scores decides which boxes survive.
//!
//! Source: numpy 1.23, numpy/core/src/npysort/quicksort.cpp and heapsort.cpp.

/// Up to this distance between the ends, a part is sorted by insertion, which keeps the order of equal values.
const INSERTION: usize = 15;

/// Returns the indices that sort `values` in ascending order, as numpy's `argsort()` does. NaN comes last.
pub fn argsort<T: PartialOrd + Copy>(values: &[T]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    sort(values, &mut order);
    order
}

/// Returns the indices that sort `values` in descending order, as numpy's `argsort()[::-1]` does. Among up to 16 equal values the
/// highest index comes first.
pub fn argsort_descending<T: PartialOrd + Copy>(values: &[T]) -> Vec<usize> {
    let mut order = argsort(values);
    order.reverse();
    order
}

/// Whether `a` sorts before `b`; NaN sorts after every number.
fn less<T: PartialOrd>(a: &T, b: &T) -> bool {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let (a_is_nan, b_is_nan) = (a != a, b != b);
    a < b || (b_is_nan && !a_is_nan)
}

/// A part of the order that remains to be sorted: both ends, inclusive, and how much deeper partitions may nest.
struct Part {
    low: usize,
    high: usize,
    depth: i64,
}

fn sort<T: PartialOrd + Copy>(values: &[T], order: &mut [usize]) {
    if order.len() < 2 {
        return;
    }
    let depth = 2 * i64::from(order.len().ilog2());
    let mut parts = vec![Part { low: 0, high: order.len() - 1, depth }];
    while let Some(Part { mut low, mut high, mut depth }) = parts.pop() {
        if depth < 0 {
            heapsort(values, &mut order[low..=high]);
            continue;
        }
        while high - low > INSERTION {
            let middle = partition(values, order, low, high);
            depth -= 1;
            // The smaller side next: the stack stays short, and the order of equal values depends on it.
            if middle - low < high - middle {
                parts.push(Part { low: middle + 1, high, depth });
                high = middle - 1;
            } else {
                parts.push(Part { low, high: middle - 1, depth });
                low = middle + 1;
            }
        }
        insertion_sort(values, &mut order[low..=high]);
    }
}

/// Moves what is smaller than the median of three before it and what is larger behind it; returns its place, which is neither end.
/// Values that equal it stop both searches and are swapped.
fn partition<T: PartialOrd + Copy>(values: &[T], order: &mut [usize], low: usize, high: usize) -> usize {
    let before = |order: &[usize], a: usize, b: usize| less(&values[order[a]], &values[order[b]]);
    let middle = low + (high - low) / 2;
    for (first, second) in [(low, middle), (middle, high), (low, middle)] {
        if before(order, second, first) {
            order.swap(first, second);
        }
    }
    let pivot = values[order[middle]];
    order.swap(middle, high - 1);
    let (mut i, mut j) = (low, high - 1);
    loop {
        i += 1;
        while less(&values[order[i]], &pivot) {
            i += 1;
        }
        j -= 1;
        while less(&pivot, &values[order[j]]) {
            j -= 1;
        }
        if i >= j {
            break;
        }
        order.swap(i, j);
    }
    order.swap(i, high - 1);
    i
}

fn insertion_sort<T: PartialOrd + Copy>(values: &[T], order: &mut [usize]) {
    for end in 1..order.len() {
        let mut at = end;
        while at > 0 && less(&values[order[at]], &values[order[at - 1]]) {
            order.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn heapsort<T: PartialOrd + Copy>(values: &[T], order: &mut [usize]) {
    for root in (0..order.len() / 2).rev() {
        sift_down(values, order, root);
    }
    for end in (1..order.len()).rev() {
        order.swap(0, end);
        sift_down(values, &mut order[..end], 0);
    }
}

fn sift_down<T: PartialOrd + Copy>(values: &[T], order: &mut [usize], mut root: usize) {
    let before = |order: &[usize], a: usize, b: usize| less(&values[order[a]], &values[order[b]]);
    while 2 * root + 1 < order.len() {
        let mut child = 2 * root + 1;
        if child + 1 < order.len() && before(order, child, child + 1) {
            child += 1;
        }
        if !before(order, root, child) {
            break;
        }
        order.swap(root, child);
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_sixteen_equal_values_keep_their_order() {
        assert_eq!(argsort(&[1.0_f32; 16]), (0..16).collect::<Vec<_>>());
        assert_eq!(argsort_descending(&[0.5_f64, 0.7, 0.5]), [1, 2, 0]);
        assert_ne!(argsort(&[1.0_f32; 17]), (0..17).collect::<Vec<_>>(), "quicksort is not stable");
    }

    #[test]
    fn every_way_sorts() {
        let scrambled: Vec<f32> = (0..1000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 20) as f32).collect();
        let mut heap: Vec<usize> = (0..1000).collect();
        heapsort(&scrambled, &mut heap);
        for order in [argsort(&scrambled), heap] {
            assert!(order.windows(2).all(|pair| scrambled[pair[0]] <= scrambled[pair[1]]));
            let mut indices = order;
            indices.sort_unstable();
            assert_eq!(indices, (0..1000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nan_comes_last_and_no_length_panics() {
        let with_nan = [2.0, f32::NAN, 1.0];
        assert_eq!(argsort(&with_nan), [2, 0, 1]);
        for n in 0..200 {
            assert_eq!(argsort(&vec![f32::NAN; n]).len(), n);
            assert_eq!(argsort(&(0..n).rev().map(|v| v as f32).collect::<Vec<_>>()), (0..n).rev().collect::<Vec<_>>());
        }
    }
}
