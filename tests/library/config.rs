//! `config.json`: what is read, what has a default, and what is refused, by key and value.

use std::path::Path;

use nimbert::{Activation, Config, Family, Scoring};
use serde_json::{Value, json};

fn base() -> Value {
    json!({"model_type": "bert", "vocab_size": 50, "hidden_size": 72, "num_hidden_layers": 3, "num_attention_heads": 6,
        "intermediate_size": 100})
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut config = base();
    for (key, value) in changes {
        config[*key] = value.clone();
    }
    config
}

fn read(changes: &[(&str, Value)]) -> Config {
    Config::from_json(with(changes).to_string().as_bytes(), Path::new("config.json")).unwrap()
}

fn refused(changes: &[(&str, Value)]) -> String {
    let json = with(changes).to_string();
    Config::from_json(json.as_bytes(), Path::new("config.json")).unwrap_err().to_string()
}

#[test]
fn old_files_take_berts_defaults() {
    let config = read(&[]);
    assert_eq!(
        (config.encoder.vocab_size, config.encoder.hidden_size, config.encoder.num_hidden_layers),
        (50, 72, 3)
    );
    assert_eq!(
        (config.encoder.num_attention_heads, config.encoder.head_size(), config.encoder.intermediate_size),
        (6, 12, 100)
    );
    assert_eq!(
        (
            config.encoder.max_position_embeddings,
            config.encoder.type_vocab_size,
            config.encoder.layer_norm_eps
        ),
        (512, 2, 1e-12)
    );
    assert_eq!(config.encoder.hidden_act, Activation::Gelu);
    assert_eq!(
        (config.sequence().unwrap().labels.join(" "), config.sequence().unwrap().scoring),
        ("LABEL_0 LABEL_1".to_owned(), Scoring::Softmax)
    );
    let mut without_type = base();
    without_type.as_object_mut().unwrap().remove("model_type");
    let json = without_type.to_string();
    assert_eq!(Config::from_json(json.as_bytes(), Path::new("config.json")).unwrap(), config);
}

#[test]
fn scoring_is_the_pipelines() {
    let labels =
        |n: usize| ("id2label", (0..n).map(|id| (id.to_string(), json!(format!("L{id}")))).collect());
    for (problem, count, expected) in [
        (Value::Null, 1, Scoring::Sigmoid),
        (Value::Null, 2, Scoring::Softmax),
        (json!("regression"), 1, Scoring::Identity),
        (json!("regression"), 3, Scoring::Identity),
        (json!("multi_label_classification"), 1, Scoring::Sigmoid),
        (json!("multi_label_classification"), 5, Scoring::Sigmoid),
        (json!("single_label_classification"), 1, Scoring::Sigmoid),
        (json!("single_label_classification"), 5, Scoring::Softmax),
    ] {
        let config = read(&[labels(count), ("problem_type", problem.clone())]);
        assert_eq!(
            (config.sequence().unwrap().scoring, config.sequence().unwrap().labels.len()),
            (expected, count),
            "{problem} {count}"
        );
        assert_eq!(config.sequence().unwrap().problem_type.as_deref(), problem.as_str());
    }
}

#[test]
fn activations() {
    for (name, expected) in [
        ("gelu", Activation::Gelu),
        ("gelu_new", Activation::GeluTanh),
        ("gelu_pytorch_tanh", Activation::GeluTanh),
        ("relu", Activation::Relu),
    ] {
        assert_eq!(read(&[("hidden_act", json!(name))]).encoder.hidden_act, expected);
    }
}

#[test]
fn labels_go_by_id() {
    let many: Value = (0..12).rev().map(|id| (id.to_string(), json!(format!("Star_{id}")))).collect();
    assert_eq!(read(&[("id2label", many)]).sequence().unwrap().labels[9..], ["Star_9", "Star_10", "Star_11"]);
    assert_eq!(
        read(&[("num_labels", json!(3))]).sequence().unwrap().labels,
        ["LABEL_0", "LABEL_1", "LABEL_2"]
    );
    assert_eq!(read(&[("id2label", json!({"0": "no", "1": 7}))]).sequence().unwrap().labels, ["no", "7"]);
}

#[test]
fn what_is_written_reads_the_same() {
    let changes = [
        ("id2label", json!({"0": "负 \"quoted\"", "1": "正"})),
        ("problem_type", json!("multi_label_classification")),
        ("hidden_act", json!("gelu_pytorch_tanh")),
    ];
    for eps in [json!(1e-12), json!(1e-5), json!(0.1), json!(1.4e-45), json!(1)] {
        let config = read(&[changes.as_slice(), &[("layer_norm_eps", eps)]].concat());
        let again = Config::from_json(config.to_json().as_bytes(), Path::new("packed")).unwrap();
        assert_eq!(again, config);
        assert_eq!(again.to_json(), config.to_json());
    }
    let config = read(&[]);
    assert_eq!(Config::from_json(config.to_json().as_bytes(), Path::new("packed")).unwrap(), config);
}

