//! Zip archives that lie or are made to harm who unpacks them: refused by name, nothing written.

mod archive;
mod drawn;

use archive::{Entry, plain, zip};
use drawn::listing;
use fanin_model::open;
use std::fs;

/// A `.npy` file of `n` floats.
fn array(n: usize) -> Vec<u8> {
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n},), }}\n");
    [&b"\x93NUMPY\x01\x00"[..], &(text.len() as u16).to_le_bytes(), text.as_bytes(), &vec![1; n * 4]].concat()
}

fn refused(file: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.npz");
    fs::write(&path, file).unwrap();
    let error = open(&path).err().expect("a file like this must be refused").to_string();
    assert!(error.starts_with(&path.display().to_string()), "{error}");
    assert!(error.contains("expected ") && error.ends_with('.'), "{error}");
    assert_eq!(listing(dir.path()), ["model.npz"]);
    error
}

fn one(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut entry = Entry::new("w.npy", &array(2));
    change(&mut entry);
    zip(&[entry])
}

#[test]
fn archives_that_lie_are_refused() {
    let good = one(|_| ());
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.npz"), &good).unwrap();
    assert_eq!(open(dir.path().join("good.npz")).unwrap().params().len(), 1);
    let (a, b) = (array(2), array(3));
    let patched = |from_end: usize, bytes: &[u8]| {
        let mut file = good.clone();
        let at = file.len() - from_end;
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    for (file, message) in [
        (plain(&[("a.npy", &a), ("a.npy", &b)]), "two entries are named \"a.npy\""),
        (one(|e| e.flags = 1), "the entry is encrypted"),
        (one(|e| e.method = 12), "it is compressed by method 12"),
        (one(|e| e.size += 1), "bytes are stored for"),
        (one(|e| e.shift = 1), "no entry starts where the directory says"),
        (one(|e| e.shift = 1 << 31), "no entry starts where the directory says"),
        (one(|e| e.flags = 8), "the descriptor behind its data does not fit them"),
        (patched(14, &[2, 0, 2, 0]), "2 entries are announced in 51 bytes; expected 46 bytes or more for each"),
        (patched(18, &[1]), "the archive is in several parts"),
        (patched(14, &[0; 4]), "0 entries are announced, and the directory goes on behind them"),
        (patched(10, &[9]), "it is said to have"),
        (patched(2, &[1]), "the archive has no end record"),
        (b"PK\x03\x04".to_vec(), "the archive has no end record"),
        ([b"PK\x03\x04", &vec![0; 200_000][..]].concat(), "the archive has no end record"),
    ] {
        let error = refused(&file);
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
    }
}

#[test]
fn names_that_lead_out_of_a_folder_are_refused() {
    for name in ["../w.npy", "a/../../w.npy", "/etc/w.npy", "..\\w.npy", "\\w.npy", "a\\..\\w.npy", "w\0.npy"] {
        let error = refused(&one(|e| e.name = name.into()));
        assert!(error.contains(&format!("an entry is named {name:?}; expected a path inside the archive")), "{error}");
    }
}

#[test]
fn entries_that_overlap_are_refused() {
    // The second entry's record points to the first's header, which has the same name and sizes in a quine.
    let mut entries = vec![Entry::new("a.npy", &array(2)), Entry::new("b.npy", &array(2))];
    entries[1].shift = -(entries[0].data.len() as i64 + 35);
    let error = refused(&zip(&entries));
    assert!(error.contains("its header and the directory differ"), "{error}");
    // A whole entry inside the data of another.
    let inner = plain(&[("b.npy", &array(2))]);
    let outer = [&array(inner.len() / 4 + 1)[..], &[0; 4]].concat();
    let mut data = outer.clone();
    let at = data.len() - inner.len() - 4;
    data[at..at + inner.len()].copy_from_slice(&inner);
    let mut second = Entry::new("b.npy", &array(2));
    second.shift = -((data.len() - at) as i64);
    let error = refused(&zip(&[Entry::new("a.npy", &data), second]));
    assert!(error.contains("its bytes overlap with those of \"a.npy\""), "{error}");
}

#[test]
fn bombs_are_refused_before_they_are_inflated() {
    let deflated = |data: &[u8]| {
        use std::io::Write as _;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let packed = |size: u32, data: Vec<u8>| {
        one(|e| {
            (e.method, e.size, e.crc) = (8, size, crc32fast::hash(&array(2)));
            e.data = data;
        })
    };
    let good = array(2);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.npz"), packed(good.len() as u32, deflated(&good))).unwrap();
    let model = open(dir.path().join("good.npz")).unwrap();
    assert_eq!(model.bytes(0).unwrap().unwrap().as_ref(), [1; 8]);
    for (file, message) in [
        (packed(u32::MAX - 1, deflated(&good)), "are said to become 4294967294; expected at most 1032 times as many"),
        (packed(good.len() as u32 + 1, deflated(&good)), "as the directory says"),
        (packed(64, vec![0xff; 64]), "it cannot be inflated"),
        (packed(good.len() as u32 - 4, deflated(&good)), "bytes follow the header"),
    ] {
        let error = refused(&file);
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
    }
    // What the header says fits, and the data go on.
    let longer = [&good[..], &[1; 100]].concat();
    let path = dir.path().join("more.npz");
    fs::write(&path, packed(good.len() as u32, deflated(&longer))).unwrap();
    let error = open(&path).unwrap().bytes(0).unwrap_err().to_string();
    assert!(error.contains(&format!("it inflates to more than {} bytes", good.len())), "{error}");
    // A damaged value.
    let mut wrong = good.clone();
    *wrong.last_mut().unwrap() = 9;
    fs::write(&path, packed(good.len() as u32, deflated(&wrong))).unwrap();
    let error = open(&path).unwrap().bytes(0).unwrap_err().to_string();
    assert!(error.contains("its checksum is"), "{error}");
}

#[test]
fn an_archive_of_something_else_is_named() {
    let error = refused(&plain(&[("readme.txt", b"hello"), ("w.npy", &array(2))]));
    assert!(error.contains("this is a zip archive of 2 entries: readme.txt, w.npy"), "{error}");
    let error = refused(&plain(&[]));
    assert!(error.contains("none of the formats that are read"), "{error}");
}
