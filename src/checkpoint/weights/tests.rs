//! Bad files are refused with one clear error each; good ones are read whatever names and types they use.

use std::{fs, path::Path};

use half::{bf16, f16};
use nimbert_kernels::aligned_copy;
use safetensors::tensor::{Dtype as FileDtype, SafeTensors, TensorView, serialize};

use super::{Bytes, Dtype, Tensor, Weights, fuzz_safetensors};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A file of this header and data, whatever nonsense they are.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn bytes(file: &[u8]) -> Bytes {
    Bytes::from_lines(aligned_copy(file)).slice(0..file.len())
}

fn open(file: &[u8]) -> crate::Result<Weights> {
    Weights::from_bytes(bytes(file), Path::new("some/model.safetensors"))
}

/// Asserts that the file is refused with one line that names it and contains each of `words`.
#[track_caller]
fn refused(file: &[u8], words: &[&str]) {
    says(&open(file).unwrap_err().to_string(), &[&["some/model.safetensors"], words].concat());
}

#[track_caller]
fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    assert!(!message.contains('\n'), "{message}");
}

/// A valid file of f32 tensors.
fn floats(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|t| t.2.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, _), data)| {
        (*name, TensorView::new(FileDtype::F32, shape.to_vec(), data).unwrap())
    });
    serialize(views, None).unwrap()
}

#[test]
fn an_empty_file_and_one_of_a_few_bytes_are_refused() {
    refused(b"", &["not a safetensors file", "0 bytes"]);
    refused(b"1234567", &["not a safetensors file", "7 bytes"]);
}

#[test]
fn an_empty_file_on_disk_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.safetensors");
    fs::write(&path, b"").unwrap();
    says(&Weights::open_file(&path).unwrap_err().to_string(), &["empty.safetensors", "0 bytes"]);
}

#[test]
fn a_header_length_beyond_the_file_is_refused() {
    for length in [1 << 63, u64::MAX, u64::MAX - 7, 100_000_001, 3] {
        let file = [&length.to_le_bytes()[..], b"{}"].concat();
        refused(&file, &[&format!("{length} bytes"), "only 2 follow"]);
    }
}

#[test]
fn a_header_that_is_not_json_is_refused() {
    for header in ["", "{", "[]", "null", "{}{}", "{\"a\":1}", "{\"__metadata__\":{\"a\":1}}", "PK\x03\x04"] {
        refused(&file(header, b""), &["header is broken"]);
    }
    refused(&[&1u64.to_le_bytes()[..], b"\xff"].concat(), &["header is broken"]);
    let nested = "{\"a\":".repeat(100_000);
    refused(&file(&nested, b""), &["header is broken"]);
}

#[test]
fn an_unknown_type_names_the_tensor() {
    refused(
        &file(r#"{"a.b":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}"#, &[0; 16]),
        &["a.b", "F128"],
    );
}

#[test]
fn a_negative_size_is_refused() {
    refused(&file(r#"{"a.b":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, &[0; 4]), &["a.b", "-1"]);
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let whole = floats(&[("a", &[2, 3], &[1.0; 6]), ("b", &[4], &[2.0; 4])]);
    assert!(open(&whole).is_ok());
    for len in 0..whole.len() {
        assert!(open(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
    }
    refused(&whole[..whole.len() - 1], &["\"b\"", "ends at byte 40", "39", "cut short"]);
}

#[test]
fn overlapping_tensors_are_refused() {
    let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                     "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    refused(&file(header, &[0; 12]), &["\"b\"", "starts at byte 4", "inside"]);
    let same = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                   "b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
    refused(&file(same, &[0; 4]), &["starts at byte 0", "inside"]);
}

#[test]
fn holes_between_tensors_are_refused() {
    let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                     "b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
    refused(&file(header, &[0; 12]), &["hole of 4 bytes", "\"b\""]);
    refused(&file(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, &[0; 2]), &["hole of 1 bytes"]);
}

#[test]
fn a_tensor_outside_the_file_is_refused() {
    let header = r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#;
    refused(&file(header, &[0; 4]), &["\"a\"", "ends at byte 4000000000000", "has 4"]);
}

#[test]
fn a_range_of_another_length_than_the_shape_is_refused() {
    let header = r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,16]}}"#;
    refused(&file(header, &[0; 16]), &["\"a\"", "F32 [2, 3] takes 24 bytes", "hold 16"]);
    let backwards = r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},
                        "b":{"dtype":"F32","shape":[1],"data_offsets":[0,-4]}}"#;
    refused(&file(backwards, &[0; 4]), &["\"b\""]);
    let header = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                     "b":{"dtype":"U8","shape":[1],"data_offsets":[4,3]}}"#;
    refused(&file(header, &[0; 4]), &["\"b\"", "ends at byte 3", "before its start"]);
}

