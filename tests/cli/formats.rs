//! What comes out, in each format.

use crate::{file, nimbert, nimbert_fed};

const LABELS: [&str; 5] = ["Star_1", "Star_2", "Star_3", "Star_4", "Star_5"];

#[test]
fn json_is_one_object_a_line_with_every_label() {
    let objects = nimbert(&["classify", "--format", "json", "太好看了", "难看\n死了"]).json();
    assert_eq!(objects.len(), 2);
    for (index, object) in objects.iter().enumerate() {
        let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 6, "{keys:?}");
        assert_eq!(object["index"], index);
        assert_eq!(object["truncated"], false);
        assert_eq!(object["tokens"], 6);
        let logits: Vec<_> =
            object["logits"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let scores = object["scores"].as_array().unwrap();
        assert_eq!((logits.len(), scores.len()), (5, 5));
        let values: Vec<_> = scores.iter().map(|score| score["score"].as_f64().unwrap()).collect();
        assert!(values.is_sorted_by(|a, b| a >= b), "best first: {values:?}");
        for (score, value) in scores.iter().zip(values) {
            let label = LABELS.iter().position(|label| score["label"] == *label).unwrap();
            let sigmoid = 1.0 / (1.0 + (-logits[label]).exp());
            assert!((value - sigmoid).abs() < 1e-6, "logits are in label order, scores their sigmoids");
        }
    }
    assert_eq!(objects[1]["text"], "难看\n死了");
}

