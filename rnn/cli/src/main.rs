//! The program `rnn`: see, check and train recurrent nets.

use std::process::ExitCode;

fn main() -> ExitCode {
    rnn_cli::main()
}
