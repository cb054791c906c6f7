//! The program as people use it: real processes, real sockets, real signals. One test binary, so that it is linked once.
//! `running.rs` starts programs and `servers.rs` targets; every wait in them is bounded and every child is ended by its id.

mod bad_input;
mod commands;
mod compare;
mod dashboard;
mod data;
mod deaths;
mod doors;
mod exit_codes;
mod formats;
mod guide;
mod hostile;
mod import;
mod loads;
mod open_model;
mod permission;
mod pipelines;
mod rehearsals;
mod resources;
mod running;
mod runs;
mod rust_scenarios;
mod selftest;
mod servers;
mod signal_table;
mod signals;
mod truth_server;
