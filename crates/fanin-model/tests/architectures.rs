//! Short architectures: every kind opens, its parameters have the names and shapes that key the random numbers, and each
//! mistake is shown where it stands.
//!
//! `FANIN_BLESS=1` writes the parameters anew; a line that changes there changes values for whoever uses it.

use fanin::{Dtype, Role};
use fanin_model::architecture::{self, KINDS};
use std::fmt::Write as _;
use std::path::Path;

/// Texts beside the examples of each kind, for what those do not show.
const MORE: &[&str] = &[
    "mlp:4-8x5-2:tanh,residual,rezero,norm=batch",
    "mlp:4-8-8-2:silu,glu,bias=no,dropout=0.1",
    "mlp:4-8-2:prelu",
    "cnn:1x8x8-4c3x2-pool2-8c3s2g4-gap-5-3:prelu,norm=group",
    "vgg:11@3x32x32-10:norm=batch,width=4",
    "resnet:8@3x16x16-10",
    "resnet:18@3x32x32-10:norm=none,width=8",
    "resnet:50@3x32x32-10:width=4",
    "resnet:8@1x8x8-3:norm=fixup,width=4",
    "unet:1x16x16-2:norm=instance,width=4,depth=2",
    "vit:1x8x8-10:d=16,heads=2,layers=1,pool=mean",
    "swin:1x32x16-3:d=8,patch=2,window=4,heads=2-2,depths=2-1",
    "gpt:layers=1,d=16,heads=2,vocab=11,context=8,tied=no,norm=rms",
    "llama:layers=1,d=16,heads=4,kv_heads=2,vocab=11,context=8,tied",
    "bert:layers=1,d=16,heads=2,vocab=11,context=8,classes=3",
    "rnn:2-8-1:cell=relu,bidirectional,read=all",
];

fn texts() -> Vec<String> {
    let examples = KINDS.iter().flat_map(|kind| kind.examples.iter().map(ToString::to_string));
    // Alone, a kind has all defaults; the largest examples only repeat what the smaller ones have.
    let alone = KINDS.iter().map(|kind| format!("{}:", kind.name));
    examples.chain(alone).chain(MORE.iter().map(ToString::to_string)).collect()
}

fn params(text: &str) -> Vec<fanin::Param> {
    fanin_model::open(text).unwrap_or_else(|e| panic!("{text}: {e}")).params().to_vec()
}

fn learned(text: &str) -> Vec<fanin::Param> {
    params(text).into_iter().filter(|param| !param.role.value.is_kept()).collect()
}

