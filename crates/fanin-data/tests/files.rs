//! Files as others write them, and tables as people write them.

use fanin_data::{Array, Dataset, Options, Task, Values, open, prepare, read};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/data")
}

fn get(spec: &str) -> Dataset {
    let spec = format!("{}/{spec}", folder().display());
    open(&spec.parse().unwrap(), None).unwrap_or_else(|e| panic!("{e}"))
}

fn table(text: &str, options: &str) -> Dataset {
    let options = format!("t.csv#{options}").trim_end_matches('#').parse::<fanin_data::DataSpec>().unwrap().options;
    prepare("t.csv", read("t.csv", text.as_bytes(), &options).unwrap(), &options, None).unwrap()
}

fn numbers(array: &Array) -> Vec<f32> {
    array.to_f32()
}

fn quarters() -> Vec<f32> {
    (0..24).map(|i| i as f32 / 4.0).collect()
}

#[test]
fn numpy_and_safetensors_files_are_read() {
    for spec in ["pair.npz", "pair.safetensors", "odd.npz#x=a,y=c", "parts.npz"] {
        let data = get(spec);
        assert_eq!(data.inputs[0].array, Array::f32(&[6, 2, 2], quarters()), "{spec}");
        assert_eq!(data.targets, Array::i64(&[6], vec![0, 1, 2, 0, 1, 2]), "{spec}");
        assert_eq!(data.task.task, Task::Classification { classes: 3 });
    }
    let parts = get("parts.npz");
    assert_eq!((parts.train, parts.test), (vec![0, 1, 2, 3], vec![4, 5]));
    // Columns first, and of 16 bits.
    assert_eq!(numbers(&get("odd.npz#x=b,y=c").inputs[0].array), quarters());
    assert_eq!(get("x.npy#y=y.npy").targets, Array::i64(&[6], vec![0, 1, 2, 0, 1, 2]));
    let alone = get("x.npy");
    assert_eq!((alone.task.task, &alone.targets), (Task::Regression { outputs: 4 }, &alone.inputs[0].array));
}

#[test]
fn idx_folders_are_read() {
    let data = get("idx");
    assert_eq!(data.inputs[0].array.shape, [6, 1, 2, 2]);
    let expected: Vec<f32> = (0..24).map(|i| (i * 10) as f32 / 255.0).collect();
    assert_eq!(numbers(&data.inputs[0].array), expected);
    assert_eq!((data.train, data.test), (vec![0, 1, 2, 3], vec![4, 5]));
}

#[test]
fn the_first_rows_keep_their_parts() {
    let data = get("idx#rows=3");
    assert_eq!((data.rows(), data.train, data.test), (3, vec![0, 1], vec![2]));
    assert_eq!(data.targets, Array::i64(&[3], vec![0, 1, 1]));
    assert_eq!(get("pair.npz#rows=2").rows(), 2);
}

#[test]
fn tables_are_read_with_and_without_names() {
    let named = table("a,b,kind\n1,2,x\n3,4,y\n5,6,x\n", "");
    assert_eq!(named.inputs[0].array, Array::f32(&[3, 2], vec![1., 2., 3., 4., 5., 6.]));
    assert_eq!((named.targets, named.labels), (Array::i64(&[3], vec![0, 1, 0]), vec!["x".to_owned(), "y".to_owned()]));
    // Two names are a yes or no.
    assert_eq!(named.task.task, Task::Binary);

    let plain = table("1,2,0.5\n\n3,4,1.5\n", "");
    assert_eq!((plain.targets, plain.task.task), (Array::f32(&[2], vec![0.5, 1.5]), Task::Regression { outputs: 1 }));

    let first = table("y,a,b\n0,1,2\n1,3,4\n2,5,6\n0,1,1\n1,1,1\n2,1,1\n", "label=y");
    assert_eq!(first.task.task, Task::Classification { classes: 3 });
    assert_eq!(first.inputs[0].array.shape, [6, 2]);
    assert_eq!(table("1,2,3\n4,5,6\n", "label=1").targets, Array::f32(&[2], vec![1.0, 4.0]));
    assert_eq!(table("1,2,3\n4,5,6\n", "label=1+3").targets, Array::f32(&[2, 2], vec![1.0, 3.0, 4.0, 6.0]));
    assert_eq!(table("1,2,3\n4,5,6\n", "label=none").targets, Array::f32(&[2, 3], vec![1., 2., 3., 4., 5., 6.]));
    assert_eq!(table("1,2\n3,4\n5,6\n", "header=yes").rows(), 2);
    // Quotes, spaces, a final line without an end, and a mark of the byte order.
    let quoted = table("\u{feff}\"a, b\",c\r\n 1 ,\"0\"\r\n2,1", "");
    assert_eq!(quoted.inputs[0].array, Array::f32(&[2, 1], vec![1.0, 2.0]));
    let tabs = read("t.tsv.gz", &gz(b"1\t0\n2\t1\n"), &Options::default()).unwrap();
    assert_eq!(prepare("t", tabs, &Options::default(), None).unwrap().rows(), 2);
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn several_yes_or_no_columns_are_labels() {
    let data = table("a,p,q\n1,0,1\n2,1,1\n3,0,0\n", "label=p+q");
    assert_eq!((data.task.task, data.targets.shape), (Task::MultiLabel { labels: 2 }, vec![3, 2]));
    let one = table("a,p,q\n1,0,1\n2,1,0\n3,1,0\n", "label=p+q");
    assert_eq!((one.task.task, one.targets), (Task::Classification { classes: 2 }, Array::i64(&[3], vec![1, 0, 0])));
}

#[test]
fn a_text_is_a_language() {
    let options = "t.txt#length=3".parse::<fanin_data::DataSpec>().unwrap().options;
    let data = prepare("t", read("t.txt", "abcäabcbb".as_bytes(), &options).unwrap(), &options, None).unwrap();
    assert_eq!(data.labels, ["a", "b", "c", "ä"]);
    assert_eq!(data.inputs[0].array, Array::i64(&[2, 3], vec![0, 1, 2, 3, 0, 1]));
    assert_eq!(data.targets, Array::i64(&[2, 3], vec![1, 2, 3, 0, 1, 2]));
    assert_eq!(data.task.task, Task::LanguageModel { vocabulary: 4 });
}

#[test]
fn standardization_sees_the_training_rows_alone() {
    let lines: Vec<String> = (0..50).map(|i| format!("{},{}", i * i, i % 2)).collect();
    let text = lines.join("\n");
    let data = table(&text, "standardize,test=0.3,seed=4");
    assert_eq!((data.train.len(), data.test.len()), (35, 15));
    let Values::F32(values) = &data.inputs[0].array.values else { panic!("numbers") };
    let mean = |rows: &[usize]| rows.iter().map(|&row| f64::from(values[row])).sum::<f64>() / rows.len() as f64;
    let square = data.train.iter().map(|&row| f64::from(values[row]).powi(2)).sum::<f64>() / 35.0;
    assert!(mean(&data.train).abs() < 1e-6 && (square - 1.0).abs() < 1e-6);
    assert!(mean(&data.test).abs() > 1e-3, "the test rows have figures of their own");
}

#[test]
fn batches_have_every_training_row_once_an_epoch() {
    let data = get("parts.npz");
    let batches: Vec<Vec<usize>> = data.batches(1, 0, 3).collect();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    let mut all = batches.concat();
    all.sort_unstable();
    assert_eq!(all, data.train);
    assert_eq!(data.take(&[5]).targets, Array::i64(&[1], vec![2]));
    assert_eq!(batches, data.batches(1, 0, 3).collect::<Vec<_>>());
}
