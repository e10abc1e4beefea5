//! `nimbert verify --reference`: PyTorch's results, stage by stage.

use std::{fs, path::Path};

use crate::{embed::sentence, file, nimbert, seeded};
use nimbert_test_support::data;

fn reference(name: &str) -> String {
    data(&format!("checkpoints/{name}.safetensors")).to_str().unwrap().to_owned()
}

#[test]
fn good_models_pass_at_every_precision() {
    for name in [
        "gelu-multi-label",
        "odd-heads-of-11",
        "relu-two-labels-f16",
        "long-rows",
        "token-labels",
        "spans",
        "masked-words",
        "masked-words-untied-old-names",
    ] {
        let (directory, model) = seeded(name);
        let packed = directory.path().join("packed.nimbert");
        let (packed, reference) = (packed.to_str().unwrap(), reference(name));
        for precision in ["f32", "f16", "int8"] {
            nimbert(&["pack", "--model", &model, "--precision", precision, "-o", packed]).done();
            for (model, precision) in [(&*model, precision), (packed, "auto")] {
                let arguments =
                    ["verify", "--model", model, "--precision", precision, "--reference", &reference];
                let stdout = nimbert(&arguments).done();
                assert!(stdout.contains("logits") && stdout.contains("good"), "{stdout}");
                assert!(!stdout.contains("BAD"), "{stdout}");
            }
        }
    }
}

/// Of a model that makes vectors the encoder's stages and the vector itself, from the directory and packed.
#[test]
fn vectors_are_compared_too() {
    for name in ["dense-tanh", "default-prompt"] {
        let (directory, model) = sentence(name);
        let packed = directory.path().join("packed.nimbert");
        let packed = packed.to_str().unwrap();
        nimbert(&["pack", "--model", &model, "-o", packed]).done();
        let reference = directory.path().join("reference.safetensors");
        let reference = reference.to_str().unwrap();
        for (model, precision) in [(&*model, "f32"), (&model, "f16"), (&model, "int8"), (packed, "auto")] {
            let arguments = ["verify", "--model", model, "--precision", precision, "--reference", reference];
            let stdout = nimbert(&arguments).done();
            assert!(stdout.contains("layer.2") && stdout.contains("embedding  "), "{stdout}");
        }
        multiply(&model, "bert.encoder.layer.2.output.LayerNorm.weight", 1.01);
        nimbert(&["verify", "--model", &model, "--reference", reference])
            .failed(&["layer.2 is the first stage"]);
    }
    let (directory, model) = sentence("dense-tanh");
    let reference = directory.path().join("reference.safetensors");
    let weights = directory.path().join("2_Dense");
    multiply(weights.to_str().unwrap(), "linear.weight", 1.01);
    nimbert(&["verify", "--model", &model, "--reference", reference.to_str().unwrap()])
        .failed(&["embedding is the first stage"]);
    let (_classifier, classifier) = seeded("gelu-multi-label");
    nimbert(&["verify", "--model", &classifier, "--reference", reference.to_str().unwrap()])
        .failed(&["the reference has vectors, the model makes none"]);
}

