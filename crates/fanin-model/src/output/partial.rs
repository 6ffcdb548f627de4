//! [`Partial`]: a file under a temporary name beside its target, locked while it is written, renamed when it is whole.

use crate::error::FileError;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What a half-written file's name ends with. Fixed, so that what a killed run left is found and reused by the next.
const SUFFIX: &str = ".fanin-partial";

/// A file being written. Dropped without [`commit`], it is removed.
#[derive(Debug)]
pub(crate) struct Partial {
    target: PathBuf,
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Partial {
    /// Creates the temporary file for `target`, takes its lock and reserves `len` bytes on the disk.
    ///
    /// The space is reserved before anything is computed, so a disk that is too small is found at once.
    pub(crate) fn create(target: &Path, len: u64, overwrite: bool) -> Result<Partial, FileError> {
        check_target(target, overwrite)?;
        let name = target.file_name().ok_or_else(|| {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it does not end with the name of a file");
            FileError::io(target, "create the output", error)
        })?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(SUFFIX);
        let path = target.with_file_name(hidden);
        let file = lock(&path, target)?;
        let partial = Partial { target: target.into(), path, file, renamed: false };
        partial.reserve(len).map_err(|e| FileError::io(target, format!("reserve {len} bytes"), e))?;
        Ok(partial)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.set_len(len)?;
        if len > 0 { allocate(&self.file, len) } else { Ok(()) }
    }

    /// Writes `bytes` at `offset`; may be called from several threads.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), FileError> {
        write_all_at(&self.file, bytes, offset)
            .map_err(|e| FileError::io(&self.target, format!("write {} bytes at {offset}", bytes.len()), e))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing more can be done about a file that cannot be removed; the next run reuses it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Renames all files to their targets, in order.
///
/// Where a file is replaced, its successor is first forced to the disk, so that not even a power failure can lose both.
/// A new file has no predecessor to lose, and forcing it would only make the run wait for the disk.
pub(crate) fn commit(partials: Vec<Partial>, overwrite: bool) -> Result<(), FileError> {
    for partial in &partials {
        check_target(&partial.target, overwrite)?;
        if partial.target.exists() {
            partial.file.sync_data().map_err(|e| FileError::io(&partial.target, "force it to the disk", e))?;
        }
    }
    for mut partial in partials {
        fs::rename(&partial.path, &partial.target)
            .map_err(|e| FileError::io(&partial.target, "rename the finished file into place", e))?;
        partial.renamed = true;
    }
    Ok(())
}

fn check_target(target: &Path, overwrite: bool) -> Result<(), FileError> {
    match fs::metadata(target) {
        Ok(meta) if !meta.is_file() => {
            let error = io::Error::other("it is a folder or a device, not a file that can be replaced");
            Err(FileError::io(target, "create the output", error))
        }
        Ok(_) if !overwrite => Err(FileError::Exists(target.into())),
        _ => Ok(()),
    }
}

/// Opens (or creates) the temporary file and takes its lock.
fn lock(path: &Path, target: &Path) -> Result<File, FileError> {
    let failed = |e| FileError::io(target, format!("create the temporary file {}", path.display()), e);
    loop {
        // A link here would lead the writing somewhere else.
        if fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_file()) {
            return Err(failed(io::Error::other("something that is not a file stands there; remove it")));
        }
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(FileError::Busy(target.into())),
            // A file system without locks: two runs cannot be told apart there, and one run is the common case.
            Err(fs::TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(fs::TryLockError::Error(e)) => return Err(failed(e)),
        }
        // Between opening and locking, the run that held the lock may have renamed the file: then this handle is its
        // finished output, which must not be touched.
        if still_there(&file, path) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn still_there(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// Reserves the blocks of the file, so that a full disk is an error now and not in the middle.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
fn allocate(file: &File, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, len) {
            Err(Errno::INTR) => {}
            // File systems that cannot reserve: the length is set, and a full disk shows when it is written.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) | Ok(()) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple")))]
fn allocate(_file: &File, _len: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_dropped_file_leaves_nothing_and_a_committed_one_only_itself() {
        let dir = folder();
        let target = dir.path().join("a.bin");
        drop(Partial::create(&target, 10, false).unwrap());
        assert!(names(dir.path()).is_empty());
        let partial = Partial::create(&target, 3, false).unwrap();
        partial.write_at(b"abc", 0).unwrap();
        commit(vec![partial], false).unwrap();
        assert_eq!(names(dir.path()), ["a.bin"]);
        assert_eq!(fs::read(&target).unwrap(), b"abc");
    }

    #[test]
    fn two_runs_cannot_write_the_same_file() {
        let dir = folder();
        let target = dir.path().join("a.bin");
        let first = Partial::create(&target, 3, false).unwrap();
        assert!(matches!(Partial::create(&target, 3, false), Err(FileError::Busy(_))));
        drop(first);
        Partial::create(&target, 3, false).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_reused() {
        let dir = folder();
        let target = dir.path().join("a.bin");
        fs::write(dir.path().join(".a.bin.fanin-partial"), vec![7; 100]).unwrap();
        let partial = Partial::create(&target, 3, false).unwrap();
        commit(vec![partial], false).unwrap();
        assert_eq!(names(dir.path()), ["a.bin"]);
        assert_eq!(fs::read(&target).unwrap(), [0; 3]);
    }

    #[test]
    fn an_existing_file_is_replaced_only_when_asked() {
        let dir = folder();
        let target = dir.path().join("a.bin");
        fs::write(&target, "old").unwrap();
        assert!(matches!(Partial::create(&target, 3, false), Err(FileError::Exists(_))));
        let partial = Partial::create(&target, 3, true).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        commit(vec![partial], true).unwrap();
        assert_eq!(fs::read(&target).unwrap(), [0; 3]);
        // One that appeared while the run was under way is not replaced either.
        let other = dir.path().join("b.bin");
        let partial = Partial::create(&other, 3, false).unwrap();
        fs::write(&other, "new").unwrap();
        assert!(matches!(commit(vec![partial], false), Err(FileError::Exists(_))));
        assert_eq!(names(dir.path()), ["a.bin", "b.bin"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_renamed_while_the_lock_was_awaited_is_not_taken() {
        let dir = folder();
        let (path, target) = (dir.path().join("partial"), dir.path().join("target"));
        let file = File::create(&path).unwrap();
        assert!(still_there(&file, &path));
        fs::rename(&path, &target).unwrap();
        assert!(!still_there(&file, &path), "the name is gone");
        File::create(&path).unwrap();
        assert!(!still_there(&file, &path), "the name is another file's");
    }

    #[cfg(unix)]
    #[test]
    fn neither_devices_nor_links_are_written_through() {
        let dir = folder();
        assert!(Partial::create(Path::new("/dev/null"), 3, true).is_err());
        assert!(Partial::create(dir.path(), 3, true).is_err());
        assert!(Partial::create(Path::new("/"), 3, true).is_err());
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join(".a.bin.fanin-partial")).unwrap();
        assert!(Partial::create(&dir.path().join("a.bin"), 3, false).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}