#[test]
fn json_keys_are_in_the_documented_order_and_floats_as_short_as_an_f32_allows() {
    let line = nimbert(&["classify", "--format", "json", "好"]).done();
    assert!(
        line.starts_with(r#"{"index":0,"text":"好","tokens":3,"truncated":false,"scores":[{"label":"Star_"#)
    );
    let (_, logits) = line.split_once(r#"],"logits":["#).unwrap();
    for logit in logits.trim_end().trim_end_matches("]}").split(',') {
        assert_eq!(logit, format!("{:?}", logit.parse::<f32>().unwrap()), "no digits beyond f32");
    }
}

#[test]
fn json_has_all_labels_whatever_is_shown() {
    let all = nimbert(&["classify", "--format", "json", "--all", "好"]).done();
    assert_eq!(all, nimbert(&["classify", "--format", "json", "好"]).done());
    assert_eq!(all, nimbert(&["classify", "--format", "json", "--top-k", "2", "好"]).done());
}

#[test]
fn csv_has_a_header_and_a_row_for_each_label_shown() {
    let text = "他说,\"好看\"\n真的";
    for (shown, rows) in
        [(&["--top-k", "1"][..], 1), (&["--top-k", "3"], 3), (&["--top-k", "9"], 5), (&["--all"], 5)]
    {
        let stdout = nimbert(&[&["classify", "--format", "csv", text, ""], shown].concat()).done();
        assert!(stdout.starts_with("index,text,tokens,truncated,label,score\n"), "{stdout}");
        let records: Vec<_> =
            csv::Reader::from_reader(stdout.as_bytes()).into_records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 2 * rows);
        assert!(records[..rows].iter().all(|record| record[0] == *"0" && record[1] == *text));
        assert!(
            records[rows..].iter().all(|record| record[0] == *"1" && record[1] == *"" && record[2] == *"2")
        );
        let scores: Vec<f32> = records[..rows].iter().map(|record| record[5].parse().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "best first: {scores:?}");
    }
}

#[test]
fn csv_of_a_table_has_its_columns_first() {
    let csv = |name: &str, content: &str, options: &[&str]| {
        let (_kept, path) = file(name, content);
        let stdout = nimbert(&[&["classify", "--input", &path, "--format", "csv"], options].concat()).done();
        let without_scores = |line: &str| line.rsplit_once(',').unwrap().0.to_owned();
        stdout.lines().map(without_scores).collect::<Vec<_>>()
    };
    let found = csv("a.csv", "id,text,note\n7,好,\"a,\"\"b\"\"\"\n,,\n", &[]);
    assert_eq!(found[0], "id,text,note,index,tokens,truncated,label");
    assert!(found[1].starts_with("7,好,\"a,\"\"b\"\"\",0,3,false,Star_"), "{found:?}");
    assert!(found[2].starts_with(",,,1,2,false,Star_"), "{found:?}");
    assert_eq!(csv("a.csv", "id,text,note\n7,好,x\n", &["--all"]).len(), 6);
    let pairs = ["--column", "a", "--pair-column", "index"];
    let found = csv("a.tsv", "a\tindex\tlabel\n好\t看\t5\n", &pairs);
    assert_eq!(found[0], "a,index,label,nimbert_index,tokens,truncated,nimbert_label");
    assert!(found[1].starts_with("好,看,5,0,5,false,Star_"), "{found:?}");
    assert_eq!(
        csv("a.csv", "id,text\n", &[]),
        ["id,text,index,tokens,truncated,label"],
        "of a table without rows"
    );

    let objects = "{\"text\":\"好\",\"id\":7}\n{\"id\":\"a b\",\"text\":\"看\"}\n{\"text\":\"\"}\n";
    let found = csv("a.jsonl", objects, &[]);
    assert_eq!(found[0], "id,text,index,tokens,truncated,label");
    for (found, expected) in found[1..].iter().zip(["7,好,0,", "a b,看,1,", ",,2,"]) {
        assert!(found.starts_with(expected), "{found}");
    }
    let id = ["--column", "id", "--pair-column", "text"];
    let found = csv("a.jsonl", "{\"text\":\"好\",\"id\":\"看\"}\n", &id);
    assert_eq!(found[0], "id,text,index,tokens,truncated,label");
}

#[test]
fn json_keeps_an_id_as_it_is() {
    let ids = ["7", "\"a\\u0062\"", "12345678901234567890123", "1.0", "null", "{\"b\":[1, 2]}"];
    let lines: String = ids.iter().map(|id| format!("{{\"text\":\"好\", \"id\" : {id} }}\n")).collect();
    let (_kept, path) = file("a.jsonl", lines + "{\"text\":\"好\"}\n");
    let stdout = nimbert(&["classify", "--input", &path, "--format", "json"]).done();
    let starts =
        ids.iter().enumerate().map(|(i, id)| format!("{{\"index\":{i},\"id\":{id},\"text\":\"好\","));
    let starts: Vec<_> = starts.chain(["{\"index\":6,\"text\":\"好\",".to_owned()]).collect();
    assert_eq!(stdout.lines().count(), starts.len());
    for (line, start) in stdout.lines().zip(starts) {
        assert!(line.starts_with(&start), "{line} instead of {start}");
    }
    let (_kept, path) = file("a.csv", "id,text\n07,好\n");
    let objects = nimbert(&["classify", "--input", &path, "--format", "json"]).json();
    assert_eq!(objects[0]["id"], "07");
}

#[test]
fn csv_and_json_agree_to_the_last_digit() {
    let json = nimbert(&["classify", "--format", "json", "好"]).done();
    let csv = nimbert(&["classify", "--format", "csv", "--all", "好"]).done();
    for record in csv::Reader::from_reader(csv.as_bytes()).into_records() {
        let (label, score) = {
            let record = record.unwrap();
            (record[4].to_owned(), record[5].to_owned())
        };
        assert!(
            json.contains(&format!(r#"{{"label":"{label}","score":{score}}}"#)),
            "{label} {score} in {json}"
        );
    }
}

#[test]
fn an_empty_input_gives_csv_its_header_and_json_nothing() {
    let csv = nimbert(&["classify", "--input", "-", "--format", "csv"]).done();
    assert_eq!(csv, "index,text,tokens,truncated,label,score\n");
    assert_eq!(nimbert(&["classify", "--input", "-", "--format", "json"]).done(), "");
    assert_eq!(nimbert(&["classify", "--input", "-"]).done(), "");
}

#[test]
fn human_output_is_plain_text_with_stars_when_it_is_no_terminal() {
    let stdout = nimbert(&["classify", "--all", "太好看了", ""]).done();
    assert!(!stdout.contains('\x1b'), "{stdout:?}");
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 6 + 1 + 6, "{stdout}");
    assert_eq!((lines[0], lines[6], lines[7]), ("太好看了", "", "(empty)"));
    let four = lines[1..6].iter().find(|line| line.ends_with("Star_4")).unwrap();
    assert!(four.contains("★★★★☆"), "{four}");
}

#[test]
fn human_output_keeps_texts_short_and_harmless() {
    let text = format!("\x1b[31mred\r\n{}", "长".repeat(500));
    let stdout = nimbert(&["classify", &text, "--max-tokens", "64"]).done();
    let shown = stdout.lines().next().unwrap();
    assert!(shown.starts_with(" [31mred 长") || shown.starts_with("[31mred 长"), "{shown:?}");
    assert!(shown.contains("长… (cut at 64 tokens)"), "{shown}");
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
}

#[test]
fn pairs_are_scored_together() {
    let (_kept, path) = file("pairs.csv", "a,b\n好,看\n,\n");
    let objects =
        nimbert(&["classify", "-i", &path, "--column", "a", "--pair-column", "b", "--format", "json"]).json();
    assert_eq!(objects[0]["text"], "好");
    assert_eq!(objects[0]["pair"], "看");
    assert_eq!(objects[0]["tokens"], 5, "[CLS] 好 [SEP] 看 [SEP]");
    assert_eq!(objects[1]["tokens"], 3);
    let alone = nimbert(&["classify", "好", "--format", "json"]).json();
    assert!(alone[0].get("pair").is_none());
    assert_ne!(alone[0]["logits"], objects[0]["logits"]);

    let human = nimbert(&["classify", "-i", &path, "--column", "a", "--pair-column", "b"]).done();
    assert!(human.starts_with("好\n+ 看\n"), "{human}");
}

#[test]
fn pairs_come_from_json_lines_and_tsv_too() {
    let json = |arguments: &[&str], input: &str| nimbert_fed(arguments, input.as_bytes()).json();
    let common = ["classify", "-i", "-", "--pair-column", "second", "--format", "json", "--input-format"];
    let tsv = json(&[&common[..], &["tsv"]].concat(), "second\ttext\n看\t好\n");
    let jsonl = json(&[&common[..], &["jsonl"]].concat(), "{\"second\":\"看\",\"text\":\"好\"}\n");
    assert_eq!(tsv, jsonl);
}
