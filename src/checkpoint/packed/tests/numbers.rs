//! A number that a change of type would lose is refused by name and place; one at the edge keeps its value.

use super::*;
use crate::{Engine, Options, checkpoint::f16_parts};

const INNER: &str = "bert.encoder.layer.0.intermediate.dense";
const VALUE: &str = "bert.encoder.layer.1.attention.self.value";
const TABLE: &str = "bert.embeddings.word_embeddings";

/// The random checkpoint with `value` at this place of a matrix.
fn with_weight(name: &str, [row, column]: [usize; 2], value: f32) -> Checkpoint {
    let mut source = checkpoint();
    let (shape, values) = source.get_mut(&format!("{name}.weight")).unwrap();
    values[row * shape[1] + column] = value;
    source
}

/// In a directory with room for packed files.
fn written(source: &Checkpoint) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), source);
    dir
}

fn pack_at(dir: &Path, precision: Precision, keep_f16: &[&str]) -> Result<std::path::PathBuf> {
    let out = dir.join(format!("{precision}.nimbert"));
    let keep_f16 = keep_f16.iter().map(|&name| name.to_owned()).collect();
    write(dir, &out, &PackOptions { precision, keep_f16 }, &mut |_, _| {}).map(|_| out)
}

fn load(path: &Path, precision: Precision) -> Result<Engine> {
    Engine::load(path, Options { precision, threads: Some(1), ..Options::default() })
}

fn logits(path: &Path, precision: Precision) -> Vec<f32> {
    load(path, precision).unwrap().classify(&["词1 词20 词7"]).remove(0).unwrap().logits
}

#[test]
fn a_weight_beyond_f16_is_refused_wherever_it_would_be_stored_or_computed_in_it() {
    for (name, part, place) in [
        (INNER, INNER, [3, 5]),
        (VALUE, "bert.encoder.layer.1.attention.self.qkv", [70, 1]),
        (TABLE, TABLE, [36, 71]),
    ] {
        let dir = written(&with_weight(name, place, 7e4));
        let words = |name: &str, [row, column]: [usize; 2]| {
            format!(
                "tensor {name}.weight[{row}, {column}] is 70000.0: f16 holds at most 65504, precision int8 or f32"
            )
        };
        let of_source = ["model.safetensors: ", &words(name, place)];
        says(&pack_at(dir.path(), Precision::F16, &[]).unwrap_err().to_string(), &of_source);
        says(&pack_at(dir.path(), Precision::Int8, &[part]).unwrap_err().to_string(), &of_source);
        let [f32, int8] =
            [Precision::F32, Precision::Int8].map(|precision| pack_at(dir.path(), precision, &[]).unwrap());
        for file in [&f32, &int8] {
            PackedModel::open(file).unwrap().verify().unwrap();
            load(file, Precision::Auto).unwrap().classify(&["词1"]).remove(0).unwrap();
        }
        let mut parts = super::super::Config::from_dir(dir.path()).unwrap().quantized_parts();
        parts.retain(|name| name != part);
        assert_eq!(f16_parts(dir.path()).unwrap(), parts.into_iter().collect());
        if name == TABLE {
            continue; // which is read where it lies, at whatever precision products are
        }
        says(&load(dir.path(), Precision::F16).unwrap_err().to_string(), &of_source);
        let below = if name == VALUE { [2 * HIDDEN + 70, 1] } else { place };
        says(&load(&f32, Precision::F16).unwrap_err().to_string(), &["f32.nimbert: ", &words(part, below)]);
        says(&load(&int8, Precision::F16).unwrap_err().to_string(), &["int8.nimbert: ", part, "65504"]);
    }
}

/// On processors with arithmetic for halves, too, where a sum of a few products with such a weight is beyond them.
#[test]
fn the_largest_weight_of_f16_keeps_its_value() {
    let dir = written(&with_weight(INNER, [3, 5], 65_519.0));
    let packed = pack_at(dir.path(), Precision::F16, &[]).unwrap();
    PackedModel::open(&packed).unwrap().verify().unwrap();
    let expected = logits(dir.path(), Precision::F32);
    for found in [logits(&packed, Precision::Auto), logits(dir.path(), Precision::F16)] {
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 0.05, "{found} for {expected}");
        }
    }
}

#[test]
fn rows_of_zeros_and_of_next_to_nothing_keep_their_values_in_int8() {
    let mut source = checkpoint();
    let (_, values) = source.get_mut(&format!("{INNER}.weight")).unwrap();
    values[..HIDDEN].fill(0.0);
    values[HIDDEN..2 * HIDDEN].fill(-1e-42);
    let (_, rows) = source.get_mut(&format!("{TABLE}.weight")).unwrap();
    rows[..HIDDEN].fill(0.0);
    rows[HIDDEN..2 * HIDDEN].fill(1e-42);
    let dir = written(&source);
    let model = PackedModel::open(&pack_at(dir.path(), Precision::Int8, &[]).unwrap()).unwrap();
    let (weight, _) = matmul(&model, INNER);
    let Weight::Int8 { panels, scales, sums } = weight else { panic!("int8") };
    let found: Vec<f32> = nimbert_kernels::expand_int8(&panels, &scales, INTERMEDIATE, HIDDEN).collect();
    assert_eq!((&found[..HIDDEN], scales[0], sums[0]), (&[0.0; HIDDEN][..], 0.0, 0.0));
    let off = |found: &[f32], expected: f32| {
        let step = f32::from_bits(6); // 1e-42 is 714 units, 127 steps of 5.6
        assert!(found.iter().all(|found| (found - expected).abs() <= step / 2.0), "{found:?}");
    };
    off(&found[HIDDEN..2 * HIDDEN], -1e-42);
    let (table, mut row) = (words(&model).unwrap(), [1.0; HIDDEN]);
    table.read_f32(0, &mut row);
    assert_eq!(row, [0.0; HIDDEN]);
    table.read_f32(1, &mut row);
    off(&row, 1e-42);
}

