//! `nimbert answer`: answers in each format, and what is refused.

use nimbert_test_support::shared;
use serde_json::json;

use crate::{file, nimbert, objects, seeded};

const QUESTION: &str = "Who met Maria?";
const CONTEXT: &str = "The harbour pilot from Lisbon met Maria Olsen of the Northern Grain Board on Tuesday";

fn model() -> Option<String> {
    shared("family/bert-qa").map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn answers_come_in_each_format() {
    let Some(model) = model() else { return };
    let asked = ["answer", "-m", &model, "--question", QUESTION, "--context", CONTEXT];
    let run = |more: &[&str]| nimbert(&[&asked[..], more].concat());
    let found = run(&["-k", "3", "-f", "json"]).json().remove(0);
    let answers = found["answers"].as_array().unwrap();
    let places: Vec<_> =
        answers.iter().map(|answer| (&answer["start"], &answer["end"], &answer["answer"])).collect();
    let expected = [(34, 48, "Maria Olsen of"), (49, 76, "the Northern Grain Board on")];
    assert_eq!((places.len(), &found["truncated"]), (3, &json!(false)));
    for (place, (start, end, answer)) in places.iter().zip(expected) {
        assert_eq!(*place, (&json!(start), &json!(end), &json!(answer)));
    }
    let human = run(&[]).done();
    assert!(
        human.starts_with("Who met Maria?\n  0.008  The harbour pilot from Lisbon met [Maria Olsen of] the"),
        "{human}"
    );
    assert!(run(&["--handle-impossible"]).done().contains("(no answer)"));
    let csv = run(&["-f", "csv", "--max-answer-tokens", "1"]).done();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "question,context,index,score,start,end,answer"));
    // By column and key, whatever they are called.
    let (_table, table) = file("a.csv", format!("n,q,body\n7,{QUESTION},{CONTEXT}\n"));
    let named =
        ["answer", "-m", &model, "-i", &table, "--question-column", "q", "--column", "body", "-f", "csv"];
    let csv = nimbert(&named).done();
    assert!(
        csv.starts_with(&format!("n,q,body,index,score,start,end,answer\n7,{QUESTION},{CONTEXT},0,0.00")),
        "{csv}"
    );
}

/// Of a stream, the bad line is named, and the others are answered.
#[test]
fn bad_questions_do_not_cost_the_others_their_answers() {
    let Some(model) = model() else { return };
    let row = |question: &str, context: &str| json!({ "id": "x", "question": question, "context": context });
    let long = "who ".repeat(70);
    let lines = [
        row(QUESTION, CONTEXT).to_string(),
        json!({ "question": QUESTION }).to_string(),
        row(QUESTION, "").to_string(),
        row("", CONTEXT).to_string(),
        row(&long, CONTEXT).to_string(),
        "[]".to_owned(),
        row(QUESTION, CONTEXT).to_string(),
    ];
    let (_data, data) = file("a.jsonl", lines.join("\n"));
    let run = nimbert(&["answer", "-m", &model, "-i", &data, "-f", "json"]);
    let found = objects(&run.stdout);
    let indexes: Vec<_> = found.iter().map(|found| (found["index"].clone(), found["id"].clone())).collect();
    assert_eq!(
        (run.code, indexes),
        (1, vec![(json!(0), json!("x")), (json!(6), json!("x"))]),
        "{}",
        run.stderr
    );
    assert_eq!(found[0]["answers"], found[1]["answers"]);
    run.says(&[
        "a.jsonl: line 2: no key \"context\"",
        "a.jsonl: line 3: an empty context",
        "a.jsonl: line 4: an empty question",
        "a.jsonl: line 5: a question of 64 tokens leaves no room for a context in windows of 64",
        "a.jsonl: line 6: expected a JSON object",
    ]);
}

#[test]
fn what_cannot_be_asked_is_named() {
    let (_stars, stars) = seeded("gelu-multi-label");
    nimbert(&["answer", "-m", &stars, "--question", "q"]).misused(&["--context <TEXT>"]);
    nimbert(&["answer", "-m", &stars, "--context", "c"]).misused(&["--question <TEXT>"]);
    nimbert(&["answer", "-m", &stars]).misused(&["what is asked?"]);
    nimbert(&["answer", "--question", "q", "--context", "c"]).misused(&["--model <PATH>"]);
    nimbert(&["answer", "-m", &stars, "-i", "a.txt"])
        .misused(&["lines have no columns, and \"question\", \"context\""]);
    nimbert(&["answer", "-m", &stars, "-i", "a.csv", "--pair-column", "b"]).misused(&["--pair-column"]);
    nimbert(&["answer", "-m", &stars, "--question", "q", "--context", "c"])
        .failed(&["no head that finds answers", "`nimbert classify`"]);
    let Some(model) = model() else { return };
    let asked = ["answer", "-m", &model, "--question", "Who?", "--context", CONTEXT];
    let run = |more: &[&str]| nimbert(&[&asked[..], more].concat());
    run(&["--stride", "61"]).failed(&["--stride: 61 tokens are not less than the 61"]);
    run(&["--max-tokens", "5"]).failed(&["leaves no room for a context in windows of 5"]);
    run(&["--max-question-tokens", "1", "--on-long", "error"]).failed(&["a question of more than 1 tokens"]);
    run(&["--top-k", "0"]).misused(&["--top-k"]);
}

/// What int8 costs, by the answers that stay.
#[test]
fn fewer_bits_are_judged_by_answers() {
    let Some(model) = model() else { return };
    let questions = ["Who met Maria?", "Where is it?", "When did they meet?", "What?"];
    let row = |question: &&str| json!({ "question": question, "context": CONTEXT }).to_string();
    let (directory, data) = file("a.jsonl", questions.iter().map(row).collect::<Vec<_>>().join("\n"));
    let compared = nimbert(&["compare", "-m", &model, "--precision-b", "f32", "-i", &data, "-f", "json"])
        .json()
        .remove(0);
    assert_eq!((&compared["agreement"], &compared["answers"]), (&json!(1.0), &json!([4, 4])));
    let packed = directory.path().join("qa.nimbert").to_str().unwrap().to_owned();
    let text = nimbert(&["pack", "-m", &model, "-o", &packed, "--check", &data, "--budget", "100"]).done();
    assert!(text.contains("4 texts, same answer 100.00 % in f32"), "{text}");
    let info = nimbert(&["info", &packed, "-f", "json"]).json().remove(0);
    assert_eq!(info["commands"], json!(["answer", "embed", "eval", "compare"]));
}
