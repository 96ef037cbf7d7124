//! How the threads of the arithmetic wait for each other.

/// The variable that OpenMP runtimes read when they are loaded, before `main`.
const POLICY: &str = "OMP_WAIT_POLICY";

/// Makes waiting threads sleep where the person has not chosen otherwise, by starting the program over in its place with
/// `OMP_WAIT_POLICY=passive`.
///
/// By default they spin for milliseconds at each of the thousands of barriers of a step. Where another process wants the
/// same cores, the spinning thread keeps the one it waits for from running: with one busy neighbour on two cores a step of
/// a small model took 3.5 s instead of 0.02 s. Results do not depend on it.
pub fn sleep_while_waiting() {
    use std::os::unix::process::CommandExt;
    if [POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME"].iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Comes back only where it failed; then the work is done as it is, perhaps slower.
    let _ = again.args(arguments).env(POLICY, "passive").exec();
}