#[test]
fn a_row_whose_sum_f32_does_not_hold_is_refused_in_int8() {
    let mut source = checkpoint();
    source.get_mut(&format!("{INNER}.weight")).unwrap().1[HIDDEN..HIDDEN + 2].fill(3e38);
    let dir = written(&source);
    let words = ["model.safetensors: ", &format!("tensor {INNER}.weight[1, 0] is 3e38: "), "adds up"];
    says(&pack_at(dir.path(), Precision::Int8, &[]).unwrap_err().to_string(), &words);
    assert!(pack_at(dir.path(), Precision::F32, &[]).is_ok());
    // One such weight alone is 127 steps that are finite, whatever they are rounded to.
    let dir = written(&with_weight(INNER, [1, 0], f32::MAX));
    let model = PackedModel::open(&pack_at(dir.path(), Precision::Int8, &[]).unwrap()).unwrap();
    model.verify().unwrap();
    let (weight, _) = matmul(&model, INNER);
    let Weight::Int8 { panels, scales, .. } = weight else { panic!("int8") };
    let found: Vec<f32> = nimbert_kernels::expand_int8(&panels, &scales, INTERMEDIATE, HIDDEN).collect();
    assert!(found[HIDDEN].is_finite() && found[HIDDEN] > 0.999_999 * f32::MAX, "{:e}", found[HIDDEN]);
}

/// The packed file with these bytes at the start of a tensor, and the right checksum of it: as a faulty program writes it.
fn with_bytes(file: &[u8], name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let model = open(file).unwrap();
    let base = model.weights.files().next().unwrap().1.as_ptr().addr();
    let all: Vec<_> =
        model.weights.raw().map(|(name, bytes)| (name, bytes.as_ptr().addr() - base, bytes.len())).collect();
    let index = all.iter().position(|(found, ..)| *found == name).unwrap();
    let (_, start, len) = all[index];
    let (_, sums, _) = *all.last().unwrap();
    let mut file = file.to_vec();
    file[start + at..][..bytes.len()].copy_from_slice(bytes);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&file[start..start + len]);
    file[sums + (index + 1) * 64..][..32].copy_from_slice(&digest);
    file
}

#[test]
fn files_with_numbers_that_are_none_are_refused() {
    let dir = written(&checkpoint());
    let f16 = fs::read(pack_at(dir.path(), Precision::F16, &[]).unwrap()).unwrap();
    // Panel 1, input 5, output 3 of it.
    let at = 2 * ((HIDDEN + 5) * 32 + 3);
    let bad = with_bytes(&f16, &format!("{INNER}.weight"), at, &f16::INFINITY.to_le_bytes());
    let words = format!("tensor {INNER}.weight[35, 5] is inf: not a finite number");
    let path = dir.path().join("bad.nimbert");
    fs::write(&path, &bad).unwrap();
    let error = crate::verify_packed(&path).unwrap_err().to_string();
    says(&error, &["bad.nimbert: ", &words, "pack the checkpoint again"]);
    says(&load(&path, Precision::F32).unwrap_err().to_string(), &[&words]);
    says(&load(&path, Precision::Int8).unwrap_err().to_string(), &[&words]);
    let verified = Options { verify: true, ..Options::default() };
    says(&Engine::load(&path, verified).unwrap_err().to_string(), &[&words]);
    // At its own precision nothing reads the matrix before a text does, which gets no answer.
    let error = load(&path, Precision::Auto).unwrap().classify(&["词1"]).remove(0).unwrap_err().to_string();
    says(&error, &["bad.nimbert", "no finite answer"]);

    for (name, value) in [
        ("bert.embeddings.word_embeddings.scale", f32::NAN),
        ("bert.encoder.layer.0.intermediate.dense.scale", f32::INFINITY),
        ("bert.encoder.layer.0.intermediate.dense.sum", f32::NEG_INFINITY),
        ("bert.encoder.layer.0.intermediate.dense.bias", f32::NAN),
        ("bert.encoder.layer.1.output.LayerNorm.weight", f32::INFINITY),
        ("bert.embeddings.LayerNorm.bias", f32::NAN),
        ("classifier.bias", f32::NAN),
        ("classifier.weight", f32::INFINITY),
    ] {
        let place = if name == "classifier.weight" { "[0, 2]" } else { "[2]" };
        let words = format!("tensor {name}{place} is {value:?}: not a finite number");
        let bad = with_bytes(packed(), name, 8, &value.to_le_bytes());
        says(&open(&bad).unwrap().verify().unwrap_err().to_string(), &[&words]);
        fs::write(&path, &bad).unwrap();
        says(&load(&path, Precision::Auto).unwrap_err().to_string(), &["bad.nimbert: ", &words]);
    }
}
