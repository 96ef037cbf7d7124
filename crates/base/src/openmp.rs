//! How the threads of the arithmetic wait for each other.

/// How often a waiting thread of libgomp, which libtorch uses, looks again before it sleeps. Read when the library is loaded,
/// before `main`.
pub const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "1000");
/// With either of these a person chooses otherwise.
pub const CHOICES: [&str; 2] = [SPINS.0, "OMP_WAIT_POLICY"];

/// Makes waiting threads sleep soon where the person has not chosen otherwise, by starting the program over in its place
/// with `GOMP_SPINCOUNT=1000`.
///
/// By default they spin for milliseconds at each of the hundreds of barriers of a step. Where another process wants the
/// same cores, the spinning thread keeps the one it waits for from running: with one busy neighbour on two cores a step
/// of a tiny model took 3500 ms; with 1000 looks it took 43 ms, and no longer than before where the cores were free.
/// Results do not depend on it.
pub fn do_not_spin() {
    use std::os::unix::process::CommandExt;
    if CHOICES.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Comes back only where it failed; then the work is done as it is, perhaps slower.
    let _ = again.args(arguments).env(SPINS.0, SPINS.1).exec();
}
