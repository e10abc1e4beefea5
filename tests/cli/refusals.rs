//! Bad arguments and bad input: the exit code, the message that says where, and the rows that stand.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use nimbert_test_support::skip;

use crate::{command, file, nimbert, nimbert_fed, objects, seeded, seeded_texts, texts, verify::multiply};

const COMMANDS: [&str; 17] = [
    "answer",
    "bench",
    "classify",
    "compare",
    "completions",
    "embed",
    "eval",
    "fill-mask",
    "import",
    "info",
    "man",
    "pack",
    "rerank",
    "serve",
    "tag",
    "verify",
    "zero-shot",
];

/// Asserts that exactly these texts have answers, with a message of these words, at any batch size.
#[track_caller]
fn stops(name: &str, content: impl AsRef<[u8]>, options: &[&str], before: &[&str], words: &[&str]) {
    let (_kept, path) = file(name, content);
    for batch in ["1", "2", "32"] {
        let common = ["classify", "--input", &path, "--format", "json", "--batch", batch];
        let stdout = nimbert(&[&common[..], options].concat()).failed(&[&[name], words].concat());
        assert_eq!(texts(&objects(&stdout)), before, "batch {batch}");
    }
}

/// A row that has no answer, or a line that is no object, is told in a line of its own, and no other answer is lost.
#[test]
fn bad_rows_do_not_cost_the_others_their_answers() {
    let lines = "{\"text\":\"one\"}\n{\"text\":7}\n{\"text\":\"three\"}\n{\n{\"text\":\"one two three four five\"}\n{\"text\":\"six\"}\n";
    let (_kept, path) = file("a.jsonl", lines);
    let options = ["--format", "json", "--max-tokens", "6", "--on-long", "error"];
    for batch in ["1", "2", "32"] {
        let common = ["classify", "--input", &path, "--batch", batch];
        let run = nimbert(&[&common[..], &options].concat());
        let answered = objects(&run.stdout);
        assert_eq!((run.code, texts(&answered)), (1, vec!["one", "three", "six"]), "batch {batch}");
        let indexes: Vec<_> = answered.iter().map(|object| object["index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, [0, 2, 5], "batch {batch}: the input's");
        let told: Vec<_> = run.stderr.lines().collect();
        let words = [
            "a.jsonl: line 2: \"text\" is a number",
            "a.jsonl: line 4: not valid JSON",
            "a.jsonl: line 5: longer than 6 tokens",
        ];
        assert_eq!(told.len(), 3, "{}", run.stderr);
        for (told, words) in told.into_iter().zip(words) {
            assert!(told.starts_with("nimbert: ") && told.contains(words), "{told}");
        }
    }
}

#[test]
fn text_that_is_not_utf_8_names_the_line() {
    stops("a.txt", b"one\ntwo\nthr\xff\nfour\n", &[], &["one", "two"], &["line 3", "UTF-8"]);
    stops("a.tsv", b"text\none\n\xe4\xbd\n", &[], &["one"], &["line 3", "UTF-8"]);
    stops("a.jsonl", b"{\"text\":\"one\"}\n{\"text\":\"\xff\"}\n", &[], &["one"], &["line 2", "UTF-8"]);
    stops("a.csv", b"text\r\n\"one\r\n1\"\r\ntw\xffo\r\n", &[], &["one\r\n1"], &["line 4", "UTF-8"]);
}

#[test]
fn a_table_row_without_the_column_names_the_row() {
    stops(
        "a.csv",
        "id,text\n1,one\n2\n3,x\n",
        &[],
        &["one"],
        &["row 2", "line 3", "\"text\"", "1 of 2 fields"],
    );
    stops("a.csv", "id,text\r\n1,\"one\r\n\"\r\n2\r\n", &[], &["one\r\n"], &["row 2", "line 4", "\"text\""]);
    // Also where nobody asked for the column: a file that is cut ends like this.
    stops("a.csv", "text,id\none,1\ntwo\n", &[], &["one"], &["row 2", "line 3", "\"id\"", "1 of 2 fields"]);
    stops("a.tsv", "id\ttext\n1\tone\n2\n", &[], &["one"], &["line 3", "\"text\"", "1 of 2 fields"]);
}

#[test]
fn a_table_row_with_a_field_too_many_names_the_row() {
    stops("a.csv", "id,text\n1,one\n2,two, or so\n", &[], &["one"], &["row 2", "3 fields", "has 2"]);
    stops("a.tsv", "id\ttext\n1\tone\n2\ttwo\tor so\n", &[], &["one"], &["line 3", "3 fields", "has 2"]);
}

#[test]
fn a_quote_out_of_place_names_the_line_where_it_is_or_opened() {
    let csv = |rows: &str, before: &[&str], words: &[&str]| {
        stops("a.csv", format!("id,text\n1,one\n{rows}"), &[], &[&["one"], before].concat(), words);
    };
    csv("2,\"two\n3,three\n4,four\n", &[], &["line 3", "opens here is never closed"]);
    csv("2,two\n3,\"three", &["two"], &["line 4", "never closed"]);
    csv("2,\"two\r\n\r\n", &[], &["line 3", "never closed"]);
    csv("2,\"two\n3,\"three\"\n", &[], &["line 3", "opens field 2", "closed on line 4", "more text follows"]);
    csv("2,\"a\"b\n", &[], &["line 3", "opens field 2", "written twice"]);
    csv("2,\"a\" \n", &[], &["line 3", "opens field 2", "written twice"]);
    csv("2,a\"b\"\n", &[], &["line 3", "a quote inside field 2"]);
    csv("2, \"a\"\n", &[], &["line 3", "a quote inside field 2"]);
    stops("a.csv", "id,\"text\n1,one\n", &[], &[], &["line 1", "never closed"]);
}

#[test]
fn rows_that_run_into_one_name_the_line() {
    let cr = "carriage return (CR)";
    stops("a.txt", "one\rtwo\r", &[], &[], &["line 1", cr, "byte 4"]);
    stops("a.txt", "one\ntwo\r\r\n", &[], &["one"], &["line 2", cr]);
    stops("a.csv", "text\rone\rtwo\r", &[], &[], &["line 1", cr]);
    stops("a.csv", "text\none\ntwo\rthree\n", &[], &["one"], &["line 3", cr]);
    stops("a.tsv", "text\tid\none\t1\rtwo\t2\n", &[], &[], &["line 2", cr]);
    stops("a.jsonl", "{\"text\":\"one\"}\r{\"text\":\"two\"}\r", &[], &[], &["line 1", cr]);
    let (two, trailing) = ("{\"text\":\"a\"}{\"text\":\"b\"}\n", "{\"text\":\"a\"},\n");
    stops("a.jsonl", two, &[], &[], &["line 1", "trailing characters at column 13"]);
    stops("a.jsonl", trailing, &[], &[], &["line 1", "trailing characters"]);
    stops("a.jsonl", "{\"text\":\"a\",\"text\":\"b\"}\n", &[], &[], &["line 1", "the key \"text\" twice"]);
    stops("a.jsonl", "{\"text\":\"a\",\"n\":1,\"n\":1}\n", &[], &[], &["the key \"n\" twice"]);
    stops("a.jsonl", "{\"text\":\"one\"}\n{\"text\":\"tw", &[], &["one"], &["line 2", "not valid JSON"]);
    let many = (0..20_000).map(|i| format!("\"{i}\":0")).collect::<Vec<_>>().join(",");
    stops("a.jsonl", format!("{{{many}}}\n"), &[], &[], &["line 1", "more than 16384 keys"]);
    stops("a.csv", ",".repeat(20_000), &[], &[], &["20001 columns"]);
}

#[test]
fn an_empty_line_between_rows_names_the_line() {
    stops("a.csv", "text,id\none,1\n\n\ntwo,2\n", &[], &["one"], &["line 3", "empty line"]);
    stops("a.csv", "\ntext\none\n", &[], &[], &["line 1", "empty line"]);
    stops("a.tsv", "text\none\n\r\ntwo\n", &[], &["one"], &["line 3", "empty line"]);
    let objects = "{\"text\":\"one\"}\n\n{\"text\":\"three\"}\n";
    stops("a.jsonl", objects, &[], &["one"], &["line 2", "empty line"]);
}

#[test]
fn what_is_no_text_is_refused_where_it_begins() {
    stops("a.txt", "one\ntw\0o\n", &[], &["one"], &["line 2", "NUL", "byte 3"]);
    stops("a.csv", "text\none\n\"tw\0o\"\n", &[], &["one"], &["line 3", "NUL"]);
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}text\n好\n".encode_utf16().flat_map(bytes).collect()
    };
    for name in ["a.txt", "a.csv", "a.tsv", "a.jsonl"] {
        stops(name, utf_16(u16::to_le_bytes), &[], &[], &["UTF-16", "iconv"]);
        stops(name, utf_16(u16::to_be_bytes), &[], &[], &["UTF-16", "iconv"]);
    }
}

