//! `nimbert eval --task tag` and `--task answer`: figures of known tags and answers, and data that can't be evaluated.

use std::{fs, path::Path};

use nimbert_test_support::{copy, shared};
use serde_json::{Value, json};

use crate::{Run, file, nimbert, nimbert_fed};

const TEXT: &str = "An honest film about a dishonest town";
const CONTEXT: &str = "The harbour pilot from Lisbon met Maria Olsen of the Northern Grain Board on Tuesday";

/// A checkpoint of the family, where this machine has it.
fn family(name: &str) -> Option<String> {
    shared(&format!("family/{name}")).map(|path| path.to_str().unwrap().to_owned())
}

/// The model's own tag of each word of [`TEXT`], by its first token.
fn own_tags(model: &str) -> Vec<String> {
    let how = ["--aggregation", "none", "--ignore-labels", "", "--format", "json"];
    let found = nimbert(&[&["tag", "-m", model][..], &how, &[TEXT]].concat()).json().remove(0);
    let mut starts = vec![0];
    starts.extend(TEXT.match_indices(' ').map(|(blank, _)| blank + 1));
    let tag_at = |start: usize| {
        let token = found["entities"].as_array().unwrap().iter().find(|token| token["start"] == start);
        token.unwrap()["entity"].as_str().unwrap().to_owned()
    };
    starts.into_iter().map(tag_at).collect()
}

/// [`TEXT`] as CoNLL has it, with another column in between.
fn conll(tags: &[impl AsRef<str>]) -> String {
    TEXT.split(' ').zip(tags).map(|(word, tag)| format!("{word}\tX  {}\n", tag.as_ref())).collect()
}

fn eval(task: &str, model: &str, input: &str, more: &[&str]) -> Run {
    nimbert(&[&["eval", "--task", task, "-m", model, "-i", input][..], more].concat())
}

fn figures(object: &Value, keys: &[&str]) -> Vec<f64> {
    keys.iter().map(|key| object["figures"][key].as_f64().unwrap()).collect()
}

#[test]
fn a_model_agrees_with_its_own_tags_in_every_format() {
    let Some(model) = family("bert-ner") else { return };
    let tags = own_tags(&model);
    let is_entity = |tag: &&String| *tag != "O";
    let expected = tags.iter().filter(is_entity).count();
    assert!(expected > 0, "{tags:?}");
    let indexes = tags.iter().map(|tag| {
        ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
            .iter()
            .position(|label| label == tag)
            .unwrap()
    });
    let words: Vec<_> = TEXT.split(' ').collect();
    let lines = json!({"tokens": words, "tags": tags}).to_string();
    let numbers = json!({"words": words, "ids": indexes.collect::<Vec<_>>()}).to_string();
    let document = format!("-DOCSTART- -X- O\n\n{}\n \r\n\n", conll(&tags));
    let reversed: String = words.iter().zip(&tags).map(|(word, tag)| format!("{tag} X {word}\r\n")).collect();
    for (name, content, more) in [
        ("a.conll", document, &[][..]),
        ("a.tsv", conll(&tags), &[]),
        ("a.txt", reversed, &["--column", "3", "--label-column", "1"]),
        ("a.jsonl", lines, &[]),
        ("a.jsonl", numbers, &["--column", "words", "--label-column", "ids", "--labels-as", "index"]),
    ] {
        let (_input, input) = file(name, content);
        let object = eval("tag", &model, &input, &[more, &["--format", "json"]].concat()).json().remove(0);
        let found =
            figures(&object, &["precision", "recall", "f1", "accuracy", "macro_f1", "weighted_recall"]);
        assert_eq!(found, [1.0; 6], "{name} {more:?}");
        assert_eq!([&object["sentences"], &object["words"], &object["untagged_words"]], [1, 7, 0]);
        assert_eq!((&object["unknown_types"], &object["scheme"]), (&json!([]), &Value::Null));
    }
}

