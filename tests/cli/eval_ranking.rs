//! `nimbert eval --task similarity` and `--task rerank`: figures of known orders, and data that can't be evaluated.

use std::fs;

use serde_json::{Value, json};

use crate::{embed::sentence, file, nimbert, nimbert_fed, seeded};

const PAIRS: [[&str; 2]; 4] = [["一丁", "丁"], ["七万", "一丁七"], ["丁", "丁"], ["七一", "万万丁"]];
const QUERY: &str = "一";
const DOCUMENTS: [&str; 4] = ["一丁", "丁七万", "七", "万一"];

/// Of two texts, from their vectors.
fn cosine(model: &str, texts: [&str; 2]) -> f64 {
    let found = nimbert(&["embed", "-m", model, "--format", "json", texts[0], texts[1]]).json();
    let [a, b] = [0, 1].map(|i| -> Vec<f64> {
        found[i]["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    });
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

/// A table of [`PAIRS`] with these scores.
fn pairs(scores: &[f64]) -> String {
    let rows = PAIRS.iter().zip(scores).map(|([first, second], score)| format!("{first},{second},{score}\n"));
    "sentence1,sentence2,score\n".to_owned() + &rows.collect::<String>()
}

#[test]
fn cosines_as_scores_correlate_and_their_opposites_do_the_contrary() {
    let (_model, model) = sentence("new-cls");
    let cosines = PAIRS.map(|texts| cosine(&model, texts));
    for sign in [1.0, -1.0] {
        let (_input, input) = file("pairs.csv", pairs(&cosines.map(|cosine| sign * cosine)));
        let arguments = ["eval", "--task", "similarity", "--model", &model, "--input", &input];
        let object = nimbert(&[&arguments[..], &["--format", "json"]].concat()).json().remove(0);
        for figure in ["spearman", "pearson"] {
            // Vectors are written with all digits of an f32, so the cosines differ by f64's rounding alone.
            let found = object["figures"][figure].as_f64().unwrap();
            assert!((found - sign).abs() < 1e-9, "{figure}: {found}");
        }
        assert_eq!((&object["pairs"], &object["dimensions"]), (&json!(4), &json!(72)));
        assert_eq!((&object["truncated"], &object["undefined"]), (&json!(0), &json!({})));
        let human = nimbert(&arguments).done();
        assert!(human.contains(&format!("Spearman's correlation       {sign:.4}\n")), "{human}");
        assert!(human.contains("pairs.csv: 4 pairs\n") && human.contains("texts/s"), "{human}");
    }
}

#[test]
fn a_page_shows_the_worst_pairs_and_queries() {
    let (_model, model) = sentence("new-cls");
    let (kept, input) = file("pairs.csv", pairs(&[3.0, 1.0, 0.0, 2.0]));
    let page = kept.path().join("eval.html");
    let common = ["--input", &input, "--report", page.to_str().unwrap()];
    nimbert(&[&["eval", "--task", "similarity", "-m", &model][..], &common].concat()).done();
    let html = fs::read_to_string(&page).unwrap();
    assert!(
        html.contains("Worst pairs") && html.contains("丁<br>丁") && html.contains("row 3 (line 4)"),
        "{html}"
    );
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let (_rows, rows) = file("rows.jsonl", judged(|rank| u8::from(rank == 3), &model));
    let common = ["--input", &rows, "--report", page.to_str().unwrap()];
    nimbert(&[&["eval", "--task", "rerank", "-m", &model][..], &common].concat()).done();
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("First relevant document") && html.contains("rows.jsonl: line 1"), "{html}");
}

/// [`DOCUMENTS`] as rows; each has the relevance of its rank, from 0 for the best.
fn judged(relevance: impl Fn(usize) -> u8, model: &str) -> String {
    let arguments = [&["rerank", "-m", model, "-q", QUERY, "-f", "json"][..], &DOCUMENTS].concat();
    let ranked = nimbert(&arguments).json();
    let row = |(rank, found): (usize, &Value)| {
        json!({"query": QUERY, "document": found["document"], "relevance": relevance(rank)}).to_string()
            + "\n"
    };
    ranked.iter().enumerate().map(row).collect()
}

fn figures(object: &Value) -> [f64; 3] {
    ["mrr_at_10", "ndcg_at_10", "map"].map(|figure| object["figures"][figure].as_f64().unwrap())
}

#[test]
fn what_the_model_puts_first_is_first_and_what_it_puts_last_is_last() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let run = |rows: &str| {
        let (_rows, rows) = file("rows.jsonl", rows);
        let common = ["eval", "--task", "rerank", "--model", &model, "--input", &rows, "--format", "json"];
        nimbert(&common).json().remove(0)
    };
    let best = judged(|rank| [3, 1, 0, 0][rank], &model);
    let found = run(&best);
    for figure in figures(&found) {
        assert!((figure - 1.0).abs() < 1e-12, "{figure}");
    }
    assert_eq!(
        (&found["queries"], &found["documents"], &found["left_out"]),
        (&json!(1), &json!(4), &json!([]))
    );
    let last = run(&judged(|rank| u8::from(rank == 3), &model));
    for (found, expected) in figures(&last).into_iter().zip([0.25, 1.0 / 5_f64.log2(), 0.25]) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }
    assert_eq!(last["first_relevant"], json!([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
    // Rows of another query between them change nothing.
    let other = best.replace(&format!("\"query\":\"{QUERY}\""), "\"query\":\"七丁\"");
    let mixed: String = best.lines().zip(other.lines()).map(|(a, b)| format!("{a}\n{b}\n")).collect();
    assert_eq!(figures(&run(&mixed)), figures(&run(&(best + &other))));
}

#[test]
fn queries_without_figures_are_named_and_left_out() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let rows = "question,body,grade\n一,丁,0\n一,七,0\n丁,七,1\n";
    let (_some, some) = file("rows.csv", format!("{rows}七,丁,0.5\n七,万,0\n"));
    let (_none, none) = file("rows.csv", rows);
    let run = |input: &str, format: &str| {
        let common = ["eval", "--task", "rerank", "-m", &model, "-i", input, "--format", format];
        let columns = ["--query-column", "question", "--column", "body", "--label-column", "grade"];
        nimbert(&[&common[..], &columns].concat())
    };
    let found = run(&some, "json").json().remove(0);
    assert_eq!(
        found["left_out"],
        json!([
            {"query": "一", "reason": "without a relevant document"},
            {"query": "丁", "reason": "with a single document"}
        ])
    );
    assert!(found["figures"]["map"].is_number() && found["queries"] == 3);
    let human = run(&none, "human").done();
    for words in [
        "MAP                          undefined: no query has",
        "2 queries, 3 documents",
        "left out: 1 with a single document\n  ",
        "row 3 (line 4): 丁\n",
    ] {
        assert!(human.contains(words), "no {words:?} in {human}");
    }
    let found = run(&none, "json").json().remove(0);
    assert_eq!(found["figures"]["map"], Value::Null);
    assert!(found["undefined"]["figures.map"].is_string());
}

#[test]
fn pairs_that_cannot_be_evaluated_say_where_and_why() {
    let (_model, model) = sentence("new-cls");
    let run = |name: &str, content: &str, more: &[&str]| {
        let (_input, input) = file(name, content);
        nimbert(&[&["eval", "--task", "similarity", "-m", &model, "-i", &input][..], more].concat())
    };
    let head = "sentence1,sentence2,score\n";
    run("a.csv", &format!("{head}一,丁,1\n一,七,high\n"), &[])
        .failed(&["a.csv: row 2 (line 3): \"score\" is \"high\", expected a number"]);
    run("a.csv", &format!("{head}一,丁,\n"), &[]).failed(&["a.csv: row 1 (line 2): \"score\" is empty"]);
    run("a.csv", &format!("{head}一,丁,inf\n"), &[]).failed(&["\"inf\", expected a number"]);
    run("a.jsonl", "{\"sentence1\":\"一\",\"sentence2\":\"丁\"}\n", &[])
        .failed(&["line 1", "no key \"score\""]);
    run("a.jsonl", "{\"sentence1\":\"一\",\"sentence2\":\"丁\",\"score\":[1]}\n", &[])
        .failed(&["is an array"]);
    run("a.csv", "first,second\n一,丁\n", &[]).failed(&["no column \"sentence1\"", "\"first\""]);
    run("a.csv", head, &[]).failed(&["no texts"]);
    run("a.txt", "一\n", &[]).misused(&["lines have no columns", "\"sentence1\"", "--input-format"]);
    let merged = format!("{head}\"一\n丁\",\"丁,一\n七,七\",1\n");
    let stray = format!("{head}一,\"丁,1\n七,丁\",2\n");
    run("a.csv", &stray, &[]).failed(&["row 1 (line 2)", "--multiline"]);
    run("a.csv", &stray, &["--multiline"]).done();
    run("a.csv", &merged, &["--multiline"]).done();
    let one = run("a.csv", &format!("{head}一,丁,1\n"), &[]).done();
    assert!(one.contains("Spearman's correlation       undefined: fewer than two pairs\n"), "{one}");
    let equal = run("a.csv", &format!("{head}一,丁,1\n一,七,1\n"), &["--format", "json"]).json().remove(0);
    assert_eq!(equal["undefined"]["figures.spearman"], "all scores are equal");
    assert_eq!(equal["figures"]["pearson"], Value::Null);
}

#[test]
fn rows_that_cannot_be_ranked_say_where_and_why() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let run = |content: &str| {
        let common = ["eval", "--task", "rerank", "-m", &model, "-i", "-", "--input-format", "tsv"];
        nimbert_fed(&common, format!("query\tdocument\trelevance\n{content}").as_bytes())
    };
    run("一\t丁\t1\n一\t七\t-1\n")
        .failed(&["standard input: line 3: \"relevance\" is -1, expected a number from 0"]);
    run("一\t丁\tyes\n").failed(&["line 2", "\"yes\", expected a number"]);
    run("一\t \t1\n").failed(&["line 2: an empty document"]);
    run("\t丁\t1\n").failed(&["line 2: an empty query"]);
    run("").failed(&["standard input: no texts"]);
}

#[test]
fn options_of_another_task_are_refused() {
    let (_model, model) = seeded("gelu-multi-label");
    let (_input, input) = file("rows.csv", "query,document,relevance\n一,丁,1\n");
    let run = |task: &str, more: &[&str]| {
        nimbert(&[&["eval", "--task", task, "-m", &model, "-i", &input][..], more].concat())
    };
    run("classify", &["--pooling", "cls"]).misused(&["--pooling is not for --task classify"]);
    run("classify", &["--query-column", "q"]).misused(&["--query-column is not for --task classify"]);
    run("similarity", &["--query-column", "q"]).misused(&["--query-column is not for --task similarity"]);
    run("similarity", &["--labels-as", "star"]).misused(&["--labels-as is not for"]);
    run("rerank", &["--pair-column", "b"]).misused(&["--pair-column is not for --task rerank"]);
    run("rerank", &["--prompt", "b"]).misused(&["--prompt is not for --task rerank"]);
    run("rerank", &["--ordered"]).misused(&["--ordered is not for --task rerank"]);
    run("rerank", &[]).failed(&["with 5 labels"]);
    nimbert(&["eval", "--task", "rerank", "-i", &input]).misused(&["--task rerank needs --model"]);
    let twice = run("similarity", &["--report", &input]);
    twice.failed(&["rows.csv", "replaced"]);
}
