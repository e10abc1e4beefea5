//! Writes the checkpoint that tests/data/checkpoints/NAME.json describes into a directory, for the tests in C:
//! `cargo run -p nimbert-test-support --bin seeded NAME DIRECTORY`.

use std::{env, fs, process::ExitCode};

use nimbert_test_support::checkpoint::Spec;

fn main() -> ExitCode {
    let [_, name, directory] = &env::args().collect::<Vec<_>>()[..] else {
        eprintln!("usage: seeded NAME DIRECTORY");
        return ExitCode::from(2);
    };
    if let Err(error) = fs::create_dir_all(directory) {
        eprintln!("seeded: {directory}: {error}");
        return ExitCode::FAILURE;
    }
    Spec::read(name).write(directory.as_ref());
    ExitCode::SUCCESS
}