/// The model has an entity of two words, I-ORG, at the end: tags beside it make known figures.
#[test]
fn entities_that_differ_are_missed_and_found_in_vain() {
    let Some(model) = family("bert-ner") else { return };
    let mut tags = own_tags(&model);
    assert_eq!(tags[5..], ["I-ORG", "I-ORG"], "what is right or wrong below is about these");
    tags = vec!["O".to_owned(); 7];
    tags[0] = "B-MISC".to_owned();
    tags[5] = "B-ORG".to_owned();
    tags[6] = "I-ORG".to_owned();
    let (directory, input) = file("a.conll", format!("{}\n{}", conll(&tags), conll(&["O"; 7])));
    let run =
        |more: &[&str]| eval("tag", &model, &input, &[&["--format", "json"], more].concat()).json().remove(0);
    let object = run(&[]);
    // Two of the data, ORG and MISC; twice ORG by the model, right in the first sentence.
    let of =
        |kind: usize| ["precision", "recall", "f1"].map(|rate| object["types"][kind][rate].as_f64().unwrap());
    assert_eq!((&object["types"][0]["type"], of(0)), (&json!("MISC"), [0.0; 3]));
    assert_eq!((&object["types"][1]["found"], of(1)), (&json!(2), [0.5, 1.0, 2.0 / 3.0]));
    assert_eq!(figures(&object, &["precision", "recall", "f1", "macro_recall"]), [0.5; 4]);
    assert_eq!((&object["unknown_types"], &object["words"]), (&json!(["MISC"]), &json!(14)));
    // I- at the beginning is no entity of IOB2.
    let strict = run(&["--scheme", "iob2"]);
    assert_eq!((figures(&strict, &["f1"]), &strict["scheme"]), (vec![0.0], &json!("iob2")));
    assert_eq!(run(&["--scheme", "bioes"])["types"], json!([]));
    let page = directory.path().join("eval.html");
    let human = eval("tag", &model, &input, &["--report", page.to_str().unwrap()]).done();
    for words in [
        "a.conll: 2 sentences; 14 words\n",
        "unknown  MISC: the model has no label for that",
        "macro recall                 0.5000\n",
        "       1        2    0.5000    1.0000    0.6667  ORG\n",
    ] {
        assert!(human.contains(words), "no {words:?} in {human}");
    }
    let html = fs::read_to_string(page).unwrap();
    for words in
        ["MISC: An</td><td>(none)", "(none)</td><td>ORG: dishonest town", "a.conll: line 9", "unknown"]
    {
        assert!(html.contains(words), "no {words:?} in {html}");
    }
}

#[test]
fn words_that_are_cut_off_have_no_entity() {
    let Some(model) = family("bert-ner") else { return };
    let run = |last: &str, more: &[&str]| {
        let (_input, input) = file("a.conll", conll(&["O", "O", "O", last, last, last, last]));
        eval("tag", &model, &input, &[&["--max-tokens", "5"], more].concat())
    };
    let [outside, entities] = ["O", "B-ORG"].map(|last| run(last, &["--format", "json"]).json().remove(0));
    assert_eq!([&entities["truncated"], &entities["untagged_words"]], [1, 4]);
    let [outside, missed] = [outside, entities].map(|object| figures(&object, &["recall", "accuracy"]));
    assert_eq!([outside[0], missed[0]], [0.0; 2]);
    assert!((outside[1] - missed[1] - 4.0 / 7.0).abs() < 1e-12, "{outside:?} {missed:?}");
    let human = run("O", &[]).done();
    assert!(
        human.contains("1 sentence, 1 of them cut at 5 tokens; 7 words, 4 of them without a tag"),
        "{human}"
    );
}

