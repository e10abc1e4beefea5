//! `nimbert bench`: its numbers can't be checked, but that they belong together can.

use crate::{file, nimbert};

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
