//! Unusual machines and folders: file systems without locks, pipes and devices in the place of files, links where the program writes,
//! a full stdout, and container engines that fail to pull.

/// Container engines that fail.
mod engines;
/// File systems without locks.
mod locks;
/// Shared helpers.
mod machine;
/// Output that cannot be written, and empty variables.
mod output;
/// Pipes, devices and links.
mod special_files;
