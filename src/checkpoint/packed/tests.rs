//! What is packed comes back; what is damaged is found; what fails leaves nothing behind.

mod numbers;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::OnceLock,
};

use half::f16;
use nimbert_kernels::{CacheLine, aligned_copy, unpack, zeroed};
use safetensors::tensor::{Dtype as FileDtype, TensorView, serialize};
use serde_json::{Value, json};

use super::{PackOptions, PackedModel, QuantizedRows, write};
use crate::{
    NumberType, Precision, Result,
    checkpoint::weights::{Bytes, Dtype},
    exec::Operation,
    linear::Weight,
    plan::{Matmul, Part},
};

const HIDDEN: usize = 72;
const INTERMEDIATE: usize = 100;
const WORDS: usize = 37;
const LABELS: usize = 3;

/// Tensors by name, f32, as a checkpoint has them.
type Checkpoint = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A random checkpoint of odd shapes, always the same.
fn checkpoint() -> Checkpoint {
    let mut shapes = vec![
        ("bert.embeddings.word_embeddings.weight".to_owned(), vec![WORDS, HIDDEN]),
        ("bert.embeddings.position_embeddings.weight".to_owned(), vec![20, HIDDEN]),
        ("bert.embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
        ("bert.pooler.dense".to_owned(), vec![HIDDEN, HIDDEN]),
        ("classifier".to_owned(), vec![LABELS, HIDDEN]),
    ];
    let mut norms = vec!["bert.embeddings.LayerNorm".to_owned()];
    for layer in 0..2 {
        let at = |name: &str| format!("bert.encoder.layer.{layer}.{name}");
        for name in
            ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
        {
            shapes.push((at(name), vec![HIDDEN, HIDDEN]));
        }
        shapes.push((at("intermediate.dense"), vec![INTERMEDIATE, HIDDEN]));
        shapes.push((at("output.dense"), vec![HIDDEN, INTERMEDIATE]));
        norms.extend([at("attention.output.LayerNorm"), at("output.LayerNorm")]);
    }
    let mut all = Vec::new();
    for (name, shape) in shapes {
        if name.ends_with("weight") {
            all.push((name, shape));
        } else {
            all.push((format!("{name}.bias"), vec![shape[0]]));
            all.push((format!("{name}.weight"), shape));
        }
    }
    for name in norms {
        all.extend(["weight", "bias"].map(|of| (format!("{name}.{of}"), vec![HIDDEN])));
    }
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    all.into_iter()
        .map(|(name, shape)| {
            let values = (0..shape.iter().product()).map(|_| random()).collect();
            (name, (shape, values))
        })
        .collect()
}

fn write_checkpoint(dir: &Path, checkpoint: &Checkpoint) {
    let data: Vec<Vec<u8>> = checkpoint
        .values()
        .map(|(_, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = checkpoint.iter().zip(&data).map(|((name, (shape, _)), data)| {
        (name.as_str(), TensorView::new(FileDtype::F32, shape.clone(), data).unwrap())
    });
    fs::write(dir.join("model.safetensors"), serialize(views, None).unwrap()).unwrap();
    let config = json!({
        "model_type": "bert", "vocab_size": WORDS, "hidden_size": HIDDEN, "num_hidden_layers": 2,
        "num_attention_heads": 6, "intermediate_size": INTERMEDIATE, "max_position_embeddings": 20,
        "type_vocab_size": 2, "id2label": {"0": "bad", "1": "so so", "2": "好"},
    });
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let words = (special.len()..WORDS).map(|i| format!("词{i}"));
    let vocabulary: Vec<String> = special.into_iter().chain(words).collect();
    fs::write(dir.join("vocab.txt"), vocabulary.join("\n")).unwrap();
    fs::write(dir.join("tokenizer_config.json"), r#"{"do_lower_case": true}"#).unwrap();
}

fn pack_to(checkpoint: &Checkpoint, out: &Path) -> Result<super::Summary> {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), checkpoint);
    pack_dir(dir.path(), out)
}

fn pack_dir(source: &Path, out: &Path) -> Result<super::Summary> {
    write(source, out, &PackOptions::default(), &mut |_, _| {})
}

/// The bytes of the packed random checkpoint.
fn packed() -> &'static [u8] {
    static PACKED: OnceLock<Vec<u8>> = OnceLock::new();
    PACKED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("model.nimbert");
        let summary = pack_to(&checkpoint(), &out).unwrap();
        let file = fs::read(out).unwrap();
        assert_eq!(summary.bytes, file.len() as u64);
        file
    })
}