#[test]
fn sizes_that_overflow_are_refused() {
    for shape in ["[4294967296,4294967296]", "[9223372036854775807,3]", "[18446744073709551615]"] {
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}"#);
        refused(&file(&header, &[0; 4]), &["\"a\"", "no size for F32"]);
    }
    // Offsets whose sum with the header's length is more than 64 bits hold.
    let each = (1u64 << 61) - 1;
    let mut entries: Vec<String> = (0..8u64)
        .map(|i| {
            let (from, to) = (i * each, (i + 1) * each);
            format!(r#""{i}":{{"dtype":"U8","shape":[{each}],"data_offsets":[{from},{to}]}}"#)
        })
        .collect();
    entries.push(format!(
        r#""8":{{"dtype":"U8","shape":[7],"data_offsets":[{},{}]}}"#,
        u64::MAX - 7,
        u64::MAX
    ));
    refused(&file(&format!("{{{}}}", entries.join(",")), &[0; 4]), &["\"0\"", "has 4"]);
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let entry = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    refused(&file(&format!("{{{entry},{entry}}}"), &[0; 4]), &["two entries", "\"a\""]);
    refused(&file(r#"{"__metadata__":{},"__metadata__":{}}"#, &[]), &["duplicate field", "__metadata__"]);
}

#[test]
fn data_left_over_at_the_end_is_refused() {
    let mut long = floats(&[("a", &[2], &[1.0; 2])]);
    long.extend([0; 3]);
    refused(&long, &["3 bytes after the last tensor"]);
    refused(&file("{}", &[1]), &["1 bytes after"]);
}

#[test]
fn a_git_lfs_pointer_is_told_apart() {
    refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", &["git lfs pull"]);
}

#[test]
fn a_flipped_bit_in_the_header_never_panics() {
    let whole = floats(&[("bert.a", &[2, 3], &[1.0; 6]), ("b", &[4], &[2.0; 4])]);
    for bit in 0..8 * (whole.len() - 40) {
        let mut file = whole.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        if let Ok(weights) = open(&file) {
            let _ = weights.get("bert.a", &[2, 3]).map(|tensor| tensor.to_f32().unwrap());
            assert_eq!(weights.raw().map(|(_, bytes)| bytes.len()).sum::<usize>(), 40);
        }
    }
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    says(
        &Weights::open_file(&dir.path().join("no.safetensors")).unwrap_err().to_string(),
        &["no.safetensors"],
    );
    says(&Weights::open_file(dir.path()).unwrap_err().to_string(), &["not a regular file"]);
    says(&Weights::open_dir(&dir.path().join("nowhere")).unwrap_err().to_string(), &["nowhere"]);
}

#[test]
fn names_are_found_with_and_without_prefix_and_in_the_old_spelling() {
    let modern = "bert.encoder.layer.0.output.LayerNorm";
    for own in [modern, "encoder.layer.0.output.LayerNorm"] {
        for (weight, bias) in [("weight", "bias"), ("gamma", "beta")] {
            let [weight, bias] = [format!("{own}.{weight}"), format!("{own}.{bias}")];
            let file = floats(&[(&weight, &[2], &[1.0, 2.0]), (&bias, &[2], &[3.0, 4.0])]);
            let weights = open(&file).unwrap();
            let get = |name: &str| weights.get(&format!("{modern}.{name}"), &[2]).unwrap().to_f32().unwrap();
            assert_eq!((get("weight"), get("bias")), (vec![1.0, 2.0], vec![3.0, 4.0]), "{own}");
            assert!(weights.contains(&format!("{modern}.bias")));
            assert!(!weights.contains("bert.encoder.layer.1.output.LayerNorm.bias"));
        }
    }
}

#[test]
fn the_modern_name_wins_and_other_layers_have_no_old_spelling() {
    let file = floats(&[
        ("bert.a.LayerNorm.weight", &[1], &[1.0]),
        ("bert.a.LayerNorm.gamma", &[1], &[2.0]),
        ("bert.a.dense.gamma", &[1], &[3.0]),
    ]);
    let weights = open(&file).unwrap();
    assert_eq!(weights.get("bert.a.LayerNorm.weight", &[1]).unwrap().to_f32().unwrap(), [1.0]);
    assert!(!weights.contains("bert.a.dense.weight"));
}

#[test]
fn a_missing_tensor_is_named_as_it_is_called_today() {
    let weights = open(&floats(&[("a", &[1], &[1.0])])).unwrap();
    let error = weights.get("bert.embeddings.LayerNorm.weight", &[1]).unwrap_err().to_string();
    says(&error, &["model.safetensors", "bert.embeddings.LayerNorm.weight is missing"]);
}

#[test]
fn a_wrong_shape_or_type_says_what_was_expected_and_found() {
    let header = r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},
                     "b":{"dtype":"I8","shape":[2,2],"data_offsets":[8,12]}}"#;
    let weights = open(&file(header, &[0; 12])).unwrap();
    says(&weights.get("b", &[4]).unwrap_err().to_string(), &["tensor b", "[4]", "[2, 2]"]);
    says(&weights.get("b", &[2, 2]).unwrap_err().to_string(), &["tensor b", "F32, F16 or BF16", "I8"]);
    says(&weights.get("a", &[1]).unwrap_err().to_string(), &["tensor a", "F32, F16 or BF16", "F64"]);
    says(&weights.get_as("b", Dtype::U8, &[2, 2]).unwrap_err().to_string(), &["should be U8", "is I8"]);
    assert_eq!(weights.get_as("b", Dtype::I8, &[2, 2]).unwrap().bytes.len(), 4);
}

