//! `nimbert import`, and pytorch_model.bin on the fly.

use std::{fs, path::Path};

use crate::{nimbert, seeded, seeded_texts};
use nimbert_test_support::data;

fn pytorch(name: &str) -> String {
    data(&format!("pytorch/{name}")).to_str().unwrap().to_owned()
}

/// Everything that the model says of some texts, as bytes.
fn answers(model: &str) -> String {
    let texts = seeded_texts(20);
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    nimbert(&[&["classify", "--format", "json", "--model", model][..], &texts].concat()).done()
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_pytorch_checkpoint_answers_as_its_safetensors_twin_before_and_after_import() {
    let (_twin, twin) = seeded("odd-heads-of-11");
    let expected = answers(&twin);
    assert_eq!(answers(&pytorch("classifier")), expected);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("deep/imported");
    let said = nimbert(&["import", &pytorch("classifier"), "-o", out.to_str().unwrap()]).done();
    assert!(said.contains("imported: ") && said.contains("tensors"), "{said}");
    assert_eq!(files(&out), ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]);
    assert_eq!(answers(out.to_str().unwrap()), expected);
    // Into the directory itself, and packed from there.
    fs::remove_file(out.join("model.safetensors")).unwrap();
    fs::copy(pytorch("classifier/pytorch_model.bin"), out.join("pytorch_model.bin")).unwrap();
    nimbert(&["import", out.to_str().unwrap(), "-o", out.to_str().unwrap()]).done();
    assert_eq!(answers(out.to_str().unwrap()), expected);
    let packed = directory.path().join("packed.nimbert");
    let packed = packed.to_str().unwrap();
    nimbert(&["pack", &pytorch("classifier"), "-o", packed, "--precision", "f32"]).done();
    assert_eq!(answers(packed), expected);
}

#[cfg(unix)]
#[test]
fn nothing_that_is_there_is_replaced_and_links_are_no_trap() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    let (_source, source) = seeded("odd-heads-of-11");
    let out = tempfile::tempdir().unwrap();
    let to = out.path().to_str().unwrap();
    let vocabulary = fs::read(Path::new(&source).join("vocab.txt")).unwrap();
    symlink(Path::new(&source).join("vocab.txt"), out.path().join("vocab.txt")).unwrap();
    fs::write(out.path().join("config.json"), "{}").unwrap();
    nimbert(&["import", &source, "-o", to]).failed(&["config.json", "there already"]);
    fs::remove_file(out.path().join("config.json")).unwrap();
    let said = nimbert(&["import", &source, "-o", to]).done();
    assert_eq!(fs::read(Path::new(&source).join("vocab.txt")).unwrap(), vocabulary);
    let weights = fs::metadata(out.path().join("model.safetensors")).unwrap();
    assert!(weights.size() > 10_000 && said.contains("KiB") && !said.contains(" 0 "), "{said}");
    let other = out.path().join("other");
    fs::write(&other, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&out.path().join("model.safetensors")), mode(&other), "as any new file");
}

#[test]
fn shards_of_safetensors_become_one_file() {
    let (_shards, shards) = seeded("odd-heads-of-11");
    let out = tempfile::tempdir().unwrap();
    nimbert(&["import", &shards, "-o", out.path().to_str().unwrap()]).done();
    assert!(files(out.path()).contains(&"model.safetensors".to_owned()));
    assert_eq!(answers(out.path().to_str().unwrap()), answers(&shards));
}

#[test]
fn what_cannot_be_imported_leaves_nothing() {
    let out = tempfile::tempdir().unwrap();
    let to = out.path().to_str().unwrap();
    let (_source, source) = seeded("odd-heads-of-11");
    for name in files(Path::new(&source))
        .iter()
        .filter(|name| name.ends_with(".safetensors") || name.ends_with("index.json"))
    {
        fs::remove_file(Path::new(&source).join(name)).unwrap();
    }
    nimbert(&["import", &source, "-o", to]).failed(&["neither model.safetensors nor pytorch_model.bin"]);
    for (bad, words) in [
        ("bad-call", &["posix.getpid", "refused"][..]),
        ("bad-legacy", &["before 1.6", "torch.save"]),
        (
            "wrapped-float",
            &["training checkpoint", "\"model_state_dict\", beside \"epoch\", \"loss\"", "python3 -c"],
        ),
        ("wrapped-lightning", &["training checkpoint", "begin with \"model.\"", "k.removeprefix"]),
        ("wrapped-module", &["whole pickled module", ".state_dict()", "only if you trust"]),
        ("wrapped-parallel", &["is missing; 2 of 2 names begin with \"module.\"", "k.removeprefix"]),
        ("bad-training", &["training checkpoint", "\"state_dict\"", "python3 -c"]),
    ] {
        fs::copy(pytorch(&format!("{bad}.bin")), Path::new(&source).join("pytorch_model.bin")).unwrap();
        nimbert(&["import", &source, "-o", to]).failed(&[&["pytorch_model.bin"], words].concat());
        nimbert(&["classify", "--model", &source, "一"]).failed(&[&["pytorch_model.bin"], words].concat());
    }
    nimbert(&["import", "no/such/dir", "-o", to]).failed(&["no/such/dir"]);
    nimbert(&["import", &pytorch("shards"), "-o", to]).failed(&["shards", "config.json"]);
    assert_eq!(files(out.path()), [""; 0]);
    fs::write(out.path().join("model.safetensors"), "there").unwrap();
    nimbert(&["import", &pytorch("classifier"), "-o", to]).failed(&["model.safetensors", "there already"]);
    assert_eq!(fs::read(out.path().join("model.safetensors")).unwrap(), b"there");
}
