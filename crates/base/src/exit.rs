//! Exit codes of the program: a documented constant for each class of outcome, so that scripts can tell them apart.

use crate::error::{Error, Kind};

/// Declares each class once: a constant, and its row in [`TABLE`].
macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $meaning:literal;)*) => {
        $($(#[$doc])* pub const $name: u8 = $code;)*

        /// Name, code and meaning of every class, in the order `--help` prints them.
        pub const TABLE: [(&str, u8, &str); [$($code),*].len()] = [$((stringify!($name), $name, $meaning)),*];
    };
}

classes! {
    /// Everything asked for was done; every verdict is PASS.
    PASS = 0, "done; every verdict is PASS";
    /// At least one verdict is FAIL: the result was obtained and differs from its golden value.
    FAIL = 1, "a verdict is FAIL";
    /// The command line is wrong.
    USAGE = 2, "the command line is wrong";
    /// No FAIL, but at least one verdict is INCONCLUSIVE: the evidence is too thin to say.
    INCONCLUSIVE = 3, "no FAIL, but the evidence for a verdict is too thin";
    /// The machine could not run it (permission, container engine, GPU).
    INFRA = 4, "the machine could not run it";
    /// An input file is missing, damaged or contradicts another one.
    DATA = 5, "an input file is missing, damaged or contradictory";
    /// No source of a file could be reached, or none has it.
    NETWORK = 6, "no source of a file could be reached, or none has it";
    /// A file is not the one that it should be: checksum or size differ.
    CHECKSUM = 7, "a file's checksum or size is not what it should be";
    /// There is not enough room on the disk.
    DISK = 8, "there is not enough room on the disk";
    /// The program itself is wrong; please report it.
    BUG = 70, "the program itself is wrong";
    /// Ctrl-C, SIGTERM, SIGHUP or SIGUSR1; containers were stopped and removed, a training wrote a snapshot.
    INTERRUPTED = 130, "stopped by Ctrl-C, SIGTERM or SIGUSR1";
}

/// Returns the name of an exit code, as in [`TABLE`]; `None` for a number that is no exit code of this program.
pub fn name(code: u8) -> Option<&'static str> {
    TABLE.iter().find(|(_, known, _)| *known == code).map(|(name, ..)| *name)
}

/// Returns the name of an error's class, as in [`TABLE`].
pub fn class(error: &Error) -> &'static str {
    name(code(error)).unwrap_or("BUG")
}

/// Returns the exit code of an error.
pub fn code(error: &Error) -> u8 {
    match error.kind() {
        Kind::Usage => USAGE,
        Kind::Data => DATA,
        Kind::Infra => INFRA,
        Kind::Network => NETWORK,
        Kind::Checksum => CHECKSUM,
        Kind::Disk => DISK,
        Kind::Interrupted => INTERRUPTED,
        Kind::Bug => BUG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_name() {
        let codes: std::collections::BTreeSet<u8> = TABLE.iter().map(|(_, code, _)| *code).collect();
        assert_eq!((codes.len(), name(PASS), name(9)), (TABLE.len(), Some("PASS"), None));
        assert_eq!(class(&Error::disk("full")), "DISK");
    }
}
