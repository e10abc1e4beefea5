//! `nimbert bench --save` and `--against`: a measurement is compared with an earlier one of the same thing.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Run, file, nimbert, seeded};

/// One thread and as few runs as there can be.
fn bench(more: &[&str]) -> Run {
    nimbert(&[&["bench", "--threads", "1", "--seconds", "0"], more].concat())
}

/// A measurement of the shapes 1x4 and 2x3 by `more`, in a directory that lives as long as the first value.
fn saved(more: &[&str]) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("base.json").to_str().unwrap().to_owned();
    let stdout = bench(&[&["--shapes", "2x3,1x4", "--save", &path], more].concat()).done();
    assert!(stdout.contains("median ms") && !stdout.contains("against"), "{stdout}");
    (directory, path)
}

/// The file with one change.
fn doctored(path: &str, change: impl FnOnce(&mut Value)) -> (TempDir, String) {
    let mut object = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut object);
    file("base.json", object.to_string())
}

#[test]
fn what_is_saved_is_what_json_prints_and_compares_with_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("base.json").to_str().unwrap().to_owned();
    let printed = bench(&["--shapes", "2x3,1x4", "--format", "json", "--save", &path]).done();
    assert_eq!(fs::read_to_string(&path).unwrap(), printed);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "a temporary file was left");

    let stdout = bench(&["--against", &path, "--tolerance", "1e9"]).done();
    for word in
        ["against  ", "base.json: built-in demo, nimbert ", "1x4", "2x3", "ratio", "good", "minimum decides"]
    {
        assert!(stdout.contains(word), "no {word:?} in {stdout}");
    }
    // A part of the file's shapes, and another file is saved beside the comparison.
    let next = directory.path().join("next.json").to_str().unwrap().to_owned();
    let how = ["--shapes", "1x4", "--tolerance", "1e9", "--format", "json", "--save", &next];
    let compared = &bench(&[&["--against", &path], &how[..]].concat()).json()[0];
    let entry = &compared["shapes"]["1x4"];
    let then = &serde_json::from_str::<Value>(&printed).unwrap()["shapes"]["1x4"];
    for (time, ratio) in [("min_ms", "min"), ("median_ms", "median")] {
        let expected = entry[time].as_f64().unwrap() / then[time].as_f64().unwrap();
        assert!((entry["ratio"][ratio].as_f64().unwrap() - expected).abs() < 0.01, "{entry} against {then}");
    }
    let against = &compared["against"];
    assert_eq!((&against["file"], &against["decides"]), (&json!(path), &json!("min_ms")));
    assert_eq!((&against["tolerance_percent"], &against["slower"]), (&json!(1e9), &json!([])));
    let saved: Value = serde_json::from_slice(&fs::read(&next).unwrap()).unwrap();
    assert_eq!(saved["shapes"].as_object().unwrap().len(), 1);
    assert_eq!(saved["shapes"]["1x4"]["min_ms"], entry["min_ms"]);
    assert!(saved["against"].is_null() && saved["shapes"]["1x4"]["ratio"].is_null(), "{saved}");
}

#[test]
fn what_is_slower_is_measured_again_and_named() {
    let (directory, path) = saved(&[]);
    let (_directory, fast) = doctored(&path, |object| {
        for time in ["min_ms", "median_ms"] {
            let slot = &mut object["shapes"]["2x3"][time];
            *slot = json!(slot.as_f64().unwrap() / 1e3);
            let slot = &mut object["shapes"]["1x4"][time];
            *slot = json!(slot.as_f64().unwrap() * 1e3);
        }
    });
    let next = directory.path().join("next.json");
    let stdout = bench(&["--against", &fast, "--save", next.to_str().unwrap()]).failed(&[
        "base.json",
        "2x3 by",
        "5 %",
    ]);
    assert!(stdout.contains("slower, measured again\n") && stdout.contains("slower at first"), "{stdout}");
    assert!(next.exists(), "what was measured is saved all the same");
    let run = bench(&["--against", &fast, "--format", "json"]);
    assert!(!run.stderr.contains("1x4"), "{}", run.stderr);
    let object: Value = serde_json::from_str(&run.failed(&["2x3"])).unwrap();
    assert_eq!(object["against"]["slower"], json!(["2x3"]));
    let again = |shape: &str| object["shapes"][shape]["measured_again"].as_bool().unwrap();
    assert_eq!((again("2x3"), again("1x4")), (true, false));
    // 5 runs, and 5 again.
    let runs = |shape: &str| object["shapes"][shape]["runs"].as_u64().unwrap();
    assert_eq!((runs("2x3"), runs("1x4")), (10, 5));
}

