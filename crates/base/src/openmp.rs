//! The OpenMP settings that a worker is started with. libgomp, which libtorch uses, reads them when it is loaded, before `main`.

/// How often a waiting thread of libgomp polls before it sleeps.
///
/// By default a thread spins for milliseconds at each of the hundreds of barriers of a step. If another process wants the
/// same cores, the spinning thread keeps the thread that it waits for from running. With one busy neighbour on two cores a
/// step of a tiny model took 3500 ms; with 1000 polls it took 43 ms. On idle cores it makes no difference. Results do not
/// depend on it.
pub const SPIN_COUNT: (&str, &str) = ("GOMP_SPINCOUNT", "1000");
/// Variables with which a user overrides the default.
pub const OVERRIDES: [&str; 2] = [SPIN_COUNT.0, "OMP_WAIT_POLICY"];

/// Returns the variable to set for a worker; `None` if the user has set one of [`OVERRIDES`].
pub fn default_env() -> Option<(&'static str, &'static str)> {
    let chosen = OVERRIDES.iter().any(|name| std::env::var_os(name).is_some());
    (!chosen).then_some(SPIN_COUNT)
}
