//! The `rasline` command.

fn main() -> std::process::ExitCode {
    rasline::cli::main(rasline::daemon::run)
}