#[test]
fn keys_that_change_nothing_are_ignored() {
    let changes = [
        ("architectures", json!(["BertForSequenceClassification"])),
        ("position_embedding_type", json!("absolute")),
        ("tokenizer_class", json!("BertTokenizer")),
        ("is_decoder", json!(false)),
        ("add_cross_attention", json!(false)),
        ("pruned_heads", json!({})),
        ("chunk_size_feed_forward", json!(3)),
        ("hidden_dropout_prob", json!(0.1)),
        ("pooler_type", json!("first_token_transform")),
        ("problem_type", Value::Null),
    ];
    assert_eq!(read(&changes), read(&[]));
    assert_eq!(read(&[("architectures", json!([]))]), read(&[]));
}

#[test]
fn broken_json() {
    for text in ["", "{", "[]", "3", "{\"a\": NaN}", "\u{0}"] {
        let message =
            Config::from_json(text.as_bytes(), Path::new("dir/config.json")).unwrap_err().to_string();
        assert!(message.starts_with("dir/config.json: not valid JSON: "), "{message}");
    }
    assert!(Config::from_json(b"{\"\xff\": 1}", Path::new("c")).is_err());
}

#[test]
fn a_missing_size_is_named() {
    for key in ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"]
    {
        let mut config = base();
        config.as_object_mut().unwrap().remove(key);
        let error = Config::from_json(config.to_string().as_bytes(), Path::new("config.json")).unwrap_err();
        assert_eq!(error.to_string(), format!("config.json: {key}: missing"));
    }
}

#[test]
fn sizes_out_of_range() {
    for key in [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "intermediate_size",
        "type_vocab_size",
        "num_labels",
    ] {
        for value in
            [json!(0), json!(-1), json!(1.5), json!("7"), json!(u64::MAX), json!(1 << 25), Value::Null]
        {
            if key == "num_labels" && value.is_null() {
                continue;
            }
            let message = refused(&[(key, value.clone())]);
            assert!(
                message.starts_with(&format!("config.json: {key}: {value} is not a whole number")),
                "{message}"
            );
        }
    }
    let message = refused(&[("num_attention_heads", json!(7))]);
    assert_eq!(message, "config.json: hidden_size: 72 is not a multiple of num_attention_heads 7");
    for eps in [json!(0), json!(-1e-5), json!(1e-60), json!(1e60), json!("x"), Value::Null] {
        let message = refused(&[("layer_norm_eps", eps.clone())]);
        assert!(
            message.starts_with("config.json: layer_norm_eps: ") && message.contains("not a positive"),
            "{message}"
        );
    }
}

#[test]
fn what_is_not_computed_is_named() {
    for (key, value) in [
        ("model_type", json!("deberta-v2")),
        ("auto_map", json!({"AutoModel": "a--b.JinaBertModel"})),
        ("model_type", Value::Null),
        ("tokenizer_class", json!("BertJapaneseTokenizer")),
        ("position_embedding_type", json!("relative_key")),
        ("position_embedding_type", Value::Null),
        ("is_decoder", json!(true)),
        ("add_cross_attention", json!(true)),
        ("is_encoder_decoder", json!(true)),
        ("pruned_heads", json!({"0": [1]})),
        ("quantization_config", json!({"bits": 4})),
        ("hidden_act", json!("silu")),
        ("hidden_act", Value::Null),
        ("problem_type", json!("ranking")),
        ("architectures", json!(["BertLMHeadModel"])),
        ("architectures", json!("BertModel2")),
    ] {
        let message = refused(&[(key, value.clone())]);
        assert!(message.starts_with(&format!("config.json: {key}: {value} ")), "{message}");
    }
}

#[test]
fn labels_that_are_none() {
    for (value, reason) in [
        (json!({}), "0 labels"),
        (json!(["a"]), "is not an object"),
        (json!({"1": "a", "2": "b"}), "ids are not 0 to 1, each once: \"2\""),
        (json!({"0": "a", "00": "b"}), "each once"),
        (json!({"a": "b"}), "each once: \"a\""),
        (json!({"-1": "b"}), "each once: \"-1\""),
        (json!({"0": ["a"]}), "0: [\"a\"] is not a name"),
    ] {
        let message = refused(&[("id2label", value)]);
        assert!(message.starts_with("config.json: id2label: ") && message.contains(reason), "{message}");
    }
    let message = refused(&[("id2label", json!({"0": "a"})), ("num_labels", json!(2))]);
    assert_eq!(message, "config.json: id2label: 1 labels, but num_labels is 2");
}

