//! `nimbert rerank`: documents in order, for reading and as JSON.

use serde_json::json;

use crate::{file, nimbert, nimbert_fed, objects, seeded};

#[test]
fn the_best_come_first_and_say_which_they_were() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let lines = "一丁\n丁七万\n七\n";
    let (_input, input) = file("documents.txt", lines);
    let common = ["rerank", "--model", &model, "--query", "一"];
    let found = nimbert(&[&common[..], &["--input", &input, "--format", "json"]].concat()).json();
    assert_eq!(found.len(), 3);
    let scores: Vec<_> = found.iter().map(|found| found["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    for found in &found {
        let index = found["index"].as_u64().unwrap() as usize;
        assert_eq!(found["document"], json!(lines.lines().nth(index).unwrap()));
        assert_eq!(found.as_object().unwrap().len(), 3);
    }
    let words: Vec<_> = lines.lines().collect();
    let again = nimbert(&[&common[..], &["--format", "json", "--top-k", "2"], &words].concat()).json();
    assert_eq!(again, found[..2]);
    let human = nimbert(&[&common[..], &words].concat()).done();
    assert_eq!(human.lines().count(), 3);
    assert!(human.lines().next().unwrap().ends_with(found[0]["document"].as_str().unwrap()), "{human}");
}

#[test]
fn a_table_keeps_the_inputs_columns() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let (_input, path) = file("a.csv", "score,text\nx,一\n\"y,z\",丁七万\n");
    let run = |more: &[&str]| {
        let found = nimbert(&[&["rerank", "-m", &model, "-q", "七", "-f", "csv"], more].concat()).done();
        let lines: Vec<_> = found.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 3, "{found}");
        lines
    };
    let lines = run(&["-i", &path]);
    assert_eq!(lines[0], "score,text,index,nimbert_score");
    assert!(lines[1..].iter().any(|line| line.starts_with("\"y,z\",丁七万,1,")), "{lines:?}");
    let lines = run(&["一", "丁七万"]);
    assert_eq!(lines[0], "index,text,score");
    assert!(lines[1..].iter().any(|line| line.starts_with("1,丁七万,")), "{lines:?}");
}

#[test]
fn an_id_of_json_lines_stays() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let input = "{\"id\":\"a\",\"body\":\"一\"}\n{\"id\":2,\"body\":\"丁\"}\n";
    let (_input, path) = file("a.jsonl", input);
    let found =
        nimbert(&["rerank", "-m", &model, "-q", "七", "-i", &path, "--column", "body", "-f", "json"]).json();
    for found in found {
        let id = if found["index"] == json!(0) { json!("a") } else { json!(2) };
        assert_eq!(found["id"], id);
    }
}

#[test]
fn what_cannot_be_ranked_is_named() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let (_several, several) = seeded("gelu-multi-label");
    let (_input, input) = file("a.txt", "一\n\n丁\n");
    let left = nimbert(&["rerank", "-m", &model, "--query", "一", "-i", &input, "-f", "json"])
        .failed(&["a.txt: line 2: an empty document"]);
    let mut left: Vec<_> = objects(&left).iter().map(|found| found["index"].as_u64().unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 2], "the others are ranked");
    nimbert(&["rerank", "-m", &model, "--query", "一", "丁", " "])
        .failed(&["text 2 of 2: an empty document"]);
    nimbert(&["rerank", "-m", &model, "--query", " ", "丁"]).misused(&["--query is empty"]);
    nimbert(&["rerank", "-m", &model, "丁"]).misused(&["--query"]);
    nimbert(&["rerank", "-m", &model, "--query", "一"]).misused(&["no texts"]);
    nimbert(&["rerank", "--query", "一", "丁"]).misused(&["--model <PATH>"]);
    let long = "一".repeat(500);
    nimbert(&["rerank", "-m", &model, "--query", "一", "--on-long", "error", "丁", &long])
        .failed(&["text 2 of 2"]);
    nimbert(&["rerank", "-m", &several, "--query", "一", "丁"])
        .failed(&["with 5 labels", "nimbert classify"]);
    let nothing = nimbert_fed(&["rerank", "-m", &model, "--query", "一", "-i", "-", "-f", "json"], b"");
    assert_eq!(nothing.done(), "");
}
