//! What each protocol answers, beside what the command line says of the same texts.

use serde_json::{Value, json};

use super::Service;
use crate::{embed::sentence, nimbert};

const TEXTS: [&str; 2] = ["太好看了，笑中带泪", "无聊到睡着"];

/// The file that is the demo.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/model.nimbert");

/// What `nimbert classify` says of a text.
fn labels(arguments: &[&str]) -> Value {
    let found = nimbert(&[&["classify", "--format", "json"], arguments].concat()).json();
    found.into_iter().map(|mut text| text["scores"].take()).collect()
}

#[test]
fn the_inference_api_of_the_demo() {
    let service = Service::start(&[]);
    assert!(service.models.starts_with("demo: classify, embed ("), "{}", service.models);
    let mut client = service.client();
    let expected = labels(&TEXTS);
    let answer =
        client.post("/", &json!({ "inputs": TEXTS, "parameters": {}, "options": { "use_cache": false } }));
    assert_eq!(answer.done(), expected);
    assert_eq!(answer.header("x-truncated"), Some("0"));
    assert_eq!(answer.header("x-compute-characters"), Some("14"));
    // Nested for one text, too; the rest by the model's name.
    assert_eq!(client.post("/", &json!({ "inputs": TEXTS[0] })).done(), json!([expected[0]]));
    let two =
        client.post("/models/demo", &json!({ "inputs": TEXTS[0], "parameters": { "top_k": 2 } })).done();
    assert_eq!(two[0].as_array().unwrap()[..], expected[0].as_array().unwrap()[..2]);
    let raw =
        client.post("/", &json!({ "inputs": "好", "parameters": { "function_to_apply": "none" } })).done();
    let soft =
        client.post("/", &json!({ "inputs": "好", "parameters": { "function_to_apply": "softmax" } })).done();
    assert!(raw[0][0]["score"].as_f64().unwrap() != soft[0][0]["score"].as_f64().unwrap());
    let sum: f64 = soft[0].as_array().unwrap().iter().map(|label| label["score"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
}

#[test]
fn text_embeddings_inference() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let expected = labels(&TEXTS);
    assert_eq!(client.post("/predict", &json!({ "inputs": TEXTS[0] })).done(), expected[0]);
    assert_eq!(client.post("/predict", &json!({ "inputs": [[TEXTS[0]], [TEXTS[1]]] })).done(), expected);
    // Two strings are a pair here.
    let pair = client.post("/predict", &json!({ "inputs": TEXTS })).done();
    assert!(pair[0]["score"].is_number() && pair != expected[0] && pair != expected[1]);
    let vectors =
        nimbert(&["embed", "--model", DEMO, "--normalize", "--format", "json", TEXTS[0], TEXTS[1]]).json();
    let vectors: Value = vectors.into_iter().map(|mut text| text["embedding"].take()).collect();
    assert_eq!(client.post("/embed", &json!({ "inputs": TEXTS })).done(), vectors);
    assert_eq!(client.post("/embed", &json!({ "inputs": TEXTS[1] })).done(), json!([vectors[1]]));
    let plain =
        client.post("/embed", &json!({ "inputs": TEXTS[1], "normalize": false, "dimensions": 3 })).done();
    let own = nimbert(&["embed", "--model", DEMO, "--format", "json", TEXTS[1]]).json();
    assert_eq!(plain[0].as_array().unwrap()[..], own[0]["embedding"].as_array().unwrap()[..3]);
    let tokens = client.post("/tokenize", &json!({ "inputs": "太 x" })).done();
    assert_eq!(
        tokens[0][1],
        json!({ "id": tokens[0][1]["id"], "text": "太", "special": false, "start": 0, "stop": 3 })
    );
    assert_eq!(tokens[0][2]["start"], 4);
    assert_eq!(tokens[0][0]["special"], true);
    let ids: Vec<_> = tokens[0].as_array().unwrap().iter().map(|token| token["id"].clone()).collect();
    assert_eq!(client.post("/decode", &json!({ "ids": ids })).done(), json!(["太 x"]));
    let all = client.post("/embed_all", &json!({ "inputs": "太 x" })).done();
    assert_eq!(all[0].as_array().unwrap().len(), ids.len());
    // Tokens as they are give what their text gives.
    assert_eq!(
        client.post("/embed", &json!({ "inputs": ids })).done(),
        client.post("/embed", &json!({ "inputs": "太 x" })).done()
    );
    let others = client
        .post(
            "/similarity",
            &json!({ "inputs": { "source_sentence": "太 x", "sentences": ["太 x", "无聊"] } }),
        )
        .done();
    assert!((others[0].as_f64().unwrap() - 1.0).abs() < 1e-5 && others[1].as_f64().unwrap() < 0.999);
    client.post("/rerank", &json!({ "query": "a", "texts": ["b"] })).refused(
        424,
        "Backend",
        &["no rerank", "classify"],
    );
    let info = client.get("/info").done();
    assert_eq!(
        (&info["model_type"]["classifier"]["id2label"]["4"], &info["max_input_length"]),
        (&json!("Star_5"), &json!(512))
    );
    assert_eq!(client.get("/models/demo/info").done(), info);
    let page = client.get_with("/", "accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = String::from_utf8(page.body.clone()).unwrap();
    // All that it needs is in it.
    assert!(
        text.contains("<title>nimbert</title>") && !text.contains("http://") && !text.contains("https://")
    );
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    for path in ["/health", "/ping", "/"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn long_texts_are_cut_and_that_is_told_or_refused() {
    let service = Service::start(&["--max-tokens", "6"]);
    let mut client = service.client();
    let ask = |truncate: Value, direction: Value| json!({ "inputs": "一二三四五六七", "truncate": truncate, "truncation_direction": direction });
    let start = client.post("/predict", &ask(json!(true), json!("Right")));
    assert_eq!(
        (start.done(), start.header("x-truncated")),
        (client.post("/predict", &json!({ "inputs": "一二三四" })).done(), Some("1"))
    );
    let end = client.post("/predict", &ask(Value::Null, json!("left"))).done();
    assert_eq!(end, client.post("/predict", &json!({ "inputs": "四五六七" })).done());
    let refused = client.post("/predict", &ask(json!(false), Value::Null));
    refused.refused(422, "Validation", &["must have less than 6 tokens. Given: 9"]);
    client.post("/predict", &ask(Value::Null, json!("up"))).refused(
        422,
        "Validation",
        &["truncation_direction", "up"],
    );
}

#[test]
fn embeddings_as_openai_has_them() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let found =
        client.post("/v1/embeddings", &json!({ "model": "any", "input": TEXTS, "user": "me" })).done();
    let expected = client.post("/embed", &json!({ "inputs": TEXTS })).done();
    assert_eq!(found["data"][1], json!({ "object": "embedding", "index": 1, "embedding": expected[1] }));
    assert_eq!((&found["object"], &found["usage"]["prompt_tokens"]), (&json!("list"), &json!(18)));
    let packed = client
        .post("/v1/embeddings", &json!({ "input": "好", "encoding_format": "base64", "dimensions": 2 }))
        .done();
    // Two numbers are eight bytes, and those twelve characters.
    assert_eq!(packed["data"][0]["embedding"].as_str().unwrap().len(), 12);
    for (body, words) in [
        (json!({ "input": [] }), "cannot be empty"),
        (json!({ "input": "a", "temperature": 1 }), "`temperature` is not known here"),
        (json!({ "input": "a", "encoding_format": "hex" }), "hex"),
        (json!({ "input": "a", "dimensions": 385 }), "385 is not between 1 and the model's 384"),
        (json!({ "input": [[99999]] }), "99999"),
    ] {
        let answer = client.post("/v1/embeddings", &body);
        let message = &answer.json()["error"]["message"];
        assert!(
            (400..423).contains(&answer.status) && message.as_str().unwrap().contains(words),
            "{message}"
        );
    }
    assert_eq!(client.get("/v1/models").done()["data"][0]["id"], "demo");
}

/// A reranker, entities, answers, masks and labels of one's own side by side: each by its name, the first at the root.
#[test]
fn other_tasks_by_the_names_of_their_models() {
    let Some(family) = nimbert_test_support::shared("family") else { return };
    let path = |name: &str| family.join(name).to_str().unwrap().to_owned();
    let models = ["bert-rerank", "bert-ner", "bert-qa", "bert-mlm", "bert-nli"].map(path);
    let arguments: Vec<_> = models.iter().flat_map(|path| ["--model", path]).collect();
    let service = Service::start(&arguments);
    let mut client = service.client();
    let json = |arguments: &[&str]| nimbert(arguments).json().remove(0);

    let documents = ["a film about Ghent", "how to bake bread", "x"];
    let found =
        client.post("/", &json!({ "query": "what?", "texts": documents, "return_text": true })).done();
    let scores: Vec<_> =
        found.as_array().unwrap().iter().map(|rank| rank["score"].as_f64().unwrap()).collect();
    assert!(
        scores.is_sorted_by(|a, b| a >= b)
            && found[0]["text"] == documents[found[0]["index"].as_u64().unwrap() as usize]
    );
    let cohere = client
        .post(
            "/v2/rerank",
            &json!({ "model": "bert-rerank", "query": "what?", "documents": documents, "top_n": 1 }),
        )
        .done();
    assert_eq!(
        (&cohere["results"][0]["index"], &cohere["results"][0]["relevance_score"]),
        (&found[0]["index"], &found[0]["score"])
    );
    assert_eq!(cohere["results"].as_array().unwrap().len(), 1);
    let unknown = client.post("/v1/rerank", &json!({ "model": "none", "query": "a", "documents": ["b"] }));
    assert!(unknown.status == 404 && unknown.json()["message"].as_str().unwrap().contains("bert-ner"));

    let text = "Maria Olsen moved to Ghent";
    let expected = json(&["tag", "--model", &models[1], "--format", "json", text]);
    assert_eq!(client.post("/models/bert-ner", &json!({ "inputs": text })).done(), expected["entities"]);
    let single = client.post("/models/bert-ner", &json!({ "inputs": [text], "parameters": { "aggregation_strategy": "none", "ignore_labels": [] } })).done();
    assert!(single[0][0]["entity"].is_string() && single[0][0]["index"] == 1);

    let context = "The harbour pilot from Lisbon met Maria Olsen on Tuesday.";
    let asked = json!({ "question": "Who met Maria?", "context": context });
    let expected = json(&[
        "answer",
        "--model",
        &models[2],
        "--format",
        "json",
        "--question",
        "Who met Maria?",
        "--context",
        context,
    ]);
    assert_eq!(client.post("/models/bert-qa", &json!({ "inputs": asked })).done(), expected["answers"][0]);
    let three =
        client.post("/models/bert-qa", &json!({ "inputs": asked, "parameters": { "top_k": 3 } })).done();
    assert_eq!(three.as_array().unwrap().len(), 3);

    let expected = json(&["fill-mask", "--model", &models[3], "--format", "json", "a [MASK] film"]);
    assert_eq!(
        client.post("/models/bert-mlm", &json!({ "inputs": "a [MASK] film" })).done(),
        expected["masks"][0]
    );
    client.post("/models/bert-mlm", &json!({ "inputs": "none" })).refused(
        422,
        "Validation",
        &["no [MASK] in it"],
    );

    let labels = json!({ "candidate_labels": ["film", "travel"] });
    let expected =
        json(&["zero-shot", "--model", &models[4], "--format", "json", "--labels", "film,travel", text]);
    let found = client.post("/models/bert-nli", &json!({ "inputs": text, "parameters": labels })).done();
    assert_eq!(found[0], json!({ "label": expected["labels"][0], "score": expected["scores"][0] }));

    client.post("/models/bert-qa/predict", &json!({ "inputs": "a" })).refused(
        424,
        "Backend",
        &["no classify"],
    );
    client.post("/models/../etc", &json!({ "inputs": "a" })).refused(404, "NotFound", &[]);
    client.post("/models/none", &json!({ "inputs": "a" })).refused(404, "NotFound", &["bert-nli"]);
}

#[test]
fn prompts_go_before_texts() {
    let (_kept, path) = sentence("prompt-out-of-mean");
    let service = Service::start(&["--model", &path]);
    let mut client = service.client();
    let vector = |arguments: &[&str]| {
        let all = ["embed", "--model", &path, "--format", "json", "--normalize"];
        nimbert(&[&all[..], arguments].concat()).json().remove(0)["embedding"].take()
    };
    let name = "query";
    let named = client.post("/embed", &json!({ "inputs": "a film", "prompt_name": name })).done();
    assert_eq!(named[0], vector(&["--prompt-name", name, "a film"]));
    assert_eq!(client.post("/embed", &json!({ "inputs": "a film" })).done()[0], vector(&["a film"]));
    let unknown = client.post("/embed", &json!({ "inputs": "a", "prompt_name": "missing" }));
    unknown.refused(422, "Validation", &["prompt_name", name]);
}
