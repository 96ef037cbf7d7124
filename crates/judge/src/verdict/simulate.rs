//! Draws normal numbers from a seed, to try a rule on simulated runs.

use std::f64::consts::PI;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const STEP: f64 = 1.0 / (1u64 << 53) as f64;

/// A stream of normal draws, fixed by this description and not by the version of a crate.
///
/// The words are ChaCha8's (Bernstein, *ChaCha, a variant of Salsa20*, 2008) with a 64-bit block counter from 0, the key is the
/// seed's eight bytes, least first, then zeros, and the nonce is the stream. Two words, the lower half first, make an integer
/// k of 64 bits. Box and Muller's transform (Ann. Math. Stat. 29, 1958) makes two draws of two such integers: with
/// u = (floor(k₁/2¹¹) + 1)/2⁵³ and v = floor(k₂/2¹¹)/2⁵³ they are sqrt(-2 ln u) · cos(2πv) and sqrt(-2 ln u) · sin(2πv).
#[derive(Debug, Clone)]
pub struct Draws {
    words: ChaCha8Rng,
    spare: Option<f64>,
}

impl Draws {
    /// Returns the draws of a seed. Streams of one seed are independent, so that another trial does not change the existing ones.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut words = ChaCha8Rng::from_seed(key);
        words.set_stream(stream);
        Self { words, spare: None }
    }

    /// Returns the next draw of the normal distribution with this mean and standard deviation.
    pub fn normal(&mut self, mean: f64, sd: f64) -> f64 {
        mean + sd * self.spare.take().unwrap_or_else(|| self.pair())
    }

    /// Returns whether an event of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Returns a uniform draw from [0, 1), a multiple of 2⁻⁵³.
    fn uniform(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 * STEP
    }

    /// Returns a standard normal draw and keeps the other one of its pair.
    fn pair(&mut self) -> f64 {
        let u = self.uniform() + STEP;
        let v = self.uniform();
        let radius = (-2.0 * u.ln()).sqrt();
        let (sine, cosine) = (2.0 * PI * v).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}

#[cfg(test)]
mod tests {
    use super::super::statistics::{mean, normal_quantile, sample_sd};
    use super::*;

    fn standard(seed: u64, stream: u64, n: usize) -> Vec<f64> {
        let mut draws = Draws::new(seed, stream);
        (0..n).map(|_| draws.normal(0.0, 1.0)).collect()
    }

    /// Against another ChaCha8 and transform, those of `tests/fixtures/statistics/generate.py`.
    #[test]
    fn the_stream_is_the_specified_one() {
        let known: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/statistics/known.json")).unwrap();
        for case in known["normal_draws"].as_array().unwrap() {
            let expected: Vec<f64> = serde_json::from_value(case["draws"].clone()).unwrap();
            let got = standard(case["seed"].as_u64().unwrap(), case["stream"].as_u64().unwrap(), expected.len());
            for (got, expected) in got.iter().zip(&expected) {
                // Mathematical libraries may differ in the last bits of a logarithm, a sine or a cosine.
                assert!((got - expected).abs() < 1e-14, "{case}: {got}");
            }
        }
        assert!((standard(1, 0, 1)[0] - (-0.3867112863449485)).abs() < 1e-14, "{}", standard(1, 0, 1)[0]);
    }

    /// Five standard errors around each moment of the standard normal distribution.
    #[test]
    fn draws_have_the_moments_of_a_normal_distribution() {
        let n = 200_000;
        let draws = standard(7, 3, n);
        let moment = |k: i32| mean(&draws.iter().map(|x| x.powi(k)).collect::<Vec<_>>()).unwrap();
        // The variance of x^k is E x^2k - (E x^k)^2.
        for (k, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = f64::sqrt(variance / n as f64);
            assert!((moment(k) - expected).abs() < 5.0 * error, "moment {k}: {}", moment(k));
        }
        let outside = draws.iter().filter(|x| x.abs() > normal_quantile(0.975)).count() as f64 / n as f64;
        assert!((outside - 0.05).abs() < 5.0 * f64::sqrt(0.05 * 0.95 / n as f64), "{outside}");
    }

    #[test]
    fn mean_and_spread_are_those_asked_for() {
        let mut draws = Draws::new(5, 0);
        let values: Vec<f64> = (0..10_000).map(|_| draws.normal(70.0, 0.3)).collect();
        assert!((mean(&values).unwrap() - 70.0).abs() < 5.0 * 0.003);
        assert!((sample_sd(&values).unwrap() / 0.3 - 1.0).abs() < 0.05);
    }

    #[test]
    fn seeds_and_streams_are_apart() {
        assert_eq!(standard(1, 2, 9), standard(1, 2, 9));
        assert_ne!(standard(1, 2, 9), standard(2, 2, 9));
        assert_ne!(standard(1, 2, 9), standard(1, 3, 9));
    }
}
