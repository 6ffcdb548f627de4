//! What every target does with its bytes.

use fanin_model::{Change, Fill, Model, Values, WriteOptions, open};
use std::path::Path;

/// Elements of tensors that are read.
const MOST: u64 = 1 << 24;

struct Keep;

impl Fill for Keep {
    fn change(&self, _: usize) -> Change {
        Change::Keep
    }

    fn values<'a>(&'a self, _: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
        unreachable!("everything is kept")
    }
}

/// Opens `data` as a file whose name ends with `extension`: that may be refused, never panic. What opens is read, and
/// copied byte by byte.
pub fn exercise(extension: &str, data: &[u8]) {
    // Threads of one process each have their own.
    let own = format!("fanin-fuzz-{extension}-{}-{:?}", std::process::id(), std::thread::current().id());
    let dir = std::env::temp_dir().join(own);
    std::fs::create_dir_all(&dir).unwrap();
    let (path, out) = (dir.join(format!("in.{extension}")), dir.join(format!("out.{extension}")));
    std::fs::write(&path, data).unwrap();
    let opened = open(&path);
    if let Ok(model) = &opened {
        copies(model.as_ref(), &out, data);
    }
    drop(opened);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn copies(model: &dyn Model, out: &Path, data: &[u8]) {
    for (i, param) in model.params().iter().enumerate() {
        // A few bytes of a graph may truly make a tensor of gigabytes: one number, and a shape.
        if param.count().is_ok_and(|count| count <= MOST) {
            let _ = model.bytes(i);
        }
    }
    model.write(out, &Keep, &WriteOptions::default()).unwrap();
    assert!(std::fs::read(out).unwrap() == data);
}
