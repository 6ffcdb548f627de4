//! Fingerprints: of texts, and of the files that a cell reads.

use crate::error::Error;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

/// SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of a file, or of the names and contents of the files of a folder; `None` where nothing has that path.
pub(crate) fn of_path(path: &Path) -> Result<Option<String>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    add(path, &mut hash)?;
    Ok(Some(hexadecimal(&hash.finalize())))
}

fn add(path: &Path, hash: &mut Sha256) -> Result<(), Error> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(Error::io(path, "list the files of it"))?;
        let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut entries = entries.map_err(Error::io(path, "list the files of it"))?;
        entries.sort_unstable();
        for entry in entries.iter().filter(|entry| entry.is_file()) {
            hash.update(entry.file_name().unwrap_or_default().as_encoded_bytes());
            hash.update([0]);
            add(entry, hash)?;
        }
        return Ok(());
    }
    let mut file = std::fs::File::open(path).map_err(Error::io(path, "open for reading"))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(path, "read"))?;
        if read == 0 {
            return Ok(());
        }
        hash.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_folder_is_its_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a", "1");
        write("b", "2");
        let before = of_path(folder.path()).unwrap();
        write("b", "3");
        let content = of_path(folder.path()).unwrap();
        std::fs::rename(folder.path().join("b"), folder.path().join("c")).unwrap();
        let name = of_path(folder.path()).unwrap();
        assert!(before != content && content != name && before.is_some());
        assert_eq!(of_path(&folder.path().join("none")).unwrap(), None);
    }
}
