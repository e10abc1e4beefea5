//! `nimbert bench`: its numbers can't be checked, but that they belong together can.

use serde_json::{Value, json};

use crate::{embed::sentence, file, nimbert, seeded};

#[test]
fn times_of_shapes_and_lengths_in_one_line_of_json() {
    let (_directory, lengths) = file("lengths.txt", "3\n12\n\n7\n");
    let run = nimbert(&[
        "bench",
        "--threads",
        "1",
        "--shapes",
        "1x4,2x3",
        "--seconds",
        "0",
        "--lengths",
        &lengths,
        "--batch",
        "2",
        "--profile",
        "--format",
        "json",
    ]);
    let objects = run.json();
    let report = &objects[0];
    assert_eq!(objects.len(), 1);
    assert_eq!((&report["engine"], &report["threads"]), (&"nimbert-int8".into(), &1.into()));
    assert_eq!((&report["texts"], &report["tokens"]), (&3.into(), &22.into()));
    assert_eq!(report["shapes"].as_object().unwrap().len(), 2);
    assert!(report["load_ms"].as_f64().unwrap() > 0.0 && report["isa"].is_string(), "{report}");
    for timing in [&report["shapes"]["1x4"], &report["shapes"]["2x3"], &report["lengths"]] {
        let number = |key: &str| timing[key].as_f64().unwrap_or_else(|| panic!("{key} in {timing}"));
        let (min, median, p99) = (number("min_ms"), number("median_ms"), number("p99_ms"));
        assert!(0.0 < min && min <= median && median <= p99, "{timing}");
        assert!(number("tokens_per_s") > 0.0 && number("runs") >= 2.0, "{timing}");
        // No forward is faster than what the machine allows; the clock may have been lower when that was measured.
        let of_limit = number("of_limit");
        assert!(0.0 < of_limit && of_limit < 1.5, "{timing}");
        let parts = timing["profile_ms"].as_object().unwrap();
        let sum: f64 = parts.values().map(|ms| ms.as_f64().unwrap()).sum();
        assert!(parts.contains_key("attention") && sum <= 1.5 * p99, "{timing}");
    }
}