/// A line, a field and a string end somewhere, or reading does.
#[test]
fn what_never_ends_is_refused_in_little_memory() {
    let long = "a".repeat((16 << 20) + 1);
    stops("a.txt", format!("one\n{long}"), &[], &["one"], &["line 2", "longer than 16 MiB"]);
    stops("a.csv", format!("text\none\n{long}"), &[], &["one"], &["line 3", "longer than 16 MiB"]);
    let lines = "a line\n".repeat(3_000_000);
    stops("a.csv", format!("text\none\n\"{lines}"), &[], &["one"], &["line 3", "not closed within 16 MiB"]);
    stops("a.txt", format!("{}\n", "one\r".repeat(5 << 20)), &[], &[], &["line 1", "carriage returns"]);
    if !Path::new("/dev/zero").exists() {
        return skip("there is no /dev/zero");
    }
    // A terabyte of address space would not be enough for all of it; this shell gives half a gigabyte.
    let within = |arguments: &[&str]| {
        let script = "ulimit -v 524288; exec \"$0\" \"$@\"";
        let run =
            Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_nimbert")]).args(arguments).output();
        let run = run.unwrap();
        let stderr = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("nimbert: /dev/zero: line 1: a NUL character"), "{stderr}");
    };
    for format in ["lines", "csv", "tsv", "jsonl"] {
        within(&["classify", "--threads", "1", "--input", "/dev/zero", "--input-format", format]);
    }
    let (_model, model) = seeded("gelu-multi-label");
    let data = ["--threads", "1", "--data", "/dev/zero", "--input-format", "csv", "--label-column", "star"];
    within(&[&["eval"], &data[..]].concat());
    within(&[&["compare", &model, &model], &data[..]].concat());
    within(&["bench", "--threads", "1", "--lengths", "/dev/zero"]);
}

