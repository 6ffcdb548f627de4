//! GGUF files that lie: refused with their place.

mod drawn;

use drawn::listing;
use fanin_model::open;
use std::fs;

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn fact(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key)[..], &kind.to_le_bytes(), value].concat()
}

fn tensor(name: &str, dims: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let dims = [&(dims.len() as u32).to_le_bytes()[..], &dims.iter().flat_map(|d| d.to_le_bytes()).collect::<Vec<_>>()];
    [&text(name)[..], &dims.concat(), &kind.to_le_bytes(), &offset.to_le_bytes()].concat()
}

/// A file with these facts and tensors and 64 bytes of data.
fn file(facts: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let counts = [(tensors.len() as u64).to_le_bytes(), (facts.len() as u64).to_le_bytes()].concat();
    let mut out = [b"GGUF\x03\0\0\0", &counts[..], &facts.concat(), &tensors.concat()].concat();
    out.resize(out.len().next_multiple_of(32) + 64, 7);
    out
}

#[test]
fn files_that_lie_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let good = tensor("w", &[4, 2], 0, 32);
    fs::write(&path, file(&[], std::slice::from_ref(&good))).unwrap();
    let model = open(&path).unwrap();
    assert_eq!((&model.params()[0].shape[..], model.bytes(0).unwrap().unwrap().len()), (&[2, 4][..], 32));
    let nested = |depth: usize| [9u32.to_le_bytes().to_vec(), 1u64.to_le_bytes().to_vec()].concat().repeat(depth);
    let mut counts = file(&[], std::slice::from_ref(&good));
    counts[8..16].fill(0xff);
    let version = |bytes: [u8; 4]| [&b"GGUF"[..], &bytes, &file(&[], std::slice::from_ref(&good))[8..]].concat();
    for (bytes, message) in [
        (version([1, 0, 0, 0]), "`version`: the version is 1; expected version 2 or 3"),
        (version([0, 0, 0, 3]), "`version`: the file is big-endian"),
        (counts, "bytes are announced; expected at most"),
        (file(&[], &[tensor("w", &[4, 2], 0, 64)]), "`w`: its 32 bytes are said to be 64 bytes behind the head"),
        (file(&[], &[tensor("w", &[4, 2], 0, 8)]), "a multiple of 32, inside of the"),
        (file(&[], &[tensor("w", &[4, 2], 0, u64::MAX - 31)]), "a multiple of 32, inside of the"),
        (file(&[], &[tensor("w", &[4, 2], 0, 0), tensor("v", &[4], 0, 0)]), "its bytes overlap with those of"),
        (file(&[], &[good.clone(), good.clone()]), "`w`: two tensors have this name"),
        (
            file(&[], &[tensor("w", &[1 << 40, 1 << 40], 0, 0)]),
            "`w`: shape [1099511627776, 1099511627776] of F32 has no size",
        ),
        (file(&[], &[tensor("w", &[31], 2, 0)]), "`w`: shape [31] of Q4_0 has no size; expected whole blocks"),
        (file(&[], &[tensor("w", &[1; 5], 0, 0)]), "`w`: it has 5 dimensions; expected at most 4"),
        (file(&[], &[tensor("w", &[2], 77, 0)]), "`w`: the type code is 77; expected a type of ggml"),
        (file(&[fact("general.alignment", 4, &[0; 4])], &[]), "`general.alignment`: it is 0; expected a power of two"),
        (file(&[fact("k", 99, &[])], &[]), "`k`: its type is 99; expected a type from 0 to 12"),
        (file(&[fact("k", 8, &[0xff; 8])], &[]), "`k`: 18446744073709551615 bytes are announced"),
        (
            file(&[fact("k", 9, &[&[0, 0, 0, 0][..], &[0xff; 8]].concat())], &[]),
            "`k`: 18446744073709551615 bytes are announced",
        ),
        (file(&[fact("k", 9, &[&[8, 0, 0, 0][..], &[0xff; 8]].concat())], &[]), "`k`: "),
        (file(&[fact("k", 9, &nested(2000))], &[]), "`k`: arrays stand in each other too deep"),
        (b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\xff\xfe".to_vec(), "a text is not UTF-8"),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error = open(&path).err().expect(message).to_string();
        assert!(error.starts_with(&path.display().to_string()) && error.contains("expected "), "{error}");
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
        assert_eq!(listing(dir.path()), ["model.gguf"]);
    }
}
