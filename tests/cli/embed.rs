//! `nimbert embed`: vectors as JSON, for reading and as a matrix in a file.

use std::fs;

use nimbert_test_support::{copy, data};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::{file, nimbert, nimbert_fed, objects, seeded};

/// A directory of sentence-transformers: `name` of tests/data/sentence, with its encoder.
pub(super) fn sentence(name: &str) -> (tempfile::TempDir, String) {
    let (directory, path) = seeded("gelu-multi-label");
    copy(&data("sentence").join(name), directory.path());
    (directory, path)
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

#[test]
fn json_has_the_vector_and_what_was_read() {
    let (_model, model) = sentence("default-prompt");
    let (_input, input) = file("a.jsonl", "{\"id\":[7],\"text\":\"一丁\"}\n{\"id\":null,\"text\":\"丁\"}\n");
    let found = nimbert(&["embed", "--model", &model, "--input", &input, "--format", "json"]).json();
    assert_eq!(found.len(), 2);
    let keys: Vec<_> = found[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["embedding", "id", "index", "tokens", "truncated"]);
    assert_eq!(
        (&found[0]["id"], &found[1]["index"], &found[0]["truncated"]),
        (&json!([7]), &json!(1), &json!(false))
    );
    // [CLS], two characters of the default prompt, two of the text, and [SEP].
    assert_eq!((&found[0]["tokens"], floats(&found[0]["embedding"]).len()), (&json!(6), 72));
    let without =
        nimbert(&["embed", "-m", &model, "--prompt-name", "none", "--format", "json", "一丁"]).json();
    assert_eq!(without[0]["tokens"], json!(4));
    let said = nimbert(&["embed", "-m", &model, "--prompt", "丙业", "--format", "json", "一丁"]).json();
    assert_eq!(said[0]["embedding"], found[0]["embedding"]);
}

#[test]
fn for_reading_a_vector_shows_its_start_and_its_length() {
    let (_model, model) = sentence("new-cls");
    let stdout = nimbert(&["embed", "-m", &model, "一丁", "丁"]).done();
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (4, "一丁", "丁"));
    assert!(lines[1].contains("…  (72 numbers, length 1.000, 4 tokens)"), "{stdout}");
}