#[test]
fn tags_that_cannot_be_evaluated_say_where_and_why() {
    let Some(model) = family("bert-ner") else { return };
    let run = |name: &str, content: &str, more: &[&str]| {
        let (_input, input) = file(name, content);
        eval("tag", &model, &input, more)
    };
    run("a.conll", "An X O\nold O\n", &[]).failed(&["a.conll: line 2: 2 columns, the lines before have 3"]);
    run("a.conll", "An O\n\nold X O\n", &[]).failed(&["line 3: 3 columns, the lines before have 2"]);
    run("a.conll", "\nAn\n", &[]).failed(&["line 2: one column, expected a word and its tag"]);
    run("a.conll", "An O\nold PER\n", &[]).failed(&["line 2: the tag \"PER\" is neither O nor", "B-PER"]);
    run("a.conll", "An B-\n", &[]).failed(&["line 1: the tag \"B-\" is without a type"]);
    run("a.conll", "An 1\n", &["--labels-as", "index"]).failed(&["line 1: the tag \"1\""]);
    run("a.conll", "An O\n", &["--label-column", "3"]).failed(&["line 1: no column 3: there are 2"]);
    run("a.conll", "An O\n", &["--column", "0"]).misused(&["--column \"0\"", "whole number from 1"]);
    run("a.conll", "An O\n", &["--label-column", "tag"]).misused(&["--label-column \"tag\"", "no names"]);
    run("a.conll", "-DOCSTART- O\n\n", &[]).failed(&["a.conll: no sentences"]);
    run("a.conll", "An S-PER\n", &["--scheme", "iob2"]).failed(&["line 1", "\"S-PER\"", "--scheme iob2"]);
    let line = |tags: &str| format!("{{\"tokens\":[\"An\",\"old\"],\"tags\":{tags}}}\n");
    run("a.jsonl", &line("[\"O\",\"X\"]"), &[])
        .failed(&["a.jsonl: line 1: the tag of word 2, \"X\", is neither"]);
    run("a.jsonl", &line("[0,1]"), &[]).failed(&["the tag of word 1, \"0\"", "--labels-as index"]);
    run("a.jsonl", &line("[0,7]"), &["--labels-as", "index"])
        .failed(&["word 2, \"7\"", "no index from 0 to 6"]);
    run("a.jsonl", &line("[0,-1]"), &["--labels-as", "index"]).failed(&["word 2, \"-1\""]);
    run("a.jsonl", &line("[\"O\"]"), &[]).failed(&["line 1: 2 words and 1 tag"]);
    run("a.jsonl", &line("\"O O\""), &[]).failed(&["\"tags\" is a string, not an array"]);
    run("a.jsonl", &line("[null,1]"), &[]).failed(&["\"tags\" has null in it"]);
    run("a.jsonl", "{\"tokens\":[1],\"tags\":[\"O\"]}\n", &[]).failed(&["\"tokens\" has a number in it"]);
    run("a.jsonl", "{\"words\":[],\"tags\":[]}\n", &[]).failed(&["no key \"tokens\"", "\"words\""]);
    run("a.csv", "An O\n", &["--input-format", "csv"]).misused(&["--input-format csv", "conll or jsonl"]);
    let (_input, input) = file("a.conll", b"An O\nol\xff O\n");
    eval("tag", &model, &input, &[]).failed(&["a.conll: line 2", "UTF-8"]);
    nimbert(&["classify", "-i", &input, "--input-format", "conll"]).failed(&["conll", "eval --task tag"]);
    let Some(other) = family("bert-qa") else { return };
    eval("tag", &other, &input, &[]).failed(&["bert-qa"]);
}

#[test]
fn a_model_whose_labels_are_no_tags_is_refused() {
    let Some(model) = family("bert-ner") else { return };
    let directory = tempfile::tempdir().unwrap();
    copy(Path::new(&model), directory.path());
    let config = directory.path().join("config.json");
    let renamed = fs::read_to_string(&config).unwrap().replace("\"B-LOC\"", "\"S-LOC\"");
    fs::write(&config, &renamed).unwrap();
    let (_input, input) = file("a.conll", "An O\n");
    let run = |more: &[&str]| eval("tag", directory.path().to_str().unwrap(), &input, more);
    run(&["--scheme", "iob2"]).failed(&["the model's label \"S-LOC\" is not of --scheme iob2"]);
    run(&["--scheme", "bioes"]).done();
    fs::write(&config, renamed.replace("\"S-LOC\"", "\"NOUN\"")).unwrap();
    run(&[]).failed(&["the model's label \"NOUN\" is neither O nor a type after"]);
}

