//! What people save instead of a state dict: the answer says where it is and which command saves it alone.

use super::{data, parse, pickled, read, refused};
use crate::checkpoint::weights::Weights;

const SAVE: &str = r#"os.rename(p, p + ".whole"); torch.save(t, p)' 'a dir/pytorch_model.bin'"#;
const SAFE: &str = r#"d = torch.load(p, map_location="cpu"); "#;
const TRUSTED: &str = r#"d = torch.load(p, map_location="cpu", weights_only=False); "#;

#[test]
fn a_training_checkpoint_gets_the_same_hint_whatever_lies_beside_the_state_dict() {
    let found = "looks like a training checkpoint: the state dict, of 2 tensors, is under ";
    for (name, words) in [
        (
            "wrapped-float",
            &[
                r#""model_state_dict", beside "epoch", "loss"; to save"#,
                SAFE,
                r#"t = d["model_state_dict"];"#,
            ][..],
        ),
        (
            "wrapped-plain-values",
            &[
                r#""model", beside "optimizer", "lr", "ema" (others are under "ema");"#,
                SAFE,
                r#"t = d["model"];"#,
            ],
        ),
        ("wrapped-only", &[r#""state_dict"; to save"#, SAFE, r#"t = d["state_dict"];"#]),
        (
            "wrapped-lightning",
            &[
                r#""state_dict", beside "pytorch-lightning_version", "global_step"; its names begin with "model."; to"#,
                SAFE,
                r#"t = {k.removeprefix("model."): v for k, v in d["state_dict"].items()};"#,
            ],
        ),
        (
            "wrapped-everything",
            &[
                r#"0 in "nets" in "trainer", beside "epoch", "loss", "best", "done", "big", "negative", …; its names"#,
                r#"; it makes objects of "_codecs.encode", "#,
                r#""argparse.Namespace", "#,
                r#", …, so only if you trust the file; to save it alone: "#,
                TRUSTED,
                r#"t = {k.removeprefix("module."): v for k, v in d["trainer"]["nets"][0].items()};"#,
            ],
        ),
    ] {
        refused(&read(&format!("{name}.bin")), &[&[found, SAVE], words].concat());
    }
    let plain = [r#"under "state_dict", beside "epoch"; to save it alone: "#, r#"t = d["state_dict"];"#];
    refused(&read("bad-training.bin"), &plain);
}

#[test]
fn a_whole_module_and_tensors_among_other_values_get_theirs() {
    let module = "whole pickled module";
    refused(
        &read("wrapped-module.bin"),
        &[module, "of class \"__main__.Tiny\"", "only if you trust", TRUSTED, "t = d.state_dict();", SAVE],
    );
    refused(
        &read("wrapped-module-in-dict.bin"),
        &[module, "under \"model\", of class", TRUSTED, r#"t = d["model"].state_dict();"#],
    );
    refused(
        &read("wrapped-mixed.bin"),
        &[
            "\"epoch\" is no tensor, but a number; ",
            SAFE,
            "t = {k: v for k, v in d.items() if torch.is_tensor(v)};",
        ],
    );
}

/// Where nothing but an object stands in the way there is no command that would make it.
#[test]
fn objects_among_the_tensors_are_refused_by_name_without_a_command() {
    refused(
        &read("wrapped-object.bin"),
        &["data.pkl, byte", "argparse.Namespace", "refused, it could run code"],
    );
    for name in ["wrapped-object.bin", "bad-call.bin"] {
        assert!(!parse(&read(name)).unwrap_err().contains("python3"), "{name}");
    }
}

/// A prefix alone is nothing that a file is refused for; a tensor that is missed under its own name is.
#[test]
fn a_prefix_is_told_when_a_tensor_is_missing() {
    let safetensors = |prefix: &str| {
        let file = read("wrapped-parallel.bin");
        let views = parse(&file).unwrap().into_iter().map(|found| {
            let super::Place::Range(range) = found.place else { panic!("plain tensors") };
            let name = found.name.replace("module.", prefix);
            (name, safetensors::tensor::TensorView::new(found.dtype, found.shape, &file[range]).unwrap())
        });
        safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let asks = |name: &str, file: &[u8], words: &[&str]| {
        let path = dir.path().join(name);
        std::fs::write(&path, file).unwrap();
        let weights = Weights::open_dir(dir.path()).unwrap();
        let error = weights.get("bert.embeddings.word_embeddings.weight", &[2, 3]).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error:?}");
        }
        std::fs::remove_file(path).unwrap();
    };
    let missing = "tensor bert.embeddings.word_embeddings.weight is missing; 2 of 2 names begin with ";
    for (name, prefix) in [("wrapped-parallel", "module."), ("wrapped-compiled", "_orig_mod.")] {
        let strip = format!("t = {{k.removeprefix(\"{prefix}\"): v for k, v in d.items()}};");
        let begins = format!("{missing}\"{prefix}\"; to take that away: python3 -c 'import os, sys");
        asks("pytorch_model.bin", &read(&format!("{name}.bin")), &[&begins, &strip, "torch.save(t, p)' "]);
        asks(
            "model.safetensors",
            &safetensors(prefix),
            &[&begins, &strip, "save_file(t, p, {\"format\": \"pt\"})' "],
        );
    }
    std::fs::write(dir.path().join("a.safetensors"), safetensors("model.")).unwrap();
    let index = r#"{"weight_map":{"model.bert.embeddings.word_embeddings.weight":"a.safetensors"}}"#;
    let strip = r#"t = {k.removeprefix("model."): v for k, v in d.items()}; p = i.removesuffix(".index.json"); save_file("#;
    asks("model.safetensors.index.json", index.as_bytes(), &["1 of 1 names begin with \"model.\"", strip]);
    assert!(Weights::open_dir(&data().join("shards")).unwrap().get("b", &[9]).is_err());
}

#[test]
fn a_state_dict_out_of_reach_is_not_looked_for_without_end() {
    // A list in itself, and dictionaries in each other.
    refused(&pickled(b"\x80\x02]q\x00h\x00a."), &["not a dictionary of tensors, but a list"]);
    let deep =
        [&b"\x80\x02"[..], &b"}X\x01\0\0\0a".repeat(100_000), b"N", &b"s".repeat(100_000), b"."].concat();
    refused(&pickled(&deep), &["not a dictionary of tensors, but a dictionary"]);
}
