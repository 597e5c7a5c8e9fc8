//! The binary: parses the command line, runs the command, and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    costwarden::cli::main()
}
