//! Lists the cell files, so that every file in the folders is a cell with a name.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let cells = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("cells");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default());
    fs::write(out.join("shipped.rs"), list(&cells)?)?;
    fs::write(out.join("literature.rs"), list(&cells.join("literature"))?)
}

/// The files of a folder, as a list of `Shipped`.
fn list(folder: &Path) -> io::Result<String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cell"));
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // Writing to a string cannot fail.
        let _ = writeln!(
            list,
            "    Shipped {{ name: {name:?}, text: include_str!({:?}) }},",
            path.to_string_lossy()
        );
    }
    list.push_str("]\n");
    Ok(list)
}
