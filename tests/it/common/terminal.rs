//! Runs a program in a terminal: reads what it shows, and presses Ctrl-C.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The controlling side of a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    shown: std::thread::JoinHandle<String>,
}

impl Terminal {
    /// Starts a program in a new terminal.
    pub(crate) fn start(command: &mut Command) -> (Self, Child) {
        Self::start_with(command, 80)
    }

    /// Like [`Self::start`], with the number of columns.
    pub(crate) fn start_with(command: &mut Command, columns: u16) -> (Self, Child) {
        let size = libc::winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut ours, mut theirs) = (0, 0);
        // SAFETY: two places for descriptors, and a size.
        let opened = unsafe { libc::openpty(&mut ours, &mut theirs, std::ptr::null_mut(), std::ptr::null(), &size) };
        assert_eq!(opened, 0, "no terminal: {}", std::io::Error::last_os_error());
        // SAFETY: both were just opened, and are nobody else's.
        let (keyboard, theirs) = unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
        // SAFETY: the descriptor is open; a child must not keep the person's side.
        unsafe { libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC) };
        let lead = || {
            // SAFETY: both calls are allowed between fork and exec; 0 is the terminal by then.
            match unsafe { libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 } {
                true => Ok(()),
                false => Err(std::io::Error::last_os_error()),
            }
        };
        let stdio = || Stdio::from(theirs.try_clone().unwrap());
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        // SAFETY: see `lead`.
        let child = unsafe { command.pre_exec(lead) }.spawn().unwrap();
        // The command keeps copies of the other side: with them the end would never come.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        drop(theirs);
        let mut screen = keyboard.try_clone().unwrap();
        let shown = std::thread::spawn(move || {
            let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
            // Ends with an error once nobody has the other side.
            while let Ok(read @ 1..) = screen.read(&mut buffer) {
                shown.extend_from_slice(&buffer[..read]);
            }
            String::from_utf8_lossy(&shown).into_owned()
        });
        (Self { keyboard, shown }, child)
    }

    /// Presses Ctrl-C.
    pub(crate) fn ctrl_c(&mut self) {
        self.keyboard.write_all(b"\x03").unwrap();
    }

    /// Types bytes, which include the end of the line.
    pub(crate) fn type_in(&mut self, line: &[u8]) {
        self.keyboard.write_all(line).unwrap();
    }

    /// Returns everything shown until the program and its children have ended.
    pub(crate) fn shown(self) -> String {
        self.shown.join().unwrap()
    }
}