/// Of a family that is not BERT.
fn family(name: &str, changes: &[(&str, Value)]) -> Result<Config, String> {
    let mut config = match name {
        "distilbert" => json!({"vocab_size": 50, "dim": 72, "n_layers": 3, "n_heads": 6, "hidden_dim": 100}),
        _ => base(),
    };
    config["model_type"] = json!(name);
    for (key, value) in changes {
        config[*key] = value.clone();
    }
    let config = Config::from_json(config.to_string().as_bytes(), Path::new("config.json"));
    config.map_err(|error| error.to_string())
}

#[test]
fn every_family_is_read_and_written() {
    for (family_name, class, prefix, tokens) in [
        (Family::Roberta, "RobertaForSequenceClassification", "roberta.", 510),
        (Family::XlmRoberta, "XLMRobertaForSequenceClassification", "roberta.", 510),
        (Family::Camembert, "CamembertForSequenceClassification", "roberta.", 510),
        (Family::DistilBert, "DistilBertForSequenceClassification", "distilbert.", 512),
        (Family::Mpnet, "MPNetForSequenceClassification", "mpnet.", 510),
    ] {
        let config = family(family_name.model_type(), &[]).unwrap();
        assert_eq!((config.family, config.class()), (family_name, class));
        assert_eq!(config.encoder.max_tokens(), tokens, "{class}");
        assert!(config.quantized_parts().iter().take(5).all(|part| part.starts_with(prefix)), "{class}");
        for (kind, changes) in [
            ("ForTokenClassification", json!({"0": "O", "1": "B"})),
            ("ForQuestionAnswering", Value::Null),
            ("ForMaskedLM", Value::Null),
            ("Model", Value::Null),
            ("ForSequenceClassification", json!({"0": "no", "1": "yes"})),
        ] {
            let class = class.replace("ForSequenceClassification", kind);
            let changes = [("architectures", json!([class])), ("id2label", changes)];
            let config = family(family_name.model_type(), &changes).unwrap();
            assert_eq!(config.class(), class);
            let again = Config::from_json(config.to_json().as_bytes(), Path::new("packed")).unwrap();
            assert_eq!((again.to_json(), &again), (config.to_json(), &config));
        }
        let other = family(family_name.model_type(), &[("architectures", json!(["BertModel"]))]).unwrap_err();
        assert!(other.starts_with("config.json: architectures: [\"BertModel\"] is none of "), "{other}");
    }
}

/// What a family has that others have not, and where positions do not reach.
#[test]
fn quirks_of_families_are_read_or_refused() {
    let read = |name, changes: &[(&str, Value)]| family(name, changes).unwrap().encoder;
    let roberta = read("roberta", &[("pad_token_id", json!(7)), ("max_position_embeddings", json!(20))]);
    assert_eq!((roberta.padding_idx, roberta.max_tokens(), roberta.type_vocab_size), (Some(7), 12, 2));
    let mpnet = read("mpnet", &[("pad_token_id", json!(7)), ("relative_attention_num_buckets", json!(40))]);
    assert_eq!((mpnet.padding_idx, mpnet.relative_attention_num_buckets), (Some(1), Some(40)));
    let distilbert =
        read("distilbert", &[("activation", json!("relu")), ("sinusoidal_pos_embds", json!(true))]);
    assert_eq!((distilbert.type_vocab_size, distilbert.hidden_act), (0, Activation::Relu));
    for (name, key, value, words) in [
        ("roberta", "max_position_embeddings", json!(3), "begin after the id of padding"),
        ("mpnet", "max_position_embeddings", json!(2), "begin after the id of padding"),
        ("camembert", "pad_token_id", json!(600), "begin after the id of padding"),
        ("xlm-roberta", "pad_token_id", Value::Null, "null is not a whole number"),
        ("roberta", "pad_token_id", json!(-1), "-1 is not a whole number"),
        ("mpnet", "relative_attention_num_buckets", json!(31), "fall into 32 buckets"),
        ("mpnet", "relative_attention_num_buckets", json!(1 << 30), "is not a whole number"),
        ("distilbert", "dim", json!(70), "70 is not a multiple of n_heads 6"),
        ("distilbert", "n_layers", json!(0), "0 is not a whole number"),
        ("distilbert", "activation", json!("swish"), "\"swish\" is not supported"),
        ("roberta", "position_embedding_type", json!("relative_key"), "is not supported"),
        ("roberta", "is_decoder", json!(true), "is not supported"),
        ("distilbert", "auto_map", json!({"AutoModel": "a.B"}), "code"),
    ] {
        let message = family(name, &[(key, value.clone())]).unwrap_err();
        let key = if words.contains("padding") { "max_position_embeddings" } else { key };
        assert!(
            message.starts_with(&format!("config.json: {key}: ")) && message.contains(words),
            "{message}"
        );
    }
}
