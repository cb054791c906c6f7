//! The `loadforge` program. All it does is in the library, so that scenarios written in Rust can offer the same
//! command line.

fn main() -> std::process::ExitCode {
    loadforge::command_line()
}
