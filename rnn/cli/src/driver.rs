//! The driver beside exported programs: replaced if it is ours, kept if it was edited.

use rnn::data::Digest;
use rnn_export::DRIVER;
use std::path::Path;

const SEAL: &str = "# as rnn export wrote it: ";

/// The last line, which identifies an unedited driver of any version.
fn seal(text: &str) -> String {
    format!("{SEAL}{}\n", Digest::default().text(text).hex())
}

fn is_ours(file: &str) -> bool {
    file.rfind(SEAL).is_some_and(|place| seal(&file[..place]) == file[place..])
}

/// Writes this version's driver into a folder, unless the one there is not ours.
#[allow(clippy::disallowed_methods)] // what is replaced is what an export wrote
pub fn write(folder: &Path) -> Result<(), String> {
    let path = folder.join("run_step.py");
    let text = format!("{DRIVER}{}", seal(DRIVER));
    let old = path.exists().then(|| std::fs::read_to_string(&path).unwrap_or_default());
    if old.is_some_and(|old| !is_ours(&old)) {
        super::say(&format!(
            "`{}` is kept as it is: it was changed, or is of another version, and may not run this version's programs; \
             move it away to have this version's",
            path.display()
        ));
        return Ok(());
    }
    std::fs::write(&path, text).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