#[test]
fn every_half_becomes_the_float_that_it_is() {
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let tensor = |dtype| Tensor { dtype, shape: vec![1 << 16], bytes: bytes(&all) };
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    // Conversion instructions make a signalling NaN a quiet one; every other value must be exact.
    let quiet = |value: f32, nan: bool| if nan { value.to_bits() | 1 << 22 } else { value.to_bits() };
    for (i, found) in tensor(Dtype::F16).to_f32().unwrap().into_iter().enumerate() {
        let half = f16::from_bits(i as u16);
        assert_eq!(quiet(found, half.is_nan()), quiet(half.to_f32_const(), half.is_nan()), "{i:#x}");
    }
    let expected: Vec<u32> = (0..1u32 << 16).map(|i| i << 16).collect();
    let found = bits(tensor(Dtype::Bf16).to_f32().unwrap());
    for (i, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        let quiet = if bf16::from_bits(i as u16).is_nan() { 1 << 22 } else { 0 };
        assert_eq!(found | quiet, expected | quiet, "{i:#x}");
    }
}

#[test]
fn known_values_of_every_type() {
    let tensor = |dtype, data: &[u8]| {
        let bytes = bytes(data);
        Tensor { dtype, shape: vec![data.len() / dtype.size()], bytes }.to_f32().unwrap()
    };
    assert_eq!(tensor(Dtype::F32, &[0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]), [1.0, -2.5]);
    assert_eq!(tensor(Dtype::F16, &[0x00, 0x3c, 0x00, 0xc1, 0x01, 0x00]), [1.0, -2.5, 2f32.powi(-24)]);
    assert_eq!(tensor(Dtype::Bf16, &[0x80, 0x3f, 0x20, 0xc0]), [1.0, -2.5]);
    assert_eq!(tensor(Dtype::U8, &[0, 128, 255]), [0.0, 128.0, 255.0]);
    assert_eq!(tensor(Dtype::I8, &[0, 127, 129]), [0.0, 127.0, -127.0]);
}

