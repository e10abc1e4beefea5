//! What goes in: every input format, in order, whatever the batches and threads.

use std::{
    fmt::Write,
    io::{BufRead, BufReader, Read},
};

use crate::{command, file, nimbert, nimbert_fed, objects, texts};

#[track_caller]
fn texts_of(name: &str, content: impl AsRef<[u8]>) -> Vec<String> {
    let (_kept, path) = file(name, content);
    let objects = nimbert(&["classify", "--input", &path, "--format", "json"]).json();
    texts(&objects).into_iter().map(str::to_owned).collect()
}

#[test]
fn lines_may_end_either_way_and_empty_ones_are_texts() {
    assert_eq!(texts_of("a.txt", "一\r\n\n 二 \n三"), ["一", "", " 二 ", "三"]);
    assert_eq!(texts_of("a.txt", "一\n二\n"), ["一", "二"], "no phantom row after the last newline");
    assert_eq!(texts_of("a.txt", "一\n\n"), ["一", ""]);
    assert_eq!(texts_of("noending", "a,b\tc\n"), ["a,b\tc"]);
}

#[test]
fn csv_is_rfc_4180() {
    assert_eq!(
        texts_of("a.csv", "id,text\r\n1,\"a \"\"b\"\", c\r\nd\"\r\n2,e\r\n3,\"\"\r\n"),
        ["a \"b\", c\r\nd", "e", ""]
    );
    assert_eq!(texts_of("a.CSV", "text\nlast line without newline"), ["last line without newline"]);
}

#[test]
fn tsv_knows_no_quotes() {
    assert_eq!(texts_of("a.tsv", "id\ttext\n1\t\"一, 二\n2\t\n3\t'三\"\r\n"), ["\"一, 二", "", "'三\""]);
}

#[test]
fn json_lines_have_their_text_under_a_key() {
    let lines = "{\"text\":\"一\\n二\",\"star\":3}\n{\"star\":[1],\"text\":\"\"}\n";
    assert_eq!(texts_of("a.jsonl", lines), ["一\n二", ""]);
    assert_eq!(texts_of("a.ndjson", lines), ["一\n二", ""]);
}

#[test]
fn a_byte_order_mark_is_dropped() {
    assert_eq!(texts_of("a.txt", "\u{feff}一\n\u{feff}二\n"), ["一", "\u{feff}二"], "only at the start");
    assert_eq!(texts_of("a.csv", "\u{feff}text,id\n一,1\n"), ["一"]);
    assert_eq!(texts_of("a.csv", "\u{feff}\"text\",id\n一,1\n"), ["一"]);
    assert_eq!(texts_of("a.tsv", "\u{feff}text\tid\n一\t1\n"), ["一"]);
    assert_eq!(texts_of("a.jsonl", "\u{feff}{\"text\":\"一\"}\n"), ["一"]);
}

#[test]
fn the_column_is_chosen_by_name() {
    let (_kept, path) = file("a.csv", "text,评论\n一,二\n");
    let objects = nimbert(&["classify", "-i", &path, "-c", "评论", "--format", "json"]).json();
    assert_eq!(texts(&objects), ["二"]);
}

#[test]
fn what_ends_a_file_is_no_row() {
    for (name, content) in [
        ("a.csv", "text,id\n一,1\n\n\r\n"),
        ("a.tsv", "text\tid\n一\t1\n\n\n"),
        ("a.jsonl", "{\"text\":\"一\"}\n\n"),
        ("a.csv", "text,id\n一,1\r"),
        ("a.csv", "text,id\n一,\"1\""),
    ] {
        assert_eq!(texts_of(name, content), ["一"], "{content:?}");
    }
    assert_eq!(texts_of("a.txt", "\u{feff}"), [""; 0], "a mark alone is an empty file");
}

#[test]
fn what_stands_in_quotes_is_text_whatever_it_is() {
    assert_eq!(texts_of("a.csv", "text\n\"a\rb\"\n\"c,\"\"d\n\"\r\n\" \"\n"), ["a\rb", "c,\"d\n", " "]);
    assert_eq!(
        texts_of("a.csv", "text\none record\n\"of\r\ntwo lines\"\n"),
        ["one record", "of\r\ntwo lines"]
    );
    // Rows that a stray quote has merged look like this, and are said to.
    let merged = "label,text\n1,\"a\n2,b\n3,c\n4,d\"\n5,e\n";
    let (_kept, path) = file("a.csv", merged);
    let run = nimbert(&["classify", "--input", &path, "--format", "json"]);
    assert_eq!((run.code, texts(&objects(&run.stdout))), (0, vec!["a\n2,b\n3,c\n4,d", "e"]));
    assert!(run.stderr.starts_with("hint: ") && run.stderr.lines().count() == 1, "{}", run.stderr);
    run.says(&["a.csv: row 1 (line 2)", "--multiline"]);
    nimbert(&["classify", "--input", &path, "--multiline"]).done();
}