fn open(file: &[u8]) -> Result<PackedModel> {
    let bytes = Bytes::from_lines(aligned_copy(file)).slice(0..file.len());
    PackedModel::from_bytes(bytes, Path::new("some.nimbert"))
}

#[track_caller]
fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    assert!(!message.contains('\n'), "{message}");
}

/// The file with this change to its header's JSON, and the data where it was.
fn with_header(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let file = packed();
    let data_start = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let mut header = serde_json::from_slice(&file[8..data_start]).unwrap();
    change(&mut header);
    let mut json = header.to_string().into_bytes();
    json.resize((8 + json.len()).next_multiple_of(64) - 8, b' ');
    [&(json.len() as u64).to_le_bytes(), &json[..], &file[data_start..]].concat()
}

/// Asserts that the values are within half a step of the row's largest one.
#[track_caller]
fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let step = expected.iter().fold(0.0f32, |max, v| max.max(v.abs())) / 127.0;
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= step * 0.5001, "{found} for {expected}, one step being {step}");
    }
}

#[test]
fn everything_comes_back() {
    let (source, model) = (checkpoint(), open(packed()).unwrap());
    let values = |name: &str| source[name].1.as_slice();
    assert_eq!(model.config.sequence().unwrap().labels, ["bad", "so so", "好"]);
    assert_eq!(model.tokenizer.vocab_size(), WORDS);
    assert_eq!(model.tokenizer.encode("词9", None, 20, crate::OnLong::Truncate).unwrap().token_ids.len(), 4);
    assert_eq!(model.precision, NumberType::Int8);
    assert!(model.producer.starts_with("nimbert ") && model.source_sha256.len() == 64);

    let words = words(&model).unwrap();
    let mut row = [0.0; HIDDEN];
    for (i, expected) in values("bert.embeddings.word_embeddings.weight").chunks(HIDDEN).enumerate() {
        words.read_f32(i, &mut row);
        close(&row, expected);
    }
    let name = "bert.embeddings.position_embeddings.weight";
    let positions = model.rows(name, Dtype::F32, 20, HIDDEN).unwrap();
    positions.read_f32(19 * positions.shape[1], &mut row);
    assert_eq!(row, values(name)[19 * HIDDEN..]);
    assert_eq!(model.matrix("classifier.weight", LABELS, HIDDEN).unwrap(), values("classifier.weight"));
    for name in
        ["classifier.bias", "bert.encoder.layer.1.output.LayerNorm.bias", "bert.embeddings.LayerNorm.weight"]
    {
        assert_eq!(model.vector(name, values(name).len()).unwrap(), values(name), "{name}");
    }
    for layer in 0..2 {
        let at = |name: &str| format!("bert.encoder.layer.{layer}.{name}");
        let qkv = ["query", "key", "value"].map(|of| at("attention.self.") + of);
        check_matmul(&model, &source, &at("attention.self.qkv"), &qkv);
        for name in ["attention.output.dense", "intermediate.dense", "output.dense"] {
            check_matmul(&model, &source, &at(name), &[at(name)]);
        }
    }
    check_matmul(&model, &source, "bert.pooler.dense", &["bert.pooler.dense".to_owned()]);
    model.verify_checksums().unwrap();
}

/// The matmul of this name, and its bias.
fn matmul(model: &PackedModel, name: &str) -> (Weight, Vec<f32>) {
    let plan = model.config.plan();
    let found = plan.parts().find(|part| part.name() == name);
    let Some(Part::Matmul(matmul)) = found else { panic!("no matmul {name}") };
    model.matmul(matmul).unwrap()
}

fn words(model: &PackedModel) -> Result<QuantizedRows> {
    model.quantized_rows(&model.config.plan().embeddings.words)
}

