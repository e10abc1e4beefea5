//! What should not come, and comes all the same: each has an answer in JSON, or a closed connection, and the next client has its own.

use std::{
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Service, client::Client};

/// That the service answers.
#[track_caller]
fn is_alive(client: &mut Client) {
    assert_eq!(client.post("/", &json!({ "inputs": "好" })).status, 200);
}

#[test]
fn bodies_that_are_no_request() {
    let service = Service::start(&["--max-body-bytes", "20000", "--max-texts", "3"]);
    let mut client = service.client();
    let deep = format!("{{\"inputs\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let malformed: [(&[u8], &str); 8] = [
        (b"", "EOF"),
        (b"{\"inputs\": \"a\"", "EOF"),
        (b"{\"inputs\": NaN}", "expected"),
        (b"{\"inputs\": \"\\ud800\"}", "hex escape"),
        (b"{\"inputs\": \"\xff\"}", ""),
        (b"{\"inputs\": \"a\"} {}", "trailing"),
        (deep.as_bytes(), "recursion limit"),
        (b"\xef\xbb\xbf{\"inputs\": \"a\"}", "expected value"),
    ];
    for (body, words) in malformed {
        for path in ["/", "/predict", "/embed", "/tokenize"] {
            client.post_bytes(path, body).refused(400, "Validation", &["the body is no JSON", words]);
        }
    }
    for (path, body, words) in [
        ("/", "[]", "the body is a list, expected an object"),
        ("/", "{}", "`inputs` is missing"),
        ("/", r#"{"input": "a"}"#, "`inputs` is missing; there is `input`"),
        ("/", r#"{"inputs": 1}"#, "`inputs` is a number"),
        ("/", r#"{"inputs": ["a", null]}"#, "`inputs[1]` is null"),
        ("/", r#"{"inputs": {"text": "a", "textpair": "b"}}"#, "`inputs.textpair` is not known here"),
        ("/", r#"{"inputs": "a", "parameters": []}"#, "`parameters` is a list"),
        ("/", r#"{"inputs": "a", "parameters": {"top_k": "x"}}"#, "`parameters.top_k`: invalid type"),
        ("/", r#"{"inputs": "a", "parameters": {"top_k": 0}}"#, "0 is not at least 1"),
        ("/", r#"{"inputs": "a", "parameters": {"function_to_apply": "tanh"}}"#, "tanh"),
        ("/", r#"{"inputs": ["a", "b", "c", "d"]}"#, "batch size 4 > maximum allowed batch size 3"),
        ("/", r#"{"inputs": "a", "wait": true}"#, "`wait` is not known here"),
        ("/embed", r#"{"inputs": "a", "dimensions": 0}"#, "0 is not between 1 and"),
        ("/embed", r#"{"inputs": "a", "normalize": "yes"}"#, "`normalize`: invalid type"),
        (
            "/embed",
            r#"{"inputs": "a", "normalize": true, "parameters": {"normalize": false}}"#,
            "`normalize` is there twice: also as `parameters.normalize`",
        ),
        ("/embed", r#"{"inputs": [[4294967295]]}"#, "out of range"),
        ("/decode", r#"{"ids": ["a"]}"#, "expected token ids"),
    ] {
        client.post_bytes(path, body.as_bytes()).refused(422, "Validation", &[words]);
    }
    for (path, body) in
        [("/", r#"{"inputs": []}"#), ("/predict", r#"{"inputs": []}"#), ("/embed", r#"{"inputs": [[]]}"#)]
    {
        client.post_bytes(path, body.as_bytes()).refused(400, "Empty", &["empty"]);
    }
    // An empty text is one, with its special tokens.
    assert_eq!(client.post("/", &json!({ "inputs": "" })).status, 200);
    let zipped = client.post_with("/", "content-encoding: gzip", b"\x1f\x8b");
    zipped.refused(415, "UnsupportedMediaType", &["Content-Encoding"]);
    let large = format!("{{\"inputs\": \"{}\"}}", "x".repeat(30_000));
    client.post_bytes("/", large.as_bytes()).refused(413, "PayloadTooLarge", &["20000 bytes"]);
    is_alive(&mut client);
}

/// Small bodies that ask for much: windows that hardly move on, labels for each of many texts, vectors of many tokens.
#[test]
fn little_that_asks_for_much() {
    let Some(family) = nimbert_test_support::shared("family") else { return };
    let [ner, qa, nli] =
        ["bert-ner", "bert-qa", "bert-nli"].map(|name| family.join(name).to_str().unwrap().to_owned());
    let service = Service::start(&["--model", &ner, "--model", &qa, "--model", &nli]);
    let mut client = service.client();
    let long = "a ".repeat(400_000);
    let most = client.get("/models/bert-ner/info").done()["max_input_length"].as_u64().unwrap();
    let tag = json!({ "inputs": long, "parameters": { "stride": most - 3 } });
    client.post("/", &tag).refused(413, "PayloadTooLarge", &["1 apart"]);
    let answer = json!({ "inputs": { "question": "a ".repeat(60), "context": long }, "parameters": { "max_seq_len": 64 } });
    client.post("/models/bert-qa", &answer).refused(413, "PayloadTooLarge", &["windows of 64 tokens"]);
    let labels: Vec<_> = (0..1000).map(|i| format!("label {i}")).collect();
    let rank = json!({ "inputs": vec!["a"; 1000], "parameters": { "candidate_labels": labels } });
    client.post("/models/bert-nli", &rank).refused(422, "Validation", &["batch size 1000000 >"]);
    let template = json!({ "inputs": "a", "parameters": { "candidate_labels": ["x".repeat(500_000)], "hypothesis_template": "{}".repeat(500_000) } });
    client.post("/models/bert-nli", &template).refused(422, "Validation", &["500000 {}"]);
    let spans =
        json!({ "inputs": { "question": "who?", "context": "a b c" }, "parameters": { "top_k": 1_000_000 } });
    client.post("/models/bert-qa", &spans).refused(422, "Validation", &["1000000 is more than 1024"]);
    let query = json!({ "query": "q".repeat(1_900_000), "texts": vec![""; 1000] });
    client.post("/rerank", &query).refused(424, "Backend", &["no rerank"]);
    let all = json!({ "inputs": vec!["a ".repeat(30); 1000] });
    client.post("/embed_all", &all).refused(413, "PayloadTooLarge", &["at most 8192"]);
    client.post("/tokenize", &json!({ "inputs": long })).refused(413, "PayloadTooLarge", &["131072 tokens"]);
    client.post("/decode", &json!({ "ids": vec![5; 200_000] })).refused(
        413,
        "PayloadTooLarge",
        &["131072 tokens"],
    );
    assert_eq!(
        client.post("/tokenize", &json!({ "inputs": "a ".repeat(100_000) })).done()[0]
            .as_array()
            .unwrap()
            .len(),
        100_002
    );
    let question = json!({ "inputs": { "question": "a ".repeat(900_000), "context": "a b c" } });
    client.post("/models/bert-qa", &question).refused(422, "Validation", &["leaves no room for a context"]);
    assert_eq!(client.post("/", &json!({ "inputs": "a b" })).status, 200);
}

#[test]
fn a_hundred_megabytes_are_read_and_not_kept() {
    let service = Service::start(&[]);
    let mut client = service.client();
    client.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n").unwrap();
    let part = vec![b' '; 1 << 20];
    let mut left = 100_000_000;
    while left > 0 {
        let size = part.len().min(left);
        client.write(&part[..size]).unwrap();
        left -= size;
    }
    client.read().unwrap().refused(413, "PayloadTooLarge", &["2000000 bytes"]);
    let peak = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    // What the demo itself takes is far less.
    assert!(kilobytes < 100_000, "{kilobytes} kB");
    is_alive(&mut service.client());
}

/// Two lengths, a length and chunks, a folded header, an absurd length: what a proxy might read otherwise is not read at all, or once.
#[test]
fn requests_that_could_be_two() {
    let service = Service::start(&[]);
    let body = r#"{"inputs":"a"}"#;
    for header in [
        "content-length: 14\r\ncontent-length: 15",
        "content-length: -1",
        "content-length: 14, 15",
        "content-length: 99999999999999999999999",
        "content-length: +14",
        "transfer-encoding: chunked, identity",
        "content-length : 14",
    ] {
        let mut client = service.client();
        let head =
            format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{header}\r\n\r\n{body}");
        client.write(head.as_bytes()).unwrap();
        let answer = client.read();
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{header}: {answer:?}");
        // Nothing that was sent is taken for a second request.
        assert!(client.read().is_none(), "{header}");
    }
    is_alive(&mut service.client());
}

#[test]
fn clients_that_go_away() {
    let service = Service::start(&["--threads", "1", "--timeout", "200"]);
    let long = json!({ "inputs": vec!["很".repeat(400); 200] }).to_string();
    let request = |body: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut gone = service.client();
    gone.write(request(&long).as_bytes()).unwrap();
    service.until_it_waits();
    // As when a client is killed: the work goes with it.
    gone.stream().shutdown(Shutdown::Both).unwrap();
    drop(gone);
    let start = Instant::now();
    while service.counted("nimbert_queue_tokens") > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "tokens still wait");
        thread::sleep(Duration::from_millis(10));
    }
    // Who sends no more is taken for gone, as nginx does; the connection ends.
    let mut half = service.client();
    half.write(request(&long).as_bytes()).unwrap();
    half.stream().shutdown(Shutdown::Write).unwrap();
    assert!(half.read().is_none_or(|answer| answer.status == 200));
    let mut cut = service.client();
    cut.write(&request(&long).as_bytes()[..300]).unwrap();
    cut.stream().shutdown(Shutdown::Write).unwrap();
    assert!(cut.read().is_none_or(|answer| answer.status == 400));
    is_alive(&mut service.client());
}
