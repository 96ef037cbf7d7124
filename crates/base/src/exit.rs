//! The program's exit codes: a documented constant per class of outcome, so that scripts can tell them apart.

use crate::error::{Error, Kind};

/// Everything asked for was done; every verdict is PASS.
pub const PASS: u8 = 0;
/// At least one verdict is FAIL: the result was obtained and differs from its golden value.
pub const FAIL: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// No FAIL, but at least one verdict is INCONCLUSIVE: the evidence is too thin to say.
pub const INCONCLUSIVE: u8 = 3;
/// The machine could not run it (permission, container engine, GPU).
pub const INFRA: u8 = 4;
/// An input file is missing, damaged or contradicts another one.
pub const DATA: u8 = 5;
/// No source of a file could be reached, or none has it.
pub const NETWORK: u8 = 6;
/// A file is not the one that it should be: checksum or size differ.
pub const CHECKSUM: u8 = 7;
/// There is not enough room on the disk.
pub const DISK: u8 = 8;
/// Ctrl-C, SIGTERM, SIGHUP or SIGUSR1; whatever ran in containers was stopped and removed, a training wrote a snapshot.
pub const INTERRUPTED: u8 = 130;
/// The program itself is wrong; please report it.
pub const BUG: u8 = 70;

/// Name, code and meaning of every class, in the order `--help` prints them.
pub const TABLE: [(&str, u8, &str); 11] = [
    ("PASS", PASS, "done; every verdict is PASS"),
    ("FAIL", FAIL, "a verdict is FAIL"),
    ("USAGE", USAGE, "the command line is wrong"),
    ("INCONCLUSIVE", INCONCLUSIVE, "no FAIL, but the evidence for a verdict is too thin"),
    ("INFRA", INFRA, "the machine could not run it"),
    ("DATA", DATA, "an input file is missing, damaged or contradictory"),
    ("NETWORK", NETWORK, "no source of a file could be reached, or none has it"),
    ("CHECKSUM", CHECKSUM, "a file's checksum or size is not what it should be"),
    ("DISK", DISK, "there is not enough room on the disk"),
    ("BUG", BUG, "the program itself is wrong"),
    ("INTERRUPTED", INTERRUPTED, "stopped by Ctrl-C, SIGTERM or SIGUSR1"),
];

/// The name of an error's class, as in [`TABLE`].
pub fn class(error: &Error) -> &'static str {
    TABLE.iter().find(|(_, code, _)| *code == self::code(error)).map_or("BUG", |(name, ..)| *name)
}

/// The exit code of an error.
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
