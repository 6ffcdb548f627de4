//! A disk that is too small, and a run that is killed in the middle: the old file stays, and nothing else does.
#![cfg(unix)]

mod drawn;

use drawn::{Drawn, Want, listing};
use fanin::Dtype;
use fanin_model::{Change, FileError, Fill, Values, WriteOptions, open};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A file with one tensor of `len` floats.
fn source(path: &Path, len: usize) {
    let json = format!(r#"{{"w":{{"dtype":"F32","shape":[{len}],"data_offsets":[0,{}]}}}}"#, len * 4);
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len() + len * 4, 0);
    fs::write(path, bytes).unwrap();
}

/// Runs the test `name` of this file in a process of its own, in folder `dir`, through `wrapper`.
fn child(name: &str, dir: &Path, wrapper: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{wrapper} exec \"$0\" \"$@\"")]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]).env("FANIN_FAULT_DIR", dir);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn dir() -> std::path::PathBuf {
    std::env::var_os("FANIN_FAULT_DIR").expect("run by another test").into()
}

#[test]
#[ignore = "run by the test below, with a limit"]
fn writes_under_a_limit() {
    let model = open(dir().join("in.safetensors")).unwrap();
    let fill = Drawn::new(model.as_ref(), |_| Want::Draw);
    let options = WriteOptions { overwrite: true, plan: None };
    let error = model.write(&dir().join("out.safetensors"), &fill, &options).unwrap_err();
    assert!(matches!(error, FileError::Io { .. }));
    let text = error.to_string();
    assert!(text.contains("out.safetensors: reserve ") && text.contains("write to another one"), "{text}");
}

#[test]
fn a_disk_that_is_too_small_is_an_error_and_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    source(&dir.path().join("in.safetensors"), 1 << 20);
    fs::write(dir.path().join("out.safetensors"), "old").unwrap();
    // The signal is ignored, so that the limit (in blocks of 512 bytes) shows as an error of the call, as a full disk does.
    let status = child("writes_under_a_limit", dir.path(), "trap '' XFSZ; ulimit -f 1000;").status().unwrap();
    assert!(status.success());
    assert_eq!(listing(dir.path()), ["in.safetensors", "out.safetensors"]);
    assert_eq!(fs::read(dir.path().join("out.safetensors")).unwrap(), b"old");
}

/// Values that take their time, once the first of them are written.
struct Slow;

impl Fill for Slow {
    fn change(&self, _: usize) -> Change {
        Change::Write { dtype: Dtype::F32, constant: None, whole: false }
    }

    fn values<'a>(&'a self, _: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
        Ok(Box::new(Slow))
    }
}

impl Values for Slow {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), fanin::Error> {
        if start >= 1 << 20 {
            std::thread::sleep(Duration::from_mins(10));
        }
        out.fill(0x55);
        Ok(())
    }
}

#[test]
#[ignore = "run by the test below, which kills it"]
fn writes_slowly() {
    let model = open(dir().join("in.safetensors")).unwrap();
    let _ = model.write(&dir().join("out.safetensors"), &Slow, &WriteOptions { overwrite: true, plan: None });
}

#[test]
fn a_killed_run_leaves_the_old_file_and_the_next_run_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.safetensors"), dir.path().join("out.safetensors"));
    let partial = dir.path().join(".out.safetensors.fanin-partial");
    source(&input, 4 << 20);
    fs::write(&out, "old").unwrap();
    let mut running = child("writes_slowly", dir.path(), "").spawn().unwrap();
    let start = Instant::now();
    let written = || fs::read(&partial).is_ok_and(|bytes| bytes.iter().rposition(|&b| b == 0x55) > Some(1 << 20));
    while !written() {
        assert!(start.elapsed() < Duration::from_mins(1), "the run did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let model = open(&input).unwrap();
    let fill = Drawn::new(model.as_ref(), |_| Want::Draw);
    let options = WriteOptions { overwrite: true, plan: None };
    // While it runs nobody else can write the same file.
    assert!(matches!(model.write(&out, &fill, &options), Err(FileError::Busy(_))));
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"old");
    assert!(partial.exists());
    model.write(&out, &fill, &options).unwrap();
    assert_eq!(listing(dir.path()), ["in.safetensors", "out.safetensors"]);
    assert!(open(&out).unwrap().bytes(0).unwrap().unwrap() == fill.bytes(0, 4 << 20));
}