fn check_matmul(model: &PackedModel, source: &Checkpoint, name: &str, sources: &[String]) {
    let k = source[&format!("{}.weight", sources[0])].0[1];
    let joined =
        |of: &str| sources.iter().flat_map(|s| source[&format!("{s}.{of}")].1.clone()).collect::<Vec<_>>();
    let (weights, bias) = (joined("weight"), joined("bias"));
    let n = bias.len();
    let (weight, found_bias) = matmul(model, name);
    assert_eq!(found_bias[..n], bias);
    assert!(found_bias[n..].iter().all(|&value| value == 0.0));
    let Weight::Int8 { panels, scales, sums } = weight else { panic!("{name} is int8") };
    assert_eq!(panels.as_ptr().addr() % 64, 0);
    let found: Vec<f32> = nimbert_kernels::expand_int8(&panels, &scales, n, k).collect();
    assert_eq!(found.len(), weights.len());
    for (sum, row) in sums.iter().zip(found.chunks(k)) {
        assert!((sum - row.iter().sum::<f32>()).abs() < 1e-4);
    }
    for (found, expected) in found.chunks(k).zip(weights.chunks(k)) {
        close(found, expected);
    }
}

/// Every precision that a file can have, and one with a matmul kept in f16, computes what the checkpoint does.
#[test]
fn f16_and_f32_files_hold_the_rounded_and_the_very_weights() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let kept = "bert.encoder.layer.1.output.dense";
    let keep_f16: BTreeSet<_> = [kept.to_owned(), "bert.embeddings.word_embeddings".to_owned()].into();
    let none = BTreeSet::new();
    for (precision, keep_f16) in
        [(Precision::F32, none.clone()), (Precision::F16, none), (Precision::Int8, keep_f16)]
    {
        let out = dir.path().join(precision.to_string());
        let options = PackOptions { precision, keep_f16 };
        write(dir.path(), &out, &options, &mut |_, _| {}).unwrap();
        let model = PackedModel::open(&out).unwrap();
        model.verify_checksums().unwrap();
        assert_eq!(Precision::from(model.precision), precision);
        let (weight, _) = matmul(&model, kept);
        let expected = &checkpoint()[&format!("{kept}.weight")].1;
        let found = match &weight {
            Weight::F32(panels) => {
                unpack::<f32>(bytemuck::cast_slice(panels), HIDDEN, INTERMEDIATE).collect::<Vec<_>>()
            }
            Weight::F16(panels) => unpack::<u16>(bytemuck::cast_slice(panels), HIDDEN, INTERMEDIATE)
                .map(|bits| f16::from_bits(bits).to_f32())
                .collect(),
            Weight::Int8 { .. } => panic!("{kept} is not int8 in {precision}"),
        };
        let rounded =
            |&value: &f32| if precision == Precision::F32 { value } else { f16::from_f32(value).to_f32() };
        assert_eq!(found, expected.iter().map(rounded).collect::<Vec<_>>());
        let (other, _) = matmul(&model, "bert.pooler.dense");
        assert_eq!(matches!(other, Weight::Int8 { .. }), precision == Precision::Int8);
    }
}

#[test]
fn a_matmul_that_the_model_does_not_have_cannot_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let keep_f16 = ["bert.encoder.layer.2.output.dense".to_owned()].into();
    let options = PackOptions { keep_f16, ..PackOptions::default() };
    let error = write(dir.path(), &dir.path().join("out"), &options, &mut |_, _| {}).unwrap_err();
    says(&error.to_string(), &["keep-f16", "called bert.encoder.layer.2.output.dense"]);
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("again.nimbert");
    pack_to(&checkpoint(), &out).unwrap();
    assert!(fs::read(out).unwrap() == packed());
}

#[test]
fn progress_counts_every_tensor_up_to_the_last() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let mut seen = Vec::new();
    let options = PackOptions::default();
    let mut note = |done, total| seen.push((done, total));
    let summary = write(dir.path(), &dir.path().join("out"), &options, &mut note).unwrap();
    assert!(seen.is_sorted() && seen.iter().all(|&(_, total)| total == summary.tensors));
    assert_eq!(
        (seen.first(), seen.last()),
        (Some(&(0, summary.tensors)), Some(&(summary.tensors, summary.tensors)))
    );
    assert_eq!(summary.source_bytes, fs::metadata(dir.path().join("model.safetensors")).unwrap().len());
}

