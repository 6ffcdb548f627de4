//! Any bytes as a `.onnx` file: opening may refuse, never panic; what opens is copied byte by byte.
#![no_main]

use fanin_model::{Change, Fill, Values, WriteOptions, open};
use libfuzzer_sys::fuzz_target;

struct Keep;

impl Fill for Keep {
    fn change(&self, _: usize) -> Change {
        Change::Keep
    }

    fn values<'a>(&'a self, _: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
        unreachable!("everything is kept")
    }
}

fuzz_target!(|data: &[u8]| {
    let dir = std::env::temp_dir().join(format!("fanin-fuzz-onnx-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (path, out) = (dir.join("in.onnx"), dir.join("out.onnx"));
    std::fs::write(&path, data).unwrap();
    let Ok(model) = open(&path) else { return };
    for i in 0..model.params().len() {
        let _ = model.bytes(i);
    }
    let _ = std::fs::remove_file(&out);
    model.write(&out, &Keep, &WriteOptions::default()).unwrap();
    assert!(std::fs::read(&out).unwrap() == data);
});