#[test]
fn names_and_shapes_are_pinned() {
    let mut listed = String::new();
    for text in texts() {
        let all = learned(&text);
        let (count, elements) = (all.len(), all.iter().map(|p| p.count().unwrap()).sum::<u64>());
        let _ = writeln!(listed, "{text}  {count} parameters, {elements} elements");
        // Deep networks repeat themselves.
        for param in all.iter().take(48) {
            let _ = writeln!(listed, "  {} {:?} {}", param.name, param.shape, param.role.value);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/architectures/params.txt");
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::write(&path, &listed).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (now, then) in listed.lines().zip(expected.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(listed.lines().count(), expected.lines().count());
}

#[test]
fn every_constant_has_a_known_role() {
    for text in texts() {
        for param in params(&text) {
            assert_ne!(param.role.value, Role::Unknown, "{text}: {}", param.name);
            let stored = param.dtype == Dtype::F32 || param.role.value.is_kept();
            assert!(stored, "{text}: {}", param.name);
        }
    }
}

#[test]
fn the_network_of_the_founding_document() {
    let model = fanin_model::open("mlp:8-10-1:relu:sigmoid").unwrap();
    let shapes: Vec<_> = learned("mlp:8-10-1:relu:sigmoid").iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
    let expected = [
        ("layers.0.weight", vec![10, 8]),
        ("layers.0.bias", vec![10]),
        ("layers.1.weight", vec![1, 10]),
        ("layers.1.bias", vec![1]),
    ];
    assert_eq!(shapes, expected.map(|(name, shape)| (name.to_owned(), shape)));
    let ops: Vec<&str> = model.graph().unwrap().nodes.iter().map(|node| node.op.as_str()).collect();
    assert_eq!(ops[4..], ["Gemm", "Relu", "Gemm", "Sigmoid", "Identity"]);
}

#[test]
fn published_networks_have_their_number_of_parameters() {
    // Those of torchvision 0.29.2 (`sum(p.numel())`), of timm's vit_tiny, of GPT-2 and of Llama 3.2. torchvision's VGG with
    // normalization has biases of the convolutions too.
    for (text, expected) in [
        ("resnet:18@3x224x224-1000", 11_689_512),
        ("resnet:50@3x224x224-1000", 25_557_032),
        ("resnet:152@3x224x224-1000", 60_192_808),
        ("vgg:19@3x224x224-1000,dense=4096", 143_667_240),
        ("vgg:16@3x224x224-1000,dense=4096,norm=batch", 138_365_992 - 4224),
        ("convnext:3x224x224-1000,patch=4,widths=96-192-384-768,depths=3-3-9-3", 28_589_128),
        ("swin:3x224x224-1000,patch=4,window=7,d=96,depths=2-2-6-2,heads=3-6-12-24", 28_288_354),
        ("vit:3x224x224-1000,patch=16,layers=12,d=192,heads=3", 5_717_416),
        ("gpt:layers=12,d=768,heads=12,vocab=50257,context=1024", 124_439_808),
        ("llama:layers=16,d=2048,heads=32,kv_heads=8,vocab=128256,mlp=8192,tied", 1_235_814_400),
    ] {
        assert_eq!(learned(text).iter().map(|p| p.count().unwrap()).sum::<u64>(), expected, "{text}");
    }
}

#[test]
fn a_placeholder_takes_no_memory() {
    let text = "mlp:1048576-1048576x50-10";
    assert!(architecture::onnx(text).unwrap().len() < 20_000);
    assert_eq!(learned(text).iter().map(|p| p.count().unwrap()).max(), Some(1 << 40));
}

#[test]
fn a_mistake_is_shown_where_it_stands() {
    for (text, characters, expected) in [
        ("mpl:784-10", vec![1], "`mpl` is no architecture; expected one of mlp,"),
        ("mlp:784-256x20-1O:relu", vec![16], "`1O` is not a width; expected a whole number from 1 to 1048576"),
        ("mlp:784-256x-10", vec![13], "a number of repeats is missing"),
        ("mlp:784", vec![5], "there is only one width"),
        ("mlp:7-0-1", vec![7], "`0` is not a width"),
        ("mlp:7-9999999-1", vec![7], "`9999999` is not a width"),
        ("mlp:7-8x20000-1", vec![7], "too many layers; expected at most 10000"),
        ("mlp:7-8-1:reul", vec![11], "`mlp` has no option `reul`; expected one of act, out, norm"),
        ("mlp:7-8-1:act=reul", vec![15], "`reul` is no activation"),
        ("mlp:7-8-1:leaky_relu(x)", vec![22], "the parameter of leaky_relu is `x`"),
        ("mlp:7-8-1:relu(2)", vec![16], "relu has no parameter"),
        ("mlp:7-8-1:elu(2", vec![16], "the parenthesis is not closed"),
        ("mlp:7-8-1:celu(-2)", vec![16], "the parameter of celu is -2; expected a positive number"),
        ("mlp:7-8-1:relu:sigmoid:tanh", vec![24], "one activation too many"),
        ("mlp:7-8-1:norm", vec![15], "`norm` has no value; expected `=` and one of none, batch"),
        ("mlp:7-8-1:norm=bacth,dropout=2,wdth=3", vec![16, 30, 32], "`norm` is `bacth`"),
        ("mlp:7-8-1:norm=batch,norm=rms", vec![22], "`norm` is given twice"),
        ("mlp:7-8-1:rezero", vec![11], "`rezero` scales the blocks of a residual network"),
        ("mlp:7-8-1,,relu", vec![11], "an option is missing"),
        ("mlp:7-8 -1", vec![8], "the character ' ' has no meaning here"),
        ("mlp:7-8–1", vec![8], "has no meaning here"),
        ("cnn:28x28x3x3x3-10", vec![5], "the input's shape has 5 sizes"),
        ("cnn:1x8x8-32c4-10", vec![14], "the kernel size is 4; expected an odd number"),
        ("cnn:1x8x8-32c3q2-10", vec![15], "`q` says nothing of a convolution"),
        ("cnn:1x8x8-pool9-10", vec![11], "the signal is 1x8x8 here; expected windows of at most 8"),
        ("cnn:1x8x8-5-4c3-10", vec![13], "`4c3` stands behind a dense layer"),
        ("cnn:1x8x8-3c3g2-10", vec![11], "2 groups"),
        ("cnn:1x8x8", vec![5], "there is no layer"),
        ("resnet:21@3x32x32-10", vec![8], "there is no ResNet of 21 layers"),
        ("resnet:20-10", vec![8], "there is no `@`"),
        ("vgg:12@3x32x32-10", vec![5], "there is no VGG of `12` layers"),
        ("gpt:d=100,heads=3", vec![17], "3 heads do not divide the width 100"),
        ("gpt:d=10", vec![7], "4 heads do not divide the width 10"),
        ("llama:d=12,heads=4", vec![18], "each head has 3 dimensions"),
        ("llama:kv_heads=3", vec![16], "3 does not divide 4 heads"),
        ("vit:3x33x32-10", vec![5], "the input is not made of patches of 4x4"),
        ("swin:3x30x32-10", vec![6], "a height and width that 16 divides"),
        ("swin:3x32x32-10,heads=5-5", vec![23], "5 heads do not divide the width 48 of stage 0"),
        ("swin:3x32x32-10,heads=2", vec![23], "there are 2 depths and 1 numbers of heads"),
        ("unet:1x30x32-1", vec![6], "the picture cannot be halved 3 times"),
        ("lstm:28-10", vec![6], "there is no recurrent layer"),
        ("mobilenet:3x32x32-10,depths=1-2", vec![29], "there are 4 widths and 2 depths"),
        ("convnext:3x32x32-10,kernel=4", vec![28], "`kernel` is 4; expected an odd number"),
    ] {
        let error = architecture::onnx(text).expect_err(text);
        let shown = error.to_string();
        assert_eq!(error.characters(), characters, "{text}\n{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn too_large_a_network_is_refused_before_it_is_made() {
    for text in ["mlp:1-2x9990-1:snake,norm=rms,residual", "cnn:1x64x64-1048576c99-10", "gpt:layers=4096,d=1048576"] {
        if let Err(error) = architecture::onnx(text) {
            assert!(error.to_string().contains("would have"), "{error}");
        }
    }
    let error = architecture::onnx("cnn:1048576x64x64-1048576c99-10").unwrap_err();
    assert!(error.to_string().contains("features.0.weight would have the shape [1048576, 1048576, 99, 99]"), "{error}");
}

#[test]
fn a_written_network_holds_its_weights_and_nothing_of_the_placeholders() {
    let dir = tempfile::tempdir().unwrap();
    let model = fanin_model::open("cnn:1x8x8-4c3-pool2-5:relu,norm=batch").unwrap();
    let options = fanin::plan::Options::default();
    let plan = fanin::plan::plan(model.params(), &fanin::Recipe::named("auto").unwrap(), &options).unwrap();
    let path = dir.path().join("net.onnx");
    let planned = fanin_model::Planned::new(model.params(), &plan).unwrap();
    model.write(&path, &planned, &fanin_model::WriteOptions::default()).unwrap();
    let written = fanin_model::open(&path).unwrap();
    // The running statistics are no weights and stay placeholders.
    let names = |model: &dyn fanin_model::Model, keep: bool| -> Vec<String> {
        let params = model.params().iter().filter(|p| p.role.value.is_kept() == keep);
        let mut names: Vec<String> = params.map(|p| p.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(written.as_ref(), false), names(model.as_ref(), false));
    assert_eq!(names(written.as_ref(), true), ["norms.0.running_mean", "norms.0.running_var", "shape 4"]);
    let weight = written.params().iter().position(|p| p.name == "features.0.weight").unwrap();
    assert!(written.bytes(weight).unwrap().unwrap().iter().any(|&byte| byte != 0));
}

/// Pieces of texts, good and bad, to be put together at random.
const PIECES: &[&str] = &[
    "mlp:",
    "cnn:",
    "resnet:",
    "unet:",
    "vit:",
    "swin:",
    "gpt:",
    "llama:",
    "lstm:",
    "mobilenet:",
    "convnext:",
    "vgg:",
    "8",
    "64",
    "0",
    "1048576",
    "99999999999999999999",
    "-",
    "x",
    "c",
    "s",
    "g",
    "3",
    "1x8x8",
    "3x32x32-10",
    "20@",
    "11@3x32x32-10",
    "pool2",
    "gap",
    ":",
    ",",
    "=",
    "(",
    ")",
    "relu",
    "leaky_relu(0.2)",
    "prelu",
    "norm=",
    "batch",
    "residual",
    "act=",
    "d=",
    "heads=",
    "layers=2",
    "depths=",
    "window=",
    "patch=",
    "é",
    " ",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(600))]

    #[test]
    fn no_text_ends_the_program(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 1..12)) {
        let text = pieces.concat();
        match architecture::onnx(&text) {
            // What is built can be read.
            Ok(_) => drop(fanin_model::open(&text).unwrap()),
            Err(error) => assert!(error.to_string().contains("character")),
        }
    }
}

#[test]
fn a_file_goes_before_an_architecture_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mlp:8-10-1");
    std::fs::write(&path, b"no model").unwrap();
    assert!(fanin_model::open(&path).is_err());
    let missing = fanin_model::open(dir.path().join("model.onnx")).err().unwrap();
    assert!(!missing.to_string().contains("architecture"), "{missing}");
}