/// Changes one tensor of the checkpoint: each f32 is multiplied.
pub(crate) fn multiply(model: &str, tensor: &str, by: f32) {
    let path = Path::new(model).join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let range = &header[tensor]["data_offsets"];
    let [from, to] = [0, 1].map(|i| 8 + length + range[i].as_u64().unwrap() as usize);
    for value in bytes[from..to].as_chunks_mut::<4>().0 {
        *value = (f32::from_le_bytes(*value) * by).to_le_bytes();
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_first_stage_that_is_wrong_is_named() {
    for (precision, by) in [("f32", 1.01), ("int8", 3.0)] {
        let (_model, model) = seeded("gelu-multi-label");
        multiply(&model, "bert.encoder.layer.1.output.dense.weight", by);
        let arguments = ["verify", "--model", &model, "--precision", precision, "--reference"];
        let stdout = nimbert(&[&arguments[..], &[&reference("gelu-multi-label")]].concat())
            .failed(&["layer.1 is the first stage"]);
        let verdict =
            |stage: &str| stdout.lines().find(|line| line.starts_with(stage)).unwrap().contains("BAD");
        assert_eq!(["embeddings", "layer.0", "layer.1", "layer.2"].map(verdict), [false, false, true, true]);
    }
}

/// A head that is wrong is told from its encoder, and so are words that are wrong where the first matrix and the last are one.
#[test]
fn a_head_that_is_wrong_is_named() {
    for (name, tensor, stage) in [
        ("spans", "qa_outputs.weight", "logits"),
        ("masked-words", "cls.predictions.transform.dense.weight", "logits"),
        ("masked-words", "cls.predictions.transform.LayerNorm.weight", "logits"),
        ("masked-words", "cls.predictions.bias", "logits"),
        ("masked-words", "bert.embeddings.word_embeddings.weight", "embeddings"),
        ("masked-words-untied-old-names", "cls.predictions.transform.LayerNorm.gamma", "logits"),
        ("masked-words-untied-old-names", "cls.predictions.decoder.weight", "logits"),
    ] {
        let (_model, model) = seeded(name);
        multiply(&model, tensor, 1.01);
        nimbert(&["verify", "--model", &model, "--reference", &reference(name)])
            .failed(&[&format!("{stage} is the first stage")]);
    }
}

#[test]
fn a_packed_file_of_other_weights_is_told_apart() {
    let (directory, model) = seeded("gelu-multi-label");
    multiply(&model, "classifier.bias", 1.5);
    let packed = directory.path().join("packed.nimbert");
    let packed = packed.to_str().unwrap();
    nimbert(&["pack", "--model", &model, "-o", packed]).done();
    nimbert(&["verify", "--model", packed, "--reference", &reference("gelu-multi-label")])
        .failed(&["SHA-256"]);
}

#[test]
fn what_is_no_reference_or_not_of_this_model_is_refused() {
    let (_model, model) = seeded("gelu-multi-label");
    let verify = |reference: &str| nimbert(&["verify", "--model", &model, "--reference", reference]);
    verify("/dev/zero").failed(&["/dev/zero", "not a regular file"]);
    let (_text, text) = file("text.safetensors", "hello");
    verify(&text).failed(&["text.safetensors", "no safetensors file"]);
    verify("no/such.safetensors").failed(&["no/such.safetensors"]);
    let weights = format!("{model}/model.safetensors");
    verify(&weights).failed(&["model.safetensors", "export_reference.py"]);
    verify(&reference("one-head-of-130")).failed(&["row 0 of the reference"]);
    nimbert(&["verify"]).misused(&["--file", "--reference"]);
    nimbert(&["verify", "--file", "a", "--reference", "b"]).misused(&["--file", "--reference"]);
    nimbert(&["verify", "--file", "a", "b"]).misused(&["--file"]);
    nimbert(&["verify", "a", "--threads", "1"]).misused(&["--reference"]);
    nimbert(&["verify", &model]).failed(&["a directory has no checksums", "--reference"]);
}

#[test]
fn checksums_can_be_asked_for_at_load() {
    let (directory, model) = seeded("gelu-multi-label");
    let packed = directory.path().join("packed.nimbert");
    let name = packed.to_str().unwrap();
    nimbert(&["pack", "--model", &model, "-o", name]).done();
    let classify = ["classify", "--model", name, "--verify", "一"];
    nimbert(&classify).done();
    let said = nimbert(&["verify", name]).done();
    assert!(said.contains("undamaged"), "{said}");
    assert_eq!(nimbert(&["verify", "--model", name]).done(), said);
    assert_eq!(nimbert(&["verify", "--file", name]).done(), said);
    let mut bytes = fs::read(&packed).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&packed, bytes).unwrap();
    nimbert(&classify).failed(&["packed.nimbert", "checksum"]);
}