#[test]
fn a_matrix_has_the_same_numbers_in_both_kinds_of_files() {
    let (_model, model) = sentence("dense-tanh");
    let (kept, input) = file("a.csv", "id,comment\n1,一丁\n2,丁\n3,\n");
    let path = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    let common = ["embed", "-m", &model, "-i", &input, "--column", "comment", "--dimensions", "12"];
    let found = nimbert(&[&common[..], &["--format", "json"]].concat()).json();
    let expected: Vec<f32> = found.iter().flat_map(|object| floats(&object["embedding"])).collect();
    assert_eq!(expected.len(), 36);
    for (name, batch) in [("a.npy", "1"), ("a.safetensors", "32")] {
        let stdout = nimbert(&[&common[..], &["--output", &path(name), "--batch", batch]].concat()).done();
        assert_eq!(stdout, format!("{}: 3 vectors, 12 numbers each\n", path(name)));
    }
    let bytes: Vec<u8> = expected.iter().flat_map(|x| x.to_le_bytes()).collect();
    let npy = fs::read(path("a.npy")).unwrap();
    let (start, numbers) = npy.split_at(128);
    assert!(start.starts_with(
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 12), }"
    ));
    assert_eq!((start[127], numbers), (b'\n', &bytes[..]));
    let file = fs::read(path("a.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensor = tensors.tensor("embeddings").unwrap();
    assert_eq!((tensor.shape(), tensor.data()), (&[3, 12][..], &bytes[..]));
    let mut names: Vec<_> =
        fs::read_dir(kept.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.csv", "a.npy", "a.safetensors"]);
}

#[test]
fn no_texts_make_a_matrix_without_rows() {
    let (_model, model) = seeded("gelu-multi-label");
    let (kept, input) = file("a.csv", "text\n");
    let out = kept.path().join("a.npy");
    nimbert(&["embed", "-m", &model, "-i", &input, "-o", out.to_str().unwrap()]).done();
    assert!(fs::read(out).unwrap().starts_with(
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (0, 72), }"
    ));
}

#[test]
fn the_row_that_is_bad_is_named_and_the_others_stand() {
    let (_model, model) = seeded("gelu-multi-label");
    let (kept, input) = file("a.csv", "text\n一\n\"丁\n");
    let stdout = nimbert(&["embed", "-m", &model, "-i", &input, "--format", "json"])
        .failed(&["a.csv: line 3: the quote that opens here is never closed"]);
    assert_eq!(objects(&stdout).len(), 1);
    // Of a matrix there is none, rather than a part.
    let out = kept.path().join("a.npy");
    let failed = nimbert(&["embed", "-m", &model, "-i", &input, "-o", out.to_str().unwrap()]);
    failed.failed(&["line 3"]);
    assert!(!out.exists());
    let long = "一".repeat(200);
    let found = nimbert(&["embed", "-m", &model, "--on-long", "error", "--format", "json", "一", &long]);
    assert_eq!(objects(&found.failed(&["text 2 of 2", "tokens"])).len(), 1);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_kept, model) = sentence("dense-twice");
    nimbert(&["embed", "x"]).misused(&["--model <PATH>"]);
    nimbert(&["embed", "--model", &model]).misused(&["no texts"]);
    nimbert(&["embed", "-m", &model, "-i", "a.csv", "--pair-column", "b"]).misused(&["--pair-column"]);
    nimbert(&["embed", "-m", &model, "--prompt", "a", "--prompt-name", "b", "x"]).misused(&["--prompt-name"]);
    nimbert(&["embed", "-m", &model, "--pooling", "median", "x"]).misused(&["cls, max, mean"]);
    nimbert(&["embed", "-m", &model, "--pooling", "cls", "x"])
        .failed(&["pooling: cls, but", "its own: cls, max"]);
    nimbert(&["embed", "-m", &model, "--dimensions", "6", "x"])
        .failed(&["dimensions: 6 is not between 1 and the model's 5"]);
    nimbert(&["embed", "-m", &model, "--prompt-name", "q", "x"]).failed(&[
        "prompt-name",
        "\"q\"",
        "the model has none",
    ]);
    nimbert(&["embed", "-m", &model, "-o", "x.txt", "x"]).failed(&["x.txt", ".npy or .safetensors"]);
    nimbert(&["pack", "--model", &model, "-o", "x.nimbert"]).failed(&[
        "modules.json",
        "no place for",
        "pooling",
    ]);
    nimbert(&["import", &model, "-o", "elsewhere"]).failed(&["modules.json", "import it into itself"]);
    nimbert_fed(&["embed", "-m", &model, "-i", "-", "-f", "json"], b"\xff\n")
        .failed(&["standard input: line 1", "UTF-8"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_takes_no_matrix() {
    let (_model, model) = seeded("gelu-multi-label");
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("x.npy");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    let failed = nimbert(&["embed", "-m", &model, "-o", link.to_str().unwrap(), "一"]);
    failed.failed(&["x.npy", "is not a regular file", "at its start"]);
}

/// The encoder of a classifier in a packed file, and of a model without a head.
#[test]
fn a_packed_classifier_has_an_encoder_too_and_info_says_what_a_model_can_do() {
    let (kept, model) = seeded("gelu-multi-label");
    let packed = kept.path().join("f32.nimbert").to_str().unwrap().to_owned();
    nimbert(&["pack", "--model", &model, "--precision", "f32", "-o", &packed]).done();
    let run =
        |model: &str| nimbert(&["embed", "-m", model, "--pooling", "max", "--format", "json", "一丁"]).done();
    assert_eq!(run(&model), run(&packed));
    let info = |model: &str| nimbert(&["info", model, "--format", "json"]).json().remove(0);
    assert_eq!(info(&model)["commands"], json!(["classify", "eval", "compare", "embed"]));
    let path = kept.path().join("config.json");
    let config = fs::read_to_string(&path).unwrap().replace("BertForSequenceClassification", "BertModel");
    fs::write(path, config).unwrap();
    let about = info(&model);
    assert_eq!((&about["class"], &about["commands"]), (&json!("BertModel"), &json!(["embed"])));
    assert_eq!((&about["labels"], &about["scoring"]), (&json!([]), &Value::Null));
    nimbert(&["classify", "-m", &model, "一"])
        .failed(&["BertModel has no sequence classifier", "`nimbert embed`"]);
    let again = kept.path().join("encoder.nimbert").to_str().unwrap().to_owned();
    nimbert(&["pack", "--model", &model, "--precision", "f32", "-o", &again]).done();
    assert_eq!(run(&again), run(&model));
    nimbert(&["classify", "-m", &again, "一"])
        .failed(&["encoder.nimbert: BertModel has no sequence classifier"]);
}
