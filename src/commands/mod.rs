//! What each command does. Neighbours: `args.rs` says what was typed, the crates below do the work.

pub mod compare;
pub mod dashboard;
pub mod dump;
pub mod echo;
pub mod import;
pub mod init;
pub mod preview;
pub mod rehearse;
pub mod report;
pub mod run;
pub mod selftest;
pub mod validate;