#[test]
fn every_tensor_starts_on_a_cache_line_and_its_padding_is_zero() {
    let model = open(packed()).unwrap();
    for (name, bytes) in model.weights.raw() {
        assert_eq!(bytes.as_ptr().addr() % 64, 0, "{name}");
    }
    let words = words(&model).unwrap();
    assert_eq!(words.stride, 128);
    for row in words.bytes.chunks(128) {
        assert!(row[HIDDEN..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn rows_are_quantized_with_halves_to_even_and_zero_stays_zero() {
    let quantize = |row: &[f32]| {
        let mut bytes = vec![1; row.len() + 1];
        let scale = write::quantize_row(row, &mut bytes);
        assert_eq!(bytes.pop(), Some(1), "beyond the row");
        (scale, bytes.into_iter().map(u8::cast_signed).collect::<Vec<_>>())
    };
    assert_eq!(quantize(&[127.0, 0.5, 1.5, -2.5, -126.6]), (1.0, vec![127, 0, 2, -2, -127]));
    assert_eq!(quantize(&[-254.0, 2.0, 0.0]), (2.0, vec![-127, 1, 0]));
    assert_eq!(quantize(&[0.0, -0.0]), (0.0, vec![0, 0]));
    assert_eq!(quantize(&[f32::MAX, -f32::MAX]).1, [127, -127]);
    // So small that a step is a few units of f32: it is never rounded to nothing.
    let unit = f32::from_bits(1);
    assert_eq!(quantize(&[unit, -unit]), (unit, vec![1, -1]));
    assert_eq!(quantize(&[190.0 * unit, -190.0 * unit]), (2.0 * unit, vec![95, -95]));
}

#[test]
fn half_precision_sources_are_packed_too() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let halves: BTreeMap<_, _> = checkpoint()
        .into_iter()
        .map(|(name, (shape, values))| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
            (name.replace("bert.", "").replace("LayerNorm.weight", "LayerNorm.gamma"), (shape, bytes))
        })
        .collect();
    let views = halves.iter().map(|(name, (shape, bytes))| {
        (name.as_str(), TensorView::new(FileDtype::F16, shape.clone(), bytes).unwrap())
    });
    fs::write(dir.path().join("model.safetensors"), serialize(views, None).unwrap()).unwrap();
    let out = dir.path().join("out.nimbert");
    pack_dir(dir.path(), &out).unwrap();
    let found = PackedModel::open(&out).unwrap().vector("classifier.bias", LABELS).unwrap();
    let expected = &checkpoint()["classifier.bias"].1;
    assert_eq!(found, expected.iter().map(|v| f16::from_f32(*v).to_f32()).collect::<Vec<_>>());
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let file = packed();
    let data_start = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    // The header and the checksums in full, and some of the rest.
    let checksums = file.len() - 3000..file.len();
    let some = (data_start..file.len()).step_by(97);
    for at in (0..data_start).step_by(7).chain(some).chain(checksums.step_by(11)) {
        let mut damaged = file.to_vec();
        damaged[at] ^= 1 << (at % 8);
        let found = open(&damaged).and_then(|model| model.verify_checksums());
        assert!(found.is_err(), "byte {at}");
    }
}

#[test]
fn the_damaged_part_is_named() {
    let model = open(packed()).unwrap();
    let name = "bert.encoder.layer.1.intermediate.dense.weight";
    let tensor = model.weights.raw().find(|(found, _)| *found == name).unwrap().1;
    let offset = tensor.as_ptr().addr() - model.weights.files().next().unwrap().1.as_ptr().addr();
    let mut damaged = packed().to_vec();
    damaged[offset + 5] ^= 0x10;
    let error = open(&damaged).unwrap().verify_checksums().unwrap_err().to_string();
    says(&error, &["some.nimbert", name, "checksum", "damaged"]);
    let mut other = with_header(|header| header["__metadata__"]["producer"] = json!("nimbert 9.9.9"));
    let error = open(&other).unwrap().verify_checksums().unwrap_err().to_string();
    says(&error, &["header does not match"]);
    other.truncate(other.len() - 1);
    says(&open(&other).unwrap_err().to_string(), &["\"checksums\"", "cut short"]);
}

#[test]
fn a_file_cut_short_is_refused() {
    let file = packed();
    for len in (0..file.len()).step_by(1000).chain([file.len() - 64, file.len() - 1]) {
        assert!(open(&file[..len]).is_err(), "{len} of {} bytes", file.len());
    }
}

#[test]
fn other_formats_versions_and_layouts_are_refused() {
    let refused = |change: fn(&mut Value), words: &[&str]| {
        says(&open(&with_header(change)).unwrap_err().to_string(), &[&["some.nimbert"], words].concat());
    };
    refused(|h| h["__metadata__"] = json!({"format": "pt"}), &["not a packed model"]);
    refused(|h| h["__metadata__"] = json!({}), &["not a packed model"]);
    refused(
        |h| h["__metadata__"]["format_version"] = json!("4"),
        &["format version 4 is newer than this program's 3"],
    );
    refused(
        |h| h["__metadata__"]["format_version"] = json!("2"),
        &["format version 2 is older than this program's 3", "pack the checkpoint again"],
    );
    refused(|h| h["__metadata__"]["format_version"] = json!("one"), &["unknown format version \"one\""]);
    refused(
        |h| h["__metadata__"]["panel_layout"] = json!("n16k4"),
        &["panel_layout", "\"n16k4\"", "\"n32k4\""],
    );
    refused(|h| h["__metadata__"]["needs"] = json!("sentence relative"), &["needs \"relative\"", "newer"]);
    refused(|h| h["__metadata__"]["precision"] = json!("int4"), &["precision", "\"int4\"", "\"int8\""]);
    refused(|h| h["__metadata__"]["config"] = json!("{"), &["not valid JSON"]);
    for key in
        ["format_version", "precision", "panel_layout", "config", "tokenizer", "source_sha256", "producer"]
    {
        let file = with_header(|header| {
            header["__metadata__"].as_object_mut().unwrap().remove(key);
        });
        says(&open(&file).unwrap_err().to_string(), &["lacks", &format!("{key:?}")]);
    }
}

#[test]
fn a_file_of_another_kind_is_told_apart_and_a_checkpoint_s_hints_at_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let here = format!("part of a checkpoint: name its directory, {}", dir.path().display());
    for (name, kind) in [
        ("config.json", "a JSON text"),
        ("vocab.txt", "a text"),
        ("model.safetensors", "a safetensors file, but not a packed model"),
    ] {
        let error = PackedModel::open(&dir.path().join(name)).unwrap_err().to_string();
        says(&error, &[&format!("{name}: {kind}, {here}")]);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    for (content, kind) in [
        (&b"root:x:0:0:root:/root:/bin/bash\n"[..], "a text"),
        (b"", "an empty file"),
        (b"PK\x03\x04and so on", "a zip archive"),
    ] {
        let path = elsewhere.path().join("file");
        fs::write(&path, content).unwrap();
        let error = PackedModel::open(&path).unwrap_err().to_string();
        says(&error, &[&format!("file: {kind}"), "neither a packed model", "nor a checkpoint's directory"]);
    }
}

#[test]
fn tensors_of_another_shape_than_the_configuration_says_are_refused() {
    let file = with_header(|header| {
        let config = header["__metadata__"]["config"].as_str().unwrap();
        header["__metadata__"]["config"] = json!(config.replace("\"vocab_size\":37", "\"vocab_size\":38"));
    });
    let error = words(&open(&file).unwrap()).unwrap_err().to_string();
    says(&error, &["word_embeddings.weight", "[38, 128]", "[37, 128]"]);
    let model = open(packed()).unwrap();
    let wide = Matmul::new("bert.pooler.dense".to_owned(), HIDDEN, 80, Operation::Head);
    let error = model.matmul(&wide).unwrap_err().to_string();
    says(&error, &["bert.pooler.dense.weight", "[3, 20, 32, 4]", "[3, 18, 32, 4]"]);
    says(&model.vector("bert.nothing", 4).unwrap_err().to_string(), &["bert.nothing is missing"]);
    says(
        &model.rows("tokenizer.vocab", Dtype::F32, 1, 1).unwrap_err().to_string(),
        &["tokenizer.vocab", "shape"],
    );
}

#[test]
fn memory_off_the_boundary_is_refused() {
    for past in [1, 8, 16, 32, 63] {
        let mut lines: Vec<CacheLine> = zeroed::<u8>(packed().len() + past);
        bytemuck::cast_slice_mut(&mut lines)[past..][..packed().len()].copy_from_slice(packed());
        let bytes = Bytes::from_lines(lines).slice(past..past + packed().len());
        let error = PackedModel::from_bytes(bytes, Path::new("static")).unwrap_err().to_string();
        says(&error, &["static", "64-byte boundary", &format!("not {past} bytes past")]);
    }
}

#[test]
fn a_data_section_or_tensor_off_the_boundary_is_refused() {
    let (length, rest) = packed().split_first_chunk::<8>().unwrap();
    let length = u64::from_le_bytes(*length);
    let (json, data) = rest.split_at(length as usize);
    let file = [&(length + 8).to_le_bytes(), json, &[b' '; 8], data].concat();
    says(&open(&file).unwrap_err().to_string(), &["the data starts at byte", "multiple of 64"]);

    let mut file = with_header(|header| {
        let end = header["checksums"]["data_offsets"][1].as_u64().unwrap();
        header["extra"] = json!({"dtype": "U8", "shape": [3], "data_offsets": [end, end + 3]});
    });
    file.extend([0; 3]);
    says(&open(&file).unwrap_err().to_string(), &["\"extra\" has 3 bytes", "multiple of 64"]);
}

/// Asserts that the directory has just these files.
#[track_caller]
fn only(dir: &Path, expected: &[&str]) {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name_and_nothing_is_left_behind() {
    for (name, place, value) in [
        ("bert.embeddings.word_embeddings.weight", "[0, 2]", f32::NAN),
        ("bert.encoder.layer.1.attention.self.value.weight", "[0, 2]", f32::INFINITY),
        ("classifier.bias", "[2]", f32::NEG_INFINITY),
    ] {
        let mut source = checkpoint();
        source.get_mut(name).unwrap().1[2] = value;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("old.nimbert");
        fs::write(&out, "as it was").unwrap();
        let error = pack_to(&source, &out).unwrap_err().to_string();
        let words = format!("tensor {name}{place} is {value:?}: not a finite number");
        says(&error, &["model.safetensors: ", &words]);
        only(dir.path(), &["old.nimbert"]);
        assert_eq!(fs::read(&out).unwrap(), b"as it was");
    }
}

#[test]
fn a_source_that_lacks_a_tensor_leaves_nothing_behind() {
    let mut source = checkpoint();
    source.remove("bert.pooler.dense.bias");
    let dir = tempfile::tempdir().unwrap();
    let error = pack_to(&source, &dir.path().join("out.nimbert")).unwrap_err().to_string();
    says(&error, &["bert.pooler.dense.bias is missing"]);
    only(dir.path(), &[]);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = pack_to(&checkpoint(), &dir.path().join("nowhere/out.nimbert")).unwrap_err().to_string();
    says(&error, &["nowhere/out.nimbert"]);
    let error = pack_to(&checkpoint(), dir.path()).unwrap_err().to_string();
    says(&error, &[dir.path().to_str().unwrap(), "not a regular file"]);
    only(dir.path(), &[]);
}

#[test]
fn the_source_itself_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let error = pack_dir(dir.path(), &dir.path().join("./model.safetensors")).unwrap_err();
    says(&error.to_string(), &["model.safetensors", "to be packed"]);
    only(dir.path(), &["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]);
}

#[test]
fn more_tokens_than_embeddings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    let vocabulary = fs::read_to_string(dir.path().join("vocab.txt")).unwrap();
    fs::write(dir.path().join("vocab.txt"), vocabulary + "\none\ntwo").unwrap();
    let error = pack_dir(dir.path(), &dir.path().join("out")).unwrap_err().to_string();
    says(&error, &["39 tokens", "37 word embeddings"]);
}

#[cfg(unix)]
#[test]
fn the_file_has_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let [packed, plain] = ["packed", "plain"].map(|name| dir.path().join(name));
    fs::write(&plain, "").unwrap();
    pack_to(&checkpoint(), &packed).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(packed), mode(plain));
}