#[test]
fn data_at_any_alignment_is_read_and_rows_can_be_read_alone() {
    let values: Vec<f32> = (0..12).map(|i| i as f32 - 5.5).collect();
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    for spaces in 0..8 {
        let header = r#"{"a":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]}}"#;
        let file = file(&format!("{header}{}", " ".repeat(spaces)), &data);
        let tensor = open(&file).unwrap().get("a", &[3, 4]).unwrap();
        assert_eq!(tensor.to_f32().unwrap(), values);
        let mut row = [0.0; 4];
        tensor.read_f32(8, &mut row);
        assert_eq!(row, values[8..]);
    }
}

#[test]
fn metadata_names_and_bytes_come_in_file_order() {
    let header = r#"{"z":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"__metadata__":{"format":"pt"},
                     "b":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},
                     "y":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#;
    let weights = open(&file(header, b"abc")).unwrap();
    assert_eq!(weights.metadata()["format"], "pt");
    assert_eq!(weights.names().collect::<Vec<_>>(), ["b", "y", "z"]);
    assert_eq!(weights.raw().last(), Some(("z", &b"c"[..])));
}

/// The same file read by the library and here: the same tensors, or an error from both.
#[track_caller]
fn as_the_library_reads(file: &[u8], is_read: bool) {
    let theirs = SafeTensors::deserialize(file);
    match (fuzz_safetensors(file), &theirs) {
        (Ok((metadata, mut ours)), Ok(theirs)) => {
            let mut tensors = theirs.tensors();
            tensors.sort_by(|a, b| a.0.cmp(&b.0));
            ours.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(ours, tensors);
            let (_, theirs) = SafeTensors::read_metadata(file).unwrap();
            assert_eq!(metadata, theirs.metadata().clone().unwrap_or_default());
            assert!(is_read);
        }
        (Err(_), Err(_)) => assert!(!is_read),
        (ours, theirs) => panic!("{ours:?} here, {theirs:?} there"),
    }
}

