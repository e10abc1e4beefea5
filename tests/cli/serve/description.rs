//! What /openapi.json says, and what is so.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Service, client::Client};

fn description(client: &mut Client) -> Value {
    let description = client.get("/openapi.json").done();
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    description
}

/// What a reference stands for.
fn followed<'a>(all: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |path| all.pointer(path.strip_prefix('#').unwrap()).unwrap())
}

#[test]
fn every_address_is_there_and_its_example_has_an_answer() {
    let service = Service::start(&[]);
    let mut client = service.client();
    let all = description(&mut client);
    for (path, methods) in all["paths"].as_object().unwrap() {
        let address = path.replace("{name}", "demo");
        for (method, operation) in methods.as_object().unwrap() {
            let example =
                followed(&all, &operation["requestBody"])["content"]["application/json"]["example"].clone();
            let status = match method.as_str() {
                "get" => client.get(&address).status,
                "post" if example.is_null() => client.post(&address, &json!({ "inputs": "好" })).status,
                "post" => client.post(&address, &example).status,
                // What all methods of a path have together.
                _ => continue,
            };
            // The demo does not rank.
            assert_eq!(status, if path.contains("rerank") { 424 } else { 200 }, "{method} {path}");
        }
    }
    for page in ["/docs", "/"] {
        let answer = client.get_with(page, "accept: text/html");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    }
}

/// Sets a key that nobody knows at `path`, asks, and compares the keys that the error names with those of the schema.
#[track_caller]
fn compare(client: &mut Client, address: &str, body: &Value, path: &str, properties: &Map<String, Value>) {
    let mut asked = body.clone();
    if asked.pointer(path).is_none() {
        asked[&path[1..]] = json!({});
    }
    asked.pointer_mut(path).unwrap()["zzz"] = json!(1);
    let answer = client.post(address, &asked);
    assert_eq!(answer.status, 422, "{address} {asked}");
    let answer = String::from_utf8(answer.body).unwrap();
    let (_, known) = answer.split_once("zzz` is not known here; what is: ").expect(&answer);
    let known: BTreeSet<_> = known.split('"').next().unwrap().split(", ").collect();
    let told: BTreeSet<_> = properties.keys().map(String::as_str).collect();
    assert_eq!(known, told, "{address} {asked}");
}

#[test]
fn every_key_is_told_and_no_other() {
    let Some(family) = nimbert_test_support::shared("family") else { return };
    let models = ["bert-nli", "bert-ner", "bert-qa", "bert-mlm", "st-mean-normalize", "xlm-roberta-rerank"];
    let models = models.map(|name| family.join(name).to_str().unwrap().to_owned());
    let arguments: Vec<_> = models.iter().flat_map(|path| ["--model", path]).collect();
    let service = Service::start(&arguments);
    let mut client = service.client();
    let all = description(&mut client);
    let question = json!({ "inputs": { "question": "who?", "context": "a b" } });
    let similar = json!({ "inputs": { "source_sentence": "a", "sentences": ["b"] } });
    let rank = json!({ "query": "a", "texts": ["b"] });
    let documents = json!({ "query": "a", "documents": ["b"], "model": "xlm-roberta-rerank" });
    let text = json!({ "inputs": "a" });
    let input = json!({ "input": "a" });
    let zero_shot = json!({ "inputs": "a", "parameters": { "candidate_labels": ["b"] } });
    let examples = &all["components"]["requestBodies"]["Ask"]["content"]["application/json"]["examples"];
    for (task, model) in [
        ("text-classification", "bert-nli"),
        ("token-classification", "bert-ner"),
        ("question-answering", "bert-qa"),
        ("fill-mask", "bert-mlm"),
        ("zero-shot-classification", "bert-nli"),
        ("feature-extraction", "st-mean-normalize"),
        ("sentence-similarity", "st-mean-normalize"),
        ("rerank", "xlm-roberta-rerank"),
    ] {
        client.post(&format!("/models/{model}"), &examples[task]["value"]).done();
    }
    assert_eq!(examples.as_object().unwrap().len(), 8);
    for (address, name, body) in [
        ("/", "ClassifyBody", &text),
        ("/", "ZeroShotBody", &zero_shot),
        ("/models/bert-ner", "TagBody", &text),
        ("/models/bert-qa", "AnswerBody", &question),
        ("/models/bert-mlm", "FillBody", &json!({ "inputs": "a [MASK]" })),
        ("/models/st-mean-normalize", "EmbedBody", &text),
        ("/embed", "EmbedBody", &text),
        ("/models/st-mean-normalize", "SimilarityBody", &similar),
        ("/similarity", "SimilarityBody", &similar),
        ("/models/xlm-roberta-rerank", "RerankBody", &rank),
        ("/rerank", "RerankBody", &rank),
        ("/predict", "PredictBody", &text),
        ("/embed_all", "EmbedAllBody", &text),
        ("/tokenize", "TokenizeBody", &text),
        ("/decode", "DecodeBody", &json!({ "ids": [1] })),
        ("/v1/embeddings", "EmbeddingsBody", &input),
        ("/v1/rerank", "RankDocumentsBody", &documents),
        ("/v2/rerank", "RankDocumentsBody", &documents),
    ] {
        let schema = &all["components"]["schemas"][name];
        let properties = schema["properties"].as_object().unwrap();
        compare(&mut client, address, body, "", properties);
        if let Some(parameters) = properties.get("parameters") {
            let told = parameters["properties"].as_object().unwrap();
            // Where they may stand at the root, too, what is left over is named with what may be there alone.
            if !["EmbedBody", "SimilarityBody"].contains(&name) {
                compare(&mut client, address, body, "/parameters", told);
            }
            for key in told.keys() {
                let mut asked = body.clone();
                asked["parameters"][key] = Value::Null;
                let answer = client.post(address, &asked);
                let error = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(!error.contains("is not known"), "{address} {key}: {error}");
            }
        }
        if let Some(inputs) = properties.get("inputs").and_then(|of| of["properties"].as_object()) {
            compare(&mut client, address, body, "/inputs", inputs);
        }
    }
}