#[test]
fn a_header_without_the_column_lists_those_there_are() {
    stops("a.csv", "id,review\n1,x\n", &[], &[], &["\"text\"", "\"id\", \"review\""]);
    stops("a.tsv", "id\treview\n1\tx\n", &["-c", "score"], &[], &["\"score\"", "\"id\", \"review\""]);
    stops("a.csv", "text,id\nx,1\n", &["--pair-column", "b"], &[], &["\"b\"", "\"text\", \"id\""]);
    stops("a.csv", "", &[], &[], &["empty", "header"]);
    stops("a.tsv", "", &[], &[], &["empty", "header"]);
}

#[test]
fn a_json_line_of_another_kind_names_the_line() {
    let line = |bad: &str, words: &[&str]| {
        let content = format!("{{\"text\":\"one\"}}\n{bad}\n{{\"text\":\"three\"}}\n");
        stops("a.jsonl", content, &[], &["one", "three"], &[&["line 2"], words].concat());
    };
    line("[\"text\"]", &["an array"]);
    line("\"text\"", &["a string"]);
    line("{\"text\":3}", &["\"text\" is a number"]);
    line("{\"text\":null}", &["\"text\" is null"]);
    line("{\"words\":\"x\"}", &["no key \"text\"", "\"words\""]);
    line("{\"text\":\"x\"", &["not valid JSON", "column"]);
    line("{\"text\":\"\\ud800\"}", &["not valid JSON"]);
    line(&"[".repeat(100_000), &["not valid JSON"]);
}