#[test]
fn every_header_that_the_library_reads_is_read() {
    for (header, data) in [
        (r#"{"__metadata__":null}"#, 0),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":null}"#, 4),
        (r#"{"__metadata__":{"a":"1","a":"2"}}"#, 0),
        ("  {}\t\r\n ", 0),
        (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#, 4),
        (
            r#"{"a":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
            0,
        ),
        (
            r#"{"b":{"shape":[2],"data_offsets":[0,2],"dtype":"U8"},"a":{"data_offsets":[2,2],"shape":[0],"dtype":"I64"}}"#,
            2,
        ),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":{"deep":[null,1.5]}}}"#, 1),
        (r#"{"a":["U8",[1],[0,1]]}"#, 1),
        (r#"{"a":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}}"#, 1),
        (
            r#"{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]},"b":{"dtype":"C64","shape":[1],"data_offsets":[1,9]}}"#,
            9,
        ),
        (r#"{"\u0061\"":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}"#, 1),
        (r#"{"":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}"#, 1),
    ] {
        as_the_library_reads(&file(header, &vec![7; data]), true);
    }
    for (header, data) in [
        (r#"{"__metadata__":{"a":null}}"#, 0),
        (r#"{"__metadata__":[]}"#, 0),
        (r#"{"__metadata__":null,"__metadata__":null}"#, 0),
        (r#"{"a":null}"#, 0),
        (r#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}"#, 1),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"U8"}}"#, 1),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1e999}}"#, 1),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":"\ud800"}}"#, 1),
        (r#"{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}"#, 1),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}"#, 1),
        (r#"{"a":{"dtype":0,"shape":[1],"data_offsets":[0,1]}}"#, 1),
        (r#"{"a":{"dtype":"U8","shape":[9223372036854775808,2,0],"data_offsets":[0,0]}}"#, 0),
        ("\u{feff}{}", 0),
        ("{}\0", 0),
    ] {
        as_the_library_reads(&file(header, &vec![7; data]), false);
    }
    let deep = format!(
        r#"{{"a":{{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{}1{}}}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    as_the_library_reads(&file(&deep, &[7]), false);
    let not_utf8 =
        [&br#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":""#[..], b"\xff", br#""}}"#].concat();
    as_the_library_reads(&[&(not_utf8.len() as u64).to_le_bytes(), &not_utf8[..]].concat(), false);
}

/// A directory with two shards and this index.
fn sharded(index: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("one.safetensors"), floats(&[("bert.a", &[1], &[1.0]), ("x", &[1], &[9.0])]))
        .unwrap();
    fs::write(dir.path().join("two.safetensors"), floats(&[("b", &[2], &[2.0, 3.0])])).unwrap();
    fs::write(dir.path().join(INDEX), index).unwrap();
    dir
}

#[track_caller]
fn sharded_refused(index: &str, words: &[&str]) {
    let dir = sharded(index);
    says(&Weights::open_dir(dir.path()).unwrap_err().to_string(), words);
}

#[test]
fn shards_are_read_together() {
    let dir = sharded(
        r#"{"metadata":{"total_size":12},"weight_map":{"b":"two.safetensors","bert.a":"one.safetensors"}}"#,
    );
    let weights = Weights::open_dir(dir.path()).unwrap();
    assert_eq!(weights.get("bert.a", &[1]).unwrap().to_f32().unwrap(), [1.0]);
    assert_eq!(weights.get("b", &[2]).unwrap().to_f32().unwrap(), [2.0, 3.0]);
    assert!(!weights.contains("x"), "the index does not list it");
    let files: Vec<_> = weights.files().map(|(path, ..)| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(files, ["one.safetensors", "two.safetensors"]);
    says(&weights.get("b", &[3]).unwrap_err().to_string(), &["two.safetensors"]);
    says(&weights.get("c", &[3]).unwrap_err().to_string(), &[INDEX, "tensor c is missing"]);
}

#[test]
fn broken_indexes_are_refused() {
    sharded_refused("{", &[INDEX, "not valid JSON"]);
    sharded_refused("{}", &[INDEX, "weight_map"]);
    sharded_refused(r#"{"weight_map":{"a":1}}"#, &[INDEX, "string"]);
    sharded_refused(r#"{"weight_map":{"b":"three.safetensors"}}"#, &["three.safetensors"]);
    let lacking = r#"{"weight_map":{"b":"two.safetensors","bert.a":"two.safetensors"}}"#;
    sharded_refused(lacking, &["two.safetensors", "\"bert.a\" is missing", INDEX]);
}

#[test]
fn shards_outside_the_directory_are_refused() {
    for name in ["../two.safetensors", "..", ".", "", "/etc/passwd", "a/b", "a/", "..\\\\b", "C:b"] {
        let index = format!(r#"{{"weight_map":{{"b":"{name}"}}}}"#);
        sharded_refused(&index, &[INDEX, "\"b\"", "not a plain file name"]);
    }
}

#[test]
fn a_directory_without_weights_says_what_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let error = Weights::open_dir(dir.path()).unwrap_err().to_string();
    says(&error, &[SINGLE, INDEX, "pytorch_model.bin", dir.path().to_str().unwrap()]);
    fs::write(dir.path().join("pytorch_model.bin"), b"PK").unwrap();
    let error = Weights::open_dir(dir.path()).unwrap_err().to_string();
    says(&error, &["pytorch_model.bin: no zip archive"]);
}

#[test]
fn one_file_is_preferred_to_an_index() {
    let dir = sharded("{");
    fs::write(dir.path().join(SINGLE), floats(&[("a", &[1], &[5.0])])).unwrap();
    assert_eq!(Weights::open_dir(dir.path()).unwrap().get("a", &[1]).unwrap().to_f32().unwrap(), [5.0]);
}

#[test]
fn pytorch_shards_are_read_together() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pytorch/shards");
    let weights = Weights::open_dir(&dir).unwrap();
    let shapes: Vec<_> = weights.tensors().map(|(name, tensor)| (name, tensor.shape)).collect();
    assert_eq!(shapes, [("a", &[2, 2][..]), ("b", &[3])]);
    assert!(weights.get("b", &[3]).unwrap().to_f32().unwrap().iter().all(|value| *value != 0.0));
    says(&weights.get("b", &[4]).unwrap_err().to_string(), &["pytorch_model-00002-of-00002.bin", "[4]"]);
}
