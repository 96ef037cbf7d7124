//! How the threads of the arithmetic wait for each other.

/// How often a waiting thread of libgomp, which libtorch uses, looks again before it sleeps: what a worker is started with where
/// the person has not chosen otherwise. The library reads it when it is loaded, before `main`.
///
/// By default threads spin for milliseconds at each of the hundreds of barriers of a step. Where another process wants the
/// same cores, the spinning thread keeps the one it waits for from running: with one busy neighbour on two cores a step
/// of a tiny model took 3500 ms; with 1000 looks it took 43 ms, and no longer than before where the cores were free.
/// Results do not depend on it.
pub const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "1000");
/// With either of these a person chooses otherwise.
pub const CHOICES: [&str; 2] = [SPINS.0, "OMP_WAIT_POLICY"];

/// What a program that computes is started with: nothing where the person has chosen.
pub fn to_set() -> Option<(&'static str, &'static str)> {
    let chosen = CHOICES.iter().any(|name| std::env::var_os(name).is_some());
    (!chosen).then_some(SPINS)
}