#[test]
fn a_text_too_long_has_no_answer_when_asked() {
    let options = ["--max-tokens", "6", "--on-long", "error"];
    stops("a.txt", "一二三四\n\n一二三四五\n六\n", &options, &["一二三四", "", "六"], &["line 3"]);
    let run = nimbert(&[&["classify", "一", "一二三四五", "--format", "json"], &options[..]].concat());
    assert_eq!(objects(&run.failed(&["text 2 of 2"])).len(), 1);
    let megabyte = "好看".repeat(175_000);
    let run = nimbert_fed(&["classify", "-i", "-", "--on-long", "error"], megabyte.as_bytes());
    assert_eq!(run.failed(&["standard input", "line 1"]), "");
}

#[test]
fn csv_output_starts_with_the_first_result() {
    let run = nimbert_fed(&["classify", "-i", "-", "--format", "csv"], b"\xff\n");
    assert_eq!(run.failed(&["line 1"]), "");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    assert_eq!(nimbert(&["classify", "--input", "no/such.txt"]).failed(&["no/such.txt"]), "");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(nimbert(&["classify", "--input", path]).failed(&[path]), "");
    assert_eq!(nimbert(&["classify", "--model", "no/model", "x"]).failed(&["no/model"]), "");
    assert_eq!(nimbert(&["info", "--model", path]).failed(&[path]), "");
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    if !Path::new("/dev/full").exists() {
        return skip("there is no /dev/full");
    }
    let all = [["classify", "好", "--format", "json"], ["classify", "好", "--format", "csv"]];
    let help = [&["--help"][..], &["--version"], &["classify", "--help"], &["help", "eval"]];
    let others = [&["classify", "好"][..], &["info"], &["completions", "bash"], &["man"]];
    let all = all.iter().map(|arguments| &arguments[..]).chain(others).chain(help);
    for arguments in all {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command(arguments).stdout(Stdio::from(full)).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr.starts_with("nimbert: standard output: ") && stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    nimbert(&[]).misused(&["Usage"]);
    nimbert(&["classify"]).misused(&["--input FILE", "--input -"]);
    nimbert(&["classify", "x", "--input", "y"]).misused(&["cannot be used with"]);
    nimbert(&["classify", "x", "--column", "y"]).misused(&["cannot be used with"]);
    nimbert(&["classify", "--column", "y"]).misused(&["--input"]);
    nimbert(&["classify", "--input", "-", "--column", "y"]).misused(&["lines have no columns"]);
    nimbert(&["classify", "--input", "-", "--pair-column", "y"]).misused(&["lines have no columns"]);
    nimbert(&["classify", "x", "--all", "--top-k", "2"]).misused(&["cannot be used with"]);
    nimbert(&["classify", "x", "--precision", "int7"]).misused(&["int7"]);
    nimbert(&["classify", "x", "--on-long", "ignore"]).misused(&["truncate", "error"]);
    nimbert(&["classify", "x", "--format", "xml"]).misused(&["human", "json", "csv"]);
    nimbert(&["classify", "-i", "-", "--input-format", "xml"]).misused(&["lines", "csv", "tsv", "jsonl"]);
    for option in ["--threads", "--batch", "--max-tokens", "--top-k"] {
        nimbert(&["classify", "x", option, "0"]).misused(&[option, "from 1"]);
        nimbert(&["classify", "x", option, "many"]).misused(&[option, "from 1"]);
    }
    nimbert(&["pack", "model"]).misused(&["--output"]);
    nimbert(&["pack", "-o", "x"]).misused(&["--model"]);
    nimbert(&["pack", "a", "--model", "b", "-o", "x"]).misused(&["cannot be used with"]);
    nimbert(&["import", "-o", "x"]).misused(&["--model"]);
    nimbert(&["info", "a", "--model", "b"]).misused(&["cannot be used with"]);
    nimbert(&["info", "--modle", "b"]).misused(&["'--model'"]);
    nimbert(&["pack", "model", "-o", "x", "--precision", "int7"]).misused(&["int7", "int8"]);
    nimbert(&["frobnicate"]).misused(&["frobnicate"]);
}

#[test]
fn a_text_that_names_a_model_ends_with_the_right_command() {
    let (directory, model) = seeded("gelu-multi-label");
    let packed = directory.path().join("packed one.nimbert");
    let packed = packed.to_str().unwrap();
    nimbert(&["pack", "--model", &model, "-o", packed]).done();
    let command = format!("nimbert classify --model {model} 一 'it is'");
    nimbert(&["classify", "一", &model, "it is"]).misused(&["is a model", &command]);
    nimbert(&["classify", &model]).misused(&[&format!("nimbert classify --model {model} TEXT")]);
    nimbert(&["classify", packed, "一"]).misused(&[&format!("nimbert classify --model '{packed}' 一")]);
    for part in ["config.json", "model.safetensors"] {
        let path = Path::new(&model).join(part);
        if path.exists() {
            nimbert(&["classify", path.to_str().unwrap(), "一"]).misused(&[&format!("--model {model} 一")]);
        }
    }
    // A directory of anything else is a text like any other.
    let empty = tempfile::tempdir().unwrap();
    nimbert(&["classify", empty.path().to_str().unwrap()]).done();
}

#[test]
fn a_text_that_names_a_file_is_scored_with_a_hint() {
    let (_kept, path) = file("two words.txt", "好\n");
    let run = nimbert(&["classify", "--format", "json", "好", &path]);
    assert_eq!((run.code, texts(&objects(&run.stdout))), (0, vec!["好", &path]));
    let hint = format!("hint: {path:?} is a file; for its lines: nimbert classify --input '{path}'\n");
    assert_eq!(run.stderr, hint);
}

#[test]
fn an_unknown_instruction_set_is_named() {
    let output = command(&["classify", "x"]).env("NIMBERT_ISA", "sse9").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("nimbert: ") && stderr.contains("sse9"), "{stderr}");
}