#[test]
fn a_table_for_reading() {
    let stdout = nimbert(&["bench", "--shapes", "1x4", "--seconds", "0", "--profile"]).done();
    for word in ["built-in demo", "int8 on", "GB/s", "of limit", "1x4", "matmul qkv", "add & layer norm"] {
        assert!(stdout.contains(word), "no {word:?} in {stdout}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is() {
    for shape in ["1", "x", "0x8", "8x0", "1x-2", "1x8,", "axb"] {
        nimbert(&["bench", "--shapes", shape]).misused(&["--shapes", "16x32"]);
    }
    nimbert(&["bench", "--seconds=-1"]).misused(&["--seconds"]);
    nimbert(&["bench", "--preset", "bert-huge"]).misused(&["bert-base-chinese"]);
    nimbert(&["bench", "--preset", "bert-base-chinese", "--model", "x"]).misused(&["--model", "--preset"]);
    nimbert(&["bench", "--batch", "4"]).misused(&["--lengths"]);
    nimbert(&["bench", "--task", "rerank"]).misused(&["--task", "classify, embed, tag, answer, fill-mask"]);
    for (task, wanted) in
        [("tag", "token classifier"), ("answer", "finds answers"), ("fill-mask", "for masks")]
    {
        nimbert(&["bench", "--task", task]).failed(&["demo model", wanted, "`nimbert classify`"]);
    }
    nimbert(&["bench", "--task", "embed", "--pooling", "median"]).misused(&["cls, max, mean"]);
    for task in [&[][..], &["--task", "classify"], &["--task", "tag"]] {
        nimbert(&[&["bench", "--pooling", "mean"], task].concat()).misused(&["--pooling", "--task embed"]);
    }
    nimbert(&["bench", "--shapes", "1x513"]).failed(&["513", "512"]);
    nimbert(&["bench", "--lengths", "no/such/file"]).failed(&["no/such/file"]);
    for (content, words) in
        [("", "no token counts"), ("4\nfour\n", "line 2"), ("0\n", "line 1"), ("9999\n", "9999")]
    {
        let (_directory, lengths) = file("lengths.txt", content);
        nimbert(&["bench", "--shapes", "-", "--lengths", &lengths]).failed(&[words]);
    }
}

/// Made-up weights, and a model whose weights are copied, answer like any other.
#[test]
fn nothing_is_downloaded_for_a_preset() {
    let model = ["bench", "--preset", "bert-base-chinese", "--precision", "int8", "--threads", "1"];
    let how = ["--shapes", "1x128", "--seconds", "0", "--profile", "--format", "json"];
    let report = nimbert(&[&model[..], &how].concat()).json();
    let profile = report[0]["shapes"]["1x128"]["profile_ms"].as_object().unwrap();
    let ms = |parts: &dyn Fn(&str) -> bool| -> f64 {
        profile.iter().filter(|(name, _)| parts(name)).map(|(_, ms)| ms.as_f64().unwrap()).sum()
    };
    // What a forward is there for; the rest is overhead.
    let share = ms(&|name| name.starts_with("matmul") || name == "attention") / ms(&|_| true);
    assert!(share > 0.85, "{share} of the time in matmul and attention: {profile:?}");
    let run = ["bench", "--copy-weights", "--shapes", "1x2", "--seconds", "0", "--format", "json"];
    assert_eq!(nimbert(&run).json()[0]["engine"], "nimbert-int8");
}

/// A measurement of 1x16 and 2x8, with as few runs as there can be.
fn measured(more: &[&str]) -> Value {
    let how = ["bench", "--threads", "1", "--seconds", "0", "--shapes", "1x16,2x8", "--format", "json"];
    nimbert(&[&how, more].concat()).json().remove(0)
}

#[test]
fn vectors_are_more_work_than_logits_where_all_tokens_are_pooled() {
    let [logits, mean, cls] =
        [&[][..], &["--task", "embed"], &["--task", "embed", "--pooling", "cls"]].map(measured);
    assert_eq!((&logits["task"], &logits["pooling"]), (&Value::Null, &Value::Null));
    assert_eq!((&mean["task"], &mean["pooling"]), (&json!("embed"), &json!("mean")));
    assert_eq!((&cls["task"], &cls["pooling"]), (&json!("embed"), &json!("cls")));
    let work =
        |report: &Value, shape: &str, key: &str| report["shapes"][shape]["work"][key].as_f64().unwrap();
    // Six layers of hidden size 384, 1,536 inside; the work is told in millions.
    let rest_of_a_layer = 2.0 * (2 * 384 * 384 + 2 * 384 * 1536) as f64 / 1e9;
    for (shape, more_rows) in [("1x16", 15.0), ("2x8", 14.0)] {
        let [all, first] = [&mean, &cls].map(|report| work(report, shape, "matmul_gop"));
        assert!((all - first - more_rows * rest_of_a_layer).abs() < 0.002, "{shape}: {all} and {first}");
        assert!(work(&logits, shape, "matmul_gop") >= first, "{shape}");
        let [own, without_head] = [&logits, &mean].map(|report| work(report, shape, "weights_mb"));
        assert!(
            own > without_head && without_head == work(&cls, shape, "weights_mb"),
            "{own}, {without_head}"
        );
        let of_limit = mean["shapes"][shape]["of_limit"].as_f64().unwrap();
        assert!(0.0 < of_limit && of_limit < 1.5, "{shape}: {of_limit} of the limit");
    }
    let stdout =
        nimbert(&["bench", "--task", "embed", "--pooling", "last", "--shapes", "1x4", "--seconds", "0"])
            .done();
    assert!(stdout.contains("task     embed, pooling lasttoken\n"), "{stdout}");
}

/// Whatever has an encoder: a preset, a checkpoint, its packed file, a directory of sentence-transformers.
#[test]
fn vectors_of_every_kind_of_model() {
    let (kept, plain) = seeded("gelu-multi-label");
    let packed = kept.path().join("f32.nimbert").to_str().unwrap().to_owned();
    nimbert(&["pack", "--model", &plain, "--precision", "f32", "-o", &packed]).done();
    let (_poolings, poolings) = sentence("new-two");
    let (_dense, dense) = sentence("dense-tanh");
    let (_lengths, lengths) = file("lengths.txt", "3\n12\n7\n");
    let embed = |more: &[&str]| measured(&[&["--task", "embed"], more].concat());
    let preset = embed(&["--preset", "bert-base-chinese", "--precision", "int8", "--pooling", "max"]);
    assert_eq!(preset["pooling"], "max");
    let [of_directory, of_file] = [&plain, &packed].map(|model| embed(&["--model", model]));
    assert_eq!((&of_directory["pooling"], &of_file["pooling"]), (&json!("mean"), &json!("mean")));
    assert_eq!(of_directory["shapes"]["1x16"]["work"], of_file["shapes"]["1x16"]["work"]);
    let two = embed(&["--model", &poolings, "--lengths", &lengths]);
    assert!(two["pooling"].as_str().unwrap().contains('+') && two["lengths"]["min_ms"].is_number(), "{two}");
    let with_dense = embed(&["--model", &dense]);
    let weights = |report: &Value| report["shapes"]["1x16"]["work"]["weights_mb"].as_f64().unwrap();
    assert!(weights(&with_dense) > weights(&of_directory), "{with_dense}");
    let other = ["bench", "--task", "embed", "--pooling", "mean", "--model", &poolings];
    nimbert(&other).failed(&["pooling: mean, but", "of its own"]);
}

/// With made-up weights, the head's too: a token's logits need every row of the last layer, a masked word needs one and the
/// vocabulary.
#[test]
fn tokens_spans_and_masked_words_of_a_preset() {
    let of = |task| measured(&["--preset", "bert-base-chinese", "--precision", "int8", "--task", task]);
    let tasks = ["embed", "tag", "answer", "fill-mask"];
    let [vectors, tokens, spans, words] = tasks.map(of);
    for (report, task) in [&vectors, &tokens, &spans, &words].into_iter().zip(tasks) {
        assert_eq!(report["task"], task);
        for shape in ["1x16", "2x8"] {
            let of_limit = report["shapes"][shape]["of_limit"].as_f64().unwrap();
            assert!(0.0 < of_limit && of_limit < 1.5, "{task}, {shape}: {of_limit} of the limit");
        }
    }
    let work = |report: &Value, key: &str| report["shapes"]["1x16"]["work"][key].as_f64().unwrap();
    let [all, labels, places, masks] =
        [&vectors, &tokens, &spans, &words].map(|report| work(report, "matmul_gop"));
    // Nine labels of 16 tokens are 0.0002 Gop.
    assert!((labels - all).abs() < 0.002 && (places - all).abs() < 0.002, "{all}, {labels} and {places}");
    let rest_of_a_layer = 15.0 * 2.0 * (2.0 * 768.0 * 768.0 + 2.0 * 768.0 * 3072.0) / 1e9;
    let head = 2.0 * 768.0 * (768.0 + 21_128.0) / 1e9;
    assert!((masks - (all - rest_of_a_layer + head)).abs() < 0.002, "{all} and {masks}");
    let [labels, masks] = [&tokens, &words].map(|report| work(report, "weights_mb"));
    assert!((masks - labels - 768.0 * 21_896.0 / 1e6).abs() < 1.0, "{labels} and {masks} MB");
}

#[test]
fn heads_of_checkpoints_and_their_packed_files() {
    for (name, task) in [("token-labels", "tag"), ("spans", "answer"), ("masked-words", "fill-mask")] {
        let (kept, plain) = seeded(name);
        let packed = kept.path().join("f32.nimbert").to_str().unwrap().to_owned();
        nimbert(&["pack", "--model", &plain, "--precision", "f32", "-o", &packed]).done();
        let [of_directory, of_file] =
            [&plain, &packed].map(|model| measured(&["--task", task, "--model", model]));
        assert_eq!(of_directory["shapes"]["2x8"]["work"], of_file["shapes"]["2x8"]["work"], "{task}");
        let how = ["bench", "--task", task, "--model", &plain, "--shapes", "1x4", "--seconds", "0"];
        let table = nimbert(&how).done();
        assert!(table.contains(&format!("\ntask     {task}\n")), "{table}");
        nimbert(&["bench", "--model", &plain]).failed(&[&plain, &format!("`nimbert {task}`")]);
    }
}
