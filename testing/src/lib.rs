//! Helpers shared by the tests of several crates.

/// Reports that a program to which a test passes its output is missing.
///
/// A test that did nothing must not pass: it fails, unless the environment variable `RNN_SKIP_READERS` requests
/// skipping. `.ci/run` does not set it.
///
/// # Panics
/// Unless skipping is requested.
#[track_caller]
pub fn missing(program: &str, mend: &str) {
    let skip = std::env::var_os("RNN_SKIP_READERS").is_some_and(|value| value != "0");
    assert!(skip, "{program} is missing: {mend}, or set RNN_SKIP_READERS=1 to skip the tests that need it");
    println!("skipped: {program} is missing");
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_missing_program_fails_its_test() {
        if std::env::var_os("RNN_SKIP_READERS").is_none() {
            let outcome = std::panic::catch_unwind(|| super::missing("nothing", "install it"));
            let message = *outcome.unwrap_err().downcast::<String>().unwrap();
            assert!(message.starts_with("nothing is missing: install it"), "{message}");
        }
    }
}