#[test]
fn a_file_that_is_no_model_is_told_apart_and_a_checkpoint_s_hints_at_its_directory() {
    let (_model, model) = seeded("gelu-multi-label");
    let name_it = format!("name its directory, {model}");
    for (part, kind) in [
        ("config.json", "a JSON text"),
        ("vocab.txt", "a text"),
        ("model.safetensors", "a safetensors file, but not a packed model"),
    ] {
        let path = Path::new(&model).join(part);
        let path = path.to_str().unwrap();
        nimbert(&["classify", "--model", path, "x"]).failed(&[path, kind, &name_it]);
        nimbert(&["verify", "--file", path]).failed(&[path, kind, &name_it]);
    }
    for (content, kind) in [("root:x:0:0:root:/root:/bin/bash\n", "a text"), ("", "an empty file")] {
        let (_directory, path) = file("passwd", content);
        let stdout = nimbert(&["info", "--model", &path]).failed(&[&path, kind, "neither a packed model"]);
        assert_eq!(stdout, "");
    }
}

#[test]
fn weights_beyond_f16_are_refused_where_they_would_be_f16_and_kept_elsewhere() {
    let (_model, model) = seeded("gelu-multi-label");
    let name = "bert.encoder.layer.1.output.dense";
    multiply(&model, &format!("{name}.weight"), 1e8);
    let words =
        [&format!("tensor {name}.weight["), "f16 holds at most 65504, precision int8 or f32 keeps it"];
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let out = out.to_str().unwrap();
    nimbert(&["pack", &model, "-o", out, "--precision", "f16"]).failed(&words);
    nimbert(&["classify", "--model", &model, "--precision", "f16", "一"]).failed(&words);
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "nothing half-written");
    // Under a contract the other parts are tried in f16; the budget is one that nothing keeps.
    let (_data, data) = file("texts.txt", seeded_texts(40).join("\n"));
    let contract = ["pack", &model, "-o", out, "--check", &data, "--budget=-1"];
    nimbert(&contract).failed(&["no file written: even with everything in f16 that it holds"]);
    for precision in ["int8", "f32"] {
        nimbert(&["pack", &model, "-o", out, "--precision", precision]).done();
        nimbert(&["verify", "--file", out]).done();
        nimbert(&["classify", "--model", out, "一"]).done();
        nimbert(&["classify", "--model", out, "--precision", "f16", "一"])
            .failed(&[out, "f16 holds at most"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_model_that_there_is_no_memory_for_is_an_error() {
    let program = env!("CARGO_BIN_EXE_nimbert");
    // The program itself, and less than the 400 MB of the weights.
    let limit = fs::metadata(program).unwrap().len() / 1024 + 300_000;
    let script = format!("ulimit -v {limit}; exec \"$0\" bench --preset bert-base-chinese --threads 1");
    let output = Command::new("sh").args(["-c", &script, program]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.ends_with(" MiB of memory are needed, more than the system gives\n"), "{stderr}");
}

#[test]
fn an_empty_instruction_set_is_none() {
    let chosen = |change: fn(&mut Command) -> &mut Command| {
        let output = change(&mut command(&["info", "--format", "json"])).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        objects(&String::from_utf8(output.stdout).unwrap())[0]["isa"]["chosen"].clone()
    };
    assert_eq!(chosen(|of| of.env("NIMBERT_ISA", "portable")), "portable");
    assert_eq!(chosen(|of| of.env("NIMBERT_ISA", "")), chosen(|of| of.env_remove("NIMBERT_ISA")));
}

#[test]
fn help_and_version_go_to_standard_output() {
    assert!(nimbert(&["classify", "--help"]).done().contains("Examples:"));
    assert!(nimbert(&["--version"]).done().starts_with("nimbert "));
    for command in COMMANDS {
        let help = nimbert(&[command, "--help"]).done();
        assert!(help.contains("Examples:\n  nimbert "), "{command}: {help}");
    }
}

#[test]
fn completions_and_manual_pages_have_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = nimbert(&["completions", shell]).done();
        for word in COMMANDS.iter().chain(&["label-column", "multiline"]) {
            assert!(script.contains(word), "no {word:?} for {shell}");
        }
    }
    nimbert(&["completions", "tcsh"]).misused(&["bash", "zsh"]);
    let main = nimbert(&["man"]).done();
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("share/man1");
    assert_eq!(nimbert(&["man", "--output", pages.to_str().unwrap()]).done(), "");
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    assert_eq!(page("nimbert.1"), main);
    assert!(main.starts_with(".ie") && main.contains(".TH nimbert 1"), "{main}");
    for command in COMMANDS {
        let name = command.replace('-', "\\-");
        assert!(main.contains(&format!("nimbert\\-{name}(1)")), "no {command} in {main}");
        let page = page(&format!("nimbert-{command}.1"));
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{page}");
    }
    let (_kept, file) = file("there", "");
    nimbert(&["man", "--output", &file]).failed(&["there"]);
}

#[test]
fn help_to_a_closed_pipe_is_no_error() {
    for arguments in [&["--help"][..], &["completions", "zsh"], &["man"], &["info"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(arguments).stdout(Stdio::from(writer)).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