#[test]
fn lengths_are_compared_too() {
    let (_lengths, lengths) = file("lengths.txt", "3\n12\n7\n");
    let (_directory, path) = saved(&["--lengths", &lengths, "--batch", "2"]);
    // The file knows its lengths.
    let all = &bench(&["--against", &path, "--tolerance", "1e9", "--format", "json"]).json()[0];
    assert_eq!((&all["batch"], &all["token_counts"]), (&json!(2), &json!([3, 12, 7])));
    assert!(all["lengths"]["ratio"]["min"].is_number() && all["shapes"]["2x3"]["ratio"]["min"].is_number());
    let alone = ["--shapes", "-", "--lengths", &lengths, "--against", &path, "--tolerance", "1e9"];
    let table = bench(&alone).done();
    assert!(table.contains("lengths") && !table.contains("2x3"), "{table}");
    let shapes = bench(&["--shapes", "1x4", "--against", &path, "--tolerance", "1e9"]).done();
    assert!(!shapes.contains("lengths"), "{shapes}");

    bench(&[&alone[..], &["--batch", "3"]].concat()).failed(&["base.json: batch: 2 in it, 3 here"]);
    for (content, words) in [("3\n12\n", "2 texts, 15 tokens here"), ("12\n3\n7\n", "another order")] {
        let (_other, other) = file("lengths.txt", content);
        bench(&["--lengths", &other, "--against", &path]).failed(&["base.json: token_counts: ", words]);
    }
    let (_slower, slower) = doctored(&path, |object| object["lengths"]["min_ms"] = json!(1e-6));
    bench(&["--against", &slower, "--tolerance", "1000"]).failed(&["1000 %", "lengths by"]);
    let (_without, without) = doctored(&path, |object| {
        object.as_object_mut().unwrap().remove("lengths");
        object.as_object_mut().unwrap().remove("token_counts");
    });
    bench(&["--lengths", &lengths, "--against", &without]).failed(&["base.json: lengths: none in it"]);
}

#[test]
fn only_like_is_compared_with_like() {
    let (_directory, path) = saved(&[]);
    let refused = |how: &[&str], words: &[&str]| {
        let stdout = nimbert(&[&["bench", "--seconds", "0", "--against", &path], how].concat()).failed(words);
        assert_eq!(stdout, "");
    };
    let (_model, model) = seeded("gelu-multi-label");
    let preset = ["--threads", "1", "--preset", "bert-base-chinese", "--precision", "int8"];
    refused(
        &preset,
        &["base.json: model: built-in demo", "6 layers", "bert-base-chinese's shape", "12 layers"],
    );
    refused(&["--threads", "1", "--model", &model, "--precision", "int8"], &["model: built-in demo", &model]);
    refused(&["--threads", "1", "--precision", "f32"], &["base.json: precision: int8 in it, f32 here"]);
    refused(&["--threads", "2"], &["base.json: threads: 1 in it, 2 here"]);
    let (_other, other) = doctored(&path, |object| object["isa"] = json!("neon\u{1b}[31m"));
    bench(&["--against", &other]).failed(&["base.json: isa: neon [31m in it, "]);
    let (_other, other) = doctored(&path, |object| object["architecture"]["vocabulary"] = json!(7));
    bench(&["--against", &other]).failed(&["base.json: model: ", " 7 words", "13,705 words"]);
    refused(&["--threads", "1", "--shapes", "1x4,3x3"], &["base.json: shapes: no 3x3 in it, only 1x4, 2x3"]);
    // Another model of the same shape may be compared, and is named.
    let (_other, other) = doctored(&path, |object| object["model"] = json!("before.nimbert"));
    let stdout = bench(&["--against", &other, "--tolerance", "1e9"]).done();
    assert!(
        stdout.contains("base.json: before.nimbert, ") && stdout.contains("model    built-in demo"),
        "{stdout}"
    );
}

#[test]
fn vectors_are_compared_with_vectors_of_the_same_pooling() {
    let (_directory, path) = saved(&["--task", "embed"]);
    let all = bench(&["--task", "embed", "--against", &path, "--tolerance", "1e9"]).done();
    assert!(all.contains("task     embed, pooling mean") && all.contains("good"), "{all}");
    let refused = |path: &str, how: &[&str], words: &[&str]| {
        assert_eq!(bench(&[&["--against", path], how].concat()).failed(words), "");
    };
    refused(&path, &[], &["base.json: task: embed in it, classify here"]);
    refused(&path, &["--task", "embed", "--pooling", "cls"], &["base.json: pooling: mean in it, cls here"]);
    // What was saved before there were tasks is of logits, and so is written today.
    let (_logits, logits) = saved(&[]);
    let file: Value = serde_json::from_slice(&fs::read(&logits).unwrap()).unwrap();
    assert!(file["task"].is_null() && file["pooling"].is_null(), "{file}");
    refused(&logits, &["--task", "embed"], &["base.json: task: classify in it, embed here"]);
    let (_other, other) = doctored(&path, |object| object["task"] = json!("rerank"));
    refused(&other, &[], &["base.json: task: unknown variant `rerank`"]);
    let (_other, other) = doctored(&path, |object| drop(object.as_object_mut().unwrap().remove("pooling")));
    refused(&other, &[], &["base.json: pooling: a measurement of vectors has one"]);
}