/// Two questions about [`CONTEXT`], each with its answers.
fn squad(answers: [&[&str]; 2]) -> Value {
    let question = |(text, answers): (&str, &[&str])| {
        let answers: Vec<_> = answers.iter().map(|text| json!({"text": text, "answer_start": 0})).collect();
        json!({"id": text, "question": text, "is_impossible": answers.is_empty(), "answers": answers})
    };
    let questions: Vec<_> =
        ["Who met Maria?", "Who met Bob?"].into_iter().zip(answers).map(question).collect();
    json!({"version": "v2.0", "data": [{"title": "", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]})
}

/// The model's best answer to each.
fn own_answers(model: &str, more: &[&str]) -> [String; 2] {
    ["Who met Maria?", "Who met Bob?"].map(|question| {
        let asked = ["answer", "-m", model, "--question", question, "--context", CONTEXT, "--format", "json"];
        let found = nimbert(&[&asked[..], more].concat()).json().remove(0);
        found["answers"][0]["answer"].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_model_agrees_with_its_own_answers_in_every_format() {
    let Some(model) = family("bert-qa") else { return };
    let [first, second] = own_answers(&model, &[]);
    let object = |answers: Value, second: Value| {
        let row = |question: &str, answers: &Value| {
            json!({"question": question, "context": CONTEXT, "answers": answers}).to_string() + "\n"
        };
        row("Who met Maria?", &answers) + &row("Who met Bob?", &second)
    };
    let (upper, wrong) = (format!("The {}!", first.to_uppercase()), "no such");
    for (name, content) in [
        ("a.json", format!("\u{feff}{}", squad([&[wrong, &upper], &[&second]]))),
        ("a.jsonl", object(json!([wrong, upper]), json!({"text": [second], "answer_start": [0]}))),
        ("a.jsonl", object(json!([{"text": upper}]), json!([second]))),
    ] {
        let (_input, input) = file(name, content);
        let object = eval("answer", &model, &input, &["--format", "json"]).json().remove(0);
        assert_eq!(object["figures"], json!({"exact_match": 1.0, "f1": 1.0}), "{name}");
        assert_eq!([&object["questions"], &object["unanswerable"], &object["window"]], [2, 0, 64]);
    }
    let half = squad([&[wrong], &[&second]]).to_string();
    let object =
        nimbert_fed(&["eval", "--task", "answer", "-m", &model, "-i", "-", "-f", "json"], half.as_bytes());
    assert_eq!(figures(&object.json()[0], &["exact_match", "f1"]), [0.5; 2]);
}

#[test]
fn questions_without_an_answer_are_counted_by_themselves() {
    let Some(model) = family("bert-qa") else { return };
    // Of these two the model finds no answer to the first, once there may be none.
    let [none, second] = own_answers(&model, &["--handle-impossible"]);
    assert!(none.is_empty() && !second.is_empty(), "{none:?} {second:?}");
    assert!(!own_answers(&model, &[])[0].is_empty());
    let figures = |answers: [&[&str]; 2]| {
        let (directory, input) = file("a.json", squad(answers).to_string());
        let page = directory.path().join("eval.html");
        let arguments = ["--format", "json", "--report", page.to_str().unwrap()];
        let object = eval("answer", &model, &input, &arguments).json().remove(0);
        (object["figures"].clone(), fs::read_to_string(page).unwrap())
    };
    let (right, html) = figures([&[], &[&second]]);
    let all = ["exact_match", "f1", "has_ans_exact_match", "has_ans_f1", "no_ans_exact_match", "no_ans_f1"];
    assert_eq!(right, all.iter().map(|key| ((*key).to_owned(), json!(1.0))).collect::<Value>());
    assert!(html.contains("Every answer is right."), "{html}");
    let (wrong, html) = figures([&["Maria <Olsen>"], &[]]);
    assert_eq!(wrong, all.iter().map(|key| ((*key).to_owned(), json!(0.0))).collect::<Value>());
    for words in ["question \"Who met Maria?\"</td><td>Maria &lt;Olsen&gt;</td><td>(none)", &second] {
        assert!(html.contains(words), "no {words:?} in {html}");
    }
    let (_input, input) = file("a.json", squad([&[], &[]]).to_string());
    let human = eval("answer", &model, &input, &[]).done();
    for words in [
        "a.json: 2 questions, 2 of them without an answer\n",
        "F1                           0.5000\n",
        "F1, with answers             undefined: there is no question with an answer\n",
    ] {
        assert!(human.contains(words), "no {words:?} in {human}");
    }
}

#[test]
fn answers_that_cannot_be_evaluated_say_where_and_why() {
    let Some(model) = family("bert-qa") else { return };
    let run = |name: &str, content: &str, more: &[&str]| {
        let (_input, input) = file(name, content);
        eval("answer", &model, &input, more)
    };
    run("a.json", "{\n", &[]).failed(&["a.json: not SQuAD's JSON", "line 2 column 0"]);
    run("a.json", "[]", &[]).failed(&["a.json: not SQuAD's JSON"]);
    run("a.json", "{\"version\": \"1.1\"}", &[]).failed(&["missing field `data`"]);
    run("a.json", "{\"data\": []}", &[]).failed(&["a.json: no questions"]);
    run("a.json", "{\"data\": [], \"data\": []}", &[]).failed(&["duplicate field `data`"]);
    let paragraph =
        |qas: &str| format!("{{\"data\":[{{\"paragraphs\":[{{\"context\":\"c\",\"qas\":[{qas}]}}]}}]}}");
    run("a.json", &paragraph("{\"id\":\"x7\",\"question\":\"q\"}"), &[])
        .failed(&["question \"x7\": no answers"]);
    run("a.json", &paragraph("{\"question\":\"q\"}"), &[]).failed(&["a.json: question 1: no answers"]);
    run("a.json", &paragraph("{\"question\":\" \",\"answers\":[]}"), &[])
        .failed(&["question 1: an empty question"]);
    run("a.json", &paragraph("{\"question\":\"q\",\"answers\":[1]}"), &[]).failed(&["line 1 column"]);
    run("a.json", "{}", &["--column", "c"]).misused(&["--column needs --input-format jsonl"]);
    run("a.json", "{}", &["--question-column", "c"]).misused(&["--query-column needs"]);
    run("a.csv", "", &["--input-format", "csv"]).misused(&["--input-format csv", "squad or jsonl"]);
    let line = |answers: &str| format!("{{\"question\":\"q\",\"context\":\"c\",\"answers\":{answers}}}\n");
    run("a.jsonl", &line("\"x\""), &[]).failed(&["a.jsonl: line 1: \"answers\" is a string, not answers"]);
    run("a.jsonl", &line("[1]"), &[]).failed(&["\"answers\" has a number in it"]);
    run("a.jsonl", &line("{\"txt\":[]}"), &[]).failed(&["\"answers\": no key \"text\"", "\"txt\""]);
    run("a.jsonl", &line("{\"text\":\"x\"}"), &[])
        .failed(&["\"answers\": \"text\" is a string, not an array"]);
    run("a.jsonl", &line("[{\"text\":1}]"), &[]).failed(&["\"answers\": \"text\" is a number"]);
    run("a.jsonl", "{\"question\":\"q\"}\n", &[]).failed(&["line 1: no key \"context\""]);
    // Nothing is asked before all is read.
    run("a.jsonl", &(line("[]") + "7\n"), &[]).failed(&["a.jsonl: line 2: expected a JSON object"]);
    run("a.txt", "q\n", &["--input-format", "lines"]).misused(&["--input-format lines"]);
    let (_input, input) = file("a.json", "{}");
    nimbert(&["classify", "-i", &input, "--input-format", "squad"]).failed(&["squad", "eval --task answer"]);
}

#[test]
fn options_of_another_task_are_refused() {
    let (_input, input) = file("a.conll", "An O\n");
    let run = |task: &str, more: &[&str]| eval(task, "no-model", &input, more);
    run("tag", &["--query-column", "q"]).misused(&["--query-column is not for --task tag"]);
    run("tag", &["--pair-column", "b"]).misused(&["--pair-column is not for --task tag"]);
    run("tag", &["--labels-as", "star"]).misused(&["--labels-as is not for --task tag"]);
    run("tag", &["--labels-as", "index", "--ordered"]).misused(&["--ordered is not for --task tag"]);
    run("tag", &["--pooling", "cls"]).misused(&["--pooling is not for --task tag"]);
    run("answer", &["--pair-column", "b"]).misused(&["--pair-column is not for --task answer"]);
    run("answer", &["--labels-as", "index"]).misused(&["--labels-as is not for --task answer"]);
    for task in ["classify", "similarity", "rerank", "answer"] {
        run(task, &["--scheme", "iob2"]).misused(&[&format!("--scheme is not for --task {task}")]);
    }
    nimbert(&["eval", "--task", "tag", "-i", &input]).misused(&["--task tag needs --model"]);
}
