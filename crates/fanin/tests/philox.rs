//! Philox4x32-10 against the answers that its authors published.

use fanin::philox::philox4x32;

#[test]
fn known_answers() {
    let table = include_str!("../../../testdata/philox/kat_vectors.txt");
    let mut checked = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let w: Vec<u32> = line.split_whitespace().map(|hex| u32::from_str_radix(hex, 16).unwrap()).collect();
        assert_eq!(philox4x32([w[0], w[1], w[2], w[3]], [w[4], w[5]]), w[6..], "{line}");
        checked += 1;
    }
    assert_eq!(checked, 3);
}