#[test]
fn a_measurement_of_tokens_has_a_task_and_no_pooling() {
    let (_model, model) = seeded("token-labels");
    let (_directory, path) = saved(&["--task", "tag", "--model", &model]);
    let of = |path: &str, task| {
        bench(&["--task", task, "--model", &model, "--against", path, "--tolerance", "1e9"])
    };
    let again = of(&path, "tag").done();
    assert!(again.contains("task     tag") && again.contains("good"), "{again}");
    of(&path, "embed").failed(&["base.json: task: tag in it, embed here"]);
    let (_other, other) = doctored(&path, |object| object["pooling"] = json!("mean"));
    of(&other, "tag").failed(&["base.json: pooling: a measurement of vectors has one, and no other"]);
    let (_other, other) = doctored(&path, |object| object["task"] = json!("fill-mask"));
    of(&other, "tag").failed(&["base.json: task: fill-mask in it, tag here"]);
}

#[test]
fn a_damaged_baseline_is_refused_by_its_key_before_anything_is_measured() {
    let (_directory, path) = saved(&[]);
    let key = |key: &'static str| move |object: &mut Value| drop(object.as_object_mut().unwrap().remove(key));
    let set = |pointer: &'static str, value: Value| {
        move |object: &mut Value| *object.pointer_mut(pointer).unwrap() = value
    };
    let refused = |(_directory, path): (TempDir, String), words: &[&str]| {
        let words = [&["base.json: "], words].concat();
        assert_eq!(bench(&["--against", &path]).failed(&words), "");
    };
    for name in ["version", "architecture", "threads", "shapes", "limits"] {
        refused(doctored(&path, key(name)), &["missing field", name]);
    }
    let shape = |object: &mut Value| drop(object["shapes"]["2x3"].as_object_mut().unwrap().remove("min_ms"));
    refused(doctored(&path, shape), &["shapes.2x3: missing field `min_ms`"]);
    refused(doctored(&path, set("/shapes/2x3/min_ms", json!("fast"))), &["shapes.2x3.min_ms: ", "fast"]);
    refused(doctored(&path, set("/shapes/1x4/median_ms", json!(0))), &["shapes.1x4.median_ms: 0 is no time"]);
    refused(doctored(&path, set("/threads", json!(-1))), &["threads: "]);
    refused(doctored(&path, set("/shapes", json!({}))), &["shapes: none in it"]);
    refused(doctored(&path, set("/shapes", json!({ "wide": null }))), &["shapes", "\"wide\" is not a shape"]);
    let entry = |object: &mut Value| object["lengths"] = object["shapes"]["2x3"].clone();
    refused(doctored(&path, entry), &["token_counts: missing"]);
    for foreign in ["", "{", "[]", "null", "{}", "1x8 3.5 ms\n", "\u{feff}{}"] {
        refused(file("base.json", foreign), &["line 1 column"]);
    }
    refused(file("base.json", b"\xff\xfe\x00".as_slice()), &["UTF-8"]);
}

#[test]
fn files_that_cannot_be_read_or_written_and_options_that_need_others() {
    let (directory, path) = saved(&[]);
    let within = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(bench(&["--against", &within("none.json")]).failed(&["none.json: ", "No such file"]), "");
    bench(&["--against", directory.path().to_str().unwrap()]).failed(&["not a regular file"]);
    // A baseline that the comparison itself replaced would excuse what it had found.
    bench(&["--against", &path, "--save", &path]).failed(&["base.json", "would be replaced"]);
    assert_eq!(bench(&["--save", &within("no/such.json")]).failed(&["no/such.json: "]), "");
    assert!(!Path::new(&within("no")).exists());
    bench(&["--tolerance", "5"]).misused(&["--against"]);
    for tolerance in ["-1", "much", "NaN", "inf"] {
        bench(&["--against", &path, &format!("--tolerance={tolerance}")])
            .misused(&["--tolerance", "percentage"]);
    }
    bench(&["--against", &path, "--shapes", "-"]).misused(&["--against has nothing to compare"]);
}