#[test]
fn the_given_format_goes_before_the_ending() {
    let (_kept, path) = file("a.csv", "text,id\n");
    let objects = nimbert(&["classify", "-i", &path, "--input-format", "lines", "--format", "json"]).json();
    assert_eq!(texts(&objects), ["text,id"]);
}

#[test]
fn options_have_one_name_in_all_commands_and_keep_their_old_ones() {
    let (_kept, path) = file("a.dat", "comment\n一\n");
    let new = ["--input", &path, "--input-format", "csv", "--column", "comment"];
    let old = ["--data", &path, "--data-format", "csv", "--text-column", "comment"];
    let run = |options: &[&str]| nimbert(&[&["classify", "--format", "csv"], options].concat()).done();
    assert_eq!(run(&new), run(&old));
}

#[test]
fn standard_input_reads_like_a_file() {
    let from_stdin = nimbert_fed(&["classify", "-i", "-", "--format", "json"], "一\n二\n".as_bytes()).done();
    let (_kept, path) = file("a.txt", "一\n二\n");
    assert_eq!(from_stdin, nimbert(&["classify", "-i", &path, "--format", "json"]).done());
    assert_eq!(from_stdin, nimbert(&["classify", "一", "二", "--format", "json"]).done());
}

/// 70 texts of 0 to 40 characters.
fn many_texts() -> String {
    let characters: Vec<char> = "这部电影的故事很好看可惜演员不行音乐也一般".chars().collect();
    (0..70_usize).fold(String::new(), |mut lines, row| {
        let text: String =
            (0..row * 29 % 41).map(|at| characters[(row + at * 7) % characters.len()]).collect();
        writeln!(lines, "{text}").unwrap();
        lines
    })
}

#[test]
fn answers_are_the_same_bytes_at_any_batch_and_thread_count() {
    let input = many_texts();
    let run = |batch: &str, threads: &str| {
        let arguments = ["classify", "-i", "-", "--format", "json", "--batch", batch, "--threads", threads];
        nimbert_fed(&arguments, input.as_bytes()).done()
    };
    let expected = run("1", "1");
    assert_eq!(texts(&objects(&expected)), input.lines().collect::<Vec<_>>(), "in order");
    for (batch, threads) in [("3", "1"), ("64", "1"), ("1", "2"), ("3", "2"), ("64", "2")] {
        assert_eq!(run(batch, threads), expected, "batch {batch}, {threads} threads");
    }
}

#[test]
fn results_come_out_after_each_batch() {
    use std::io::Write as _;
    let mut child = command(&["classify", "-i", "-", "--batch", "1", "--format", "json"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for text in ["第一", "第二"] {
        writeln!(stdin, "{text}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(text), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_is_no_error() {
    for format in ["human", "json", "csv"] {
        let (_kept, path) = file("a.txt", "好看\n".repeat(20_000));
        let mut child = command(&["classify", "-i", &path, "--format", format]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn an_empty_text_is_scored() {
    let objects = nimbert(&["classify", "", "--format", "json"]).json();
    assert_eq!((&objects[0]["text"], &objects[0]["tokens"]), (&"".into(), &2.into()), "[CLS] [SEP]");
}

/// Twelve texts of a megabyte are more than one batch may have, and still come out in order.
#[test]
fn long_texts_share_a_batch_with_few_others() {
    let lines: String = (0..20).map(|i| format!("{i} {}\n", "a ".repeat(500_000))).collect();
    let objects = nimbert_fed(&["classify", "-i", "-", "--format", "json"], lines.as_bytes()).json();
    let starts: Vec<_> =
        texts(&objects).iter().map(|text| text.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(starts, (0..20).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_text_of_a_megabyte_is_cut() {
    let text = "好看".repeat(175_000);
    let objects = nimbert_fed(&["classify", "-i", "-", "--format", "json"], text.as_bytes()).json();
    assert_eq!((objects.len(), &objects[0]["tokens"]), (1, &512.into()));
    assert_eq!(objects[0]["truncated"], true);
    assert_eq!(objects[0]["text"], *text, "what was given is what comes out");
}
