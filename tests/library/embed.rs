//! Vectors of texts, against what transformers and sentence-transformers compute.

use std::{fs, path::Path};

use nimbert::{
    EmbedOptions, Embedder, Error, Options, PackOptions, Pooling, Precision, Prompt, Similarity, pack,
};
use nimbert_test_support::{checkpoint::Spec, copy, data, distance, shared};

use crate::Good as _;
use serde_json::Value;

/// A text of some hundred additions in f32, in another order: 1e-5 is a hundred roundings of the largest values here.
const CLOSE: f32 = 1e-5;

/// A classifier with tokens of which the texts here have some.
fn seeded() -> tempfile::TempDir {
    let dir = crate::tempdir();
    Spec::read("gelu-multi-label").write(dir.path());
    dir
}

fn expected(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn embedder(dir: &Path, how: EmbedOptions) -> Embedder {
    Embedder::load(dir, Options::default().threads(1), how).unwrap()
}

/// All rows are as `key` says.
fn check(embedder: &Embedder, rows: &Value, key: &str) {
    let rows = rows.as_array().unwrap();
    let texts: Vec<_> = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    for (row, found) in rows.iter().zip(embedder.embed(&texts).good()) {
        assert_eq!(found.values.len(), embedder.dimensions());
        let apart = distance(&found.values, &floats(&row[key]));
        assert!(apart <= CLOSE, "{key} of {}: {apart}", row["text"]);
        if let Some(ids) = row["ids"].as_array() {
            assert_eq!(found.tokens, ids.len(), "{}", row["text"]);
        }
    }
}

#[test]
fn a_plain_encoder_pools_as_it_is_told() {
    for name in ["bert-embed", "xlm-roberta-embed", "distilbert-embed", "mpnet-embed"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            pools_as_it_is_told(&dir);
        }
    }
}

fn pools_as_it_is_told(dir: &Path) {
    let expected = expected(dir);
    let pooled =
        |pooling, normalize| embedder(dir, EmbedOptions::default().pooling(pooling).normalize(normalize));
    check(&pooled(Pooling::Mean, false), &expected["rows"], "mean");
    check(&pooled(Pooling::Cls, false), &expected["rows"], "cls");
    check(&pooled(Pooling::Max, false), &expected["rows"], "max");
    check(&pooled(Pooling::Mean, true), &expected["rows"], "mean_normalized");
    check(&embedder(dir, EmbedOptions::default()), &expected["rows"], "mean");
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A directory of tests/data/sentence, with the encoder that it was made with.
fn sentence(name: &str) -> tempfile::TempDir {
    let dir = seeded();
    copy(&data("sentence").join(name), dir.path());
    dir
}

/// The rows of the same, for one prompt.
fn check_sentence(name: &str, dir: &Path, close: f32, precision: Precision) -> usize {
    let expected = expected(dir);
    let rows = expected.as_array().unwrap();
    for row in rows {
        let prompt = row["prompt"].as_str().map_or(Prompt::Default, |name| Prompt::Named(name.to_owned()));
        let options = Options::default().threads(1).precision(precision);
        let how = EmbedOptions::default().prompt(prompt);
        let found = Embedder::load(dir, options, how).unwrap().embed(&[row["text"].as_str().unwrap()]).good();
        let apart = distance(&found[0].values, &floats(&row["embedding"]));
        assert!(apart <= close, "{name}, {}, {}: {apart}", row["prompt"], row["text"]);
    }
    rows.len()
}

/// Each pooling and their concatenation, dense layers, prompts that count and that do not, old and new files.
#[test]
fn sentence_transformers_computes_the_same() {
    let mut names: Vec<_> =
        fs::read_dir(data("sentence")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 20);
    for name in names {
        let name = name.to_str().unwrap();
        let dir = sentence(name);
        // Sums, where nothing divides them, are some 20 times as large as the means that the bound is for.
        let close = if name.contains("sqrt") || name.contains("all") { 3.0 * CLOSE } else { CLOSE };
        assert!(check_sentence(name, dir.path(), close, Precision::F32) >= 5);
    }
}

/// A packed file has all that the directory says. In f32 its vectors are the same bits; in fewer bits its words are too, which
/// those of the directory are not.
#[test]
fn a_packed_file_computes_the_same_as_its_directory() {
    for entry in fs::read_dir(data("sentence")).unwrap() {
        let name = entry.unwrap().file_name();
        let dir = sentence(name.to_str().unwrap());
        let rows = expected(dir.path());
        for precision in [Precision::F32, Precision::F16, Precision::Int8] {
            let file = dir.path().join("packed.nimbert");
            let options = PackOptions::default().precision(precision);
            pack(dir.path(), &file, &options, &mut |_, _| {}).unwrap();
            nimbert::verify_packed(&file).unwrap();
            let load = |path: &Path, prompt: &Value| {
                let prompt = prompt.as_str().map_or(Prompt::Default, |name| Prompt::Named(name.to_owned()));
                let options = Options::default().threads(1).precision(precision);
                Embedder::load(path, options, EmbedOptions::default().prompt(prompt)).unwrap()
            };
            for row in rows.as_array().unwrap() {
                let text = [row["text"].as_str().unwrap()];
                let [packed, directory] =
                    [&*file, dir.path()].map(|path| load(path, &row["prompt"]).embed(&text).good());
                let (packed, directory) = (&packed[0], &directory[0]);
                if precision == Precision::F32 {
                    assert_eq!(packed, directory, "{name:?}: {}", row["text"]);
                }
                // Half a step of f16 or int8 in each of the two numbers that make a word: 2^-12 and 1/254 of the largest. Where
                // sums are in f16, words that are rounded in another way move the vector by as much as they do, 0.006 of its
                // length (`heads.rs`), and the cosine falls by half the square of that.
                let near = if precision == Precision::Int8 { 0.99 } else { 0.999_98 };
                let cosine = cosine(&packed.values, &directory.values);
                assert!(cosine > near, "{name:?} at {precision}: {cosine} for {}", row["text"]);
                assert_eq!((packed.tokens, packed.truncated), (directory.tokens, directory.truncated));
            }
            // Another task is told what the model is for.
            let error = nimbert::Engine::load(&file, Options::default()).unwrap_err().to_string();
            assert!(error.contains("no sequence classifier; `nimbert embed`"), "{error}");
        }
    }
}

/// How vectors are compared is what the directory says, and stays with them in a packed file.
#[test]
fn a_packed_file_says_how_its_vectors_are_compared() {
    let dir = sentence("prompt-out-of-cls");
    let load = |path: &Path| Embedder::load(path, Options::default(), EmbedOptions::default());
    let path = dir.path().join("config_sentence_transformers.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut says = |name: Value| {
        config["similarity_fn_name"] = name;
        fs::write(&path, config.to_string()).unwrap();
    };
    for similarity in Similarity::ALL {
        says(similarity.name().into());
        let file = dir.path().join("packed.nimbert");
        pack(dir.path(), &file, &PackOptions::default(), &mut |_, _| {}).unwrap();
        for path in [dir.path(), &file] {
            let embedder = load(path).unwrap();
            assert_eq!(embedder.similarity(), similarity);
            let is_told = embedder.describe().ends_with(&format!("; similarity {}", similarity.name()));
            assert_eq!(is_told, similarity != Similarity::Cosine, "{}", embedder.describe());
        }
    }
    says(Value::Null);
    assert_eq!(load(dir.path()).unwrap().similarity(), Similarity::Cosine);
    says("jaccard".into());
    let error = load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("similarity_fn_name: \"jaccard\" is none of cosine, dot, euclidean"), "{error}");
}

/// What a damaged or a hostile file says of vectors does not fit together.
#[test]
fn what_a_packed_file_says_is_checked() {
    let dir = sentence("dense-twice");
    let file = dir.path().join("packed.nimbert");
    pack(dir.path(), &file, &PackOptions::default(), &mut |_, _| {}).unwrap();
    let bytes = fs::read(&file).unwrap();
    let changed = |from: &str, to: &str| {
        // Blanks between JSON's signs: the header keeps its length.
        let to = format!("{to:<0$}", from.len());
        assert_eq!(to.len(), from.len());
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("{from} is in the file"));
        let mut changed = bytes.clone();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(&file, changed).unwrap();
        Embedder::load(&file, Options::default(), EmbedOptions::default()).unwrap_err().to_string()
    };
    for (from, to, words) in [
        (r#"\"pooling\":[\"cls\",\"max\"]"#, r#"\"pooling\":[\"max\"]"#, "sentence: step 0: from 144 to"),
        (r#"\"pooling\":[\"cls\""#, r#"\"pooling\":[\"cli\""#, "sentence: unknown pooling"),
        (r#"\"lower_case\""#, r#"\"upper_case\""#, "sentence: unknown field `upper_case`"),
        (r#"\"type\":\"Dense\""#, r#"\"type\":\"Tense\""#, "sentence: unknown variant `Tense`"),
        ("sentence.dense.0.bias", "sentence.dense.9.bias", "sentence.dense.0.bias"),
    ] {
        let error = changed(from, to);
        assert!(error.contains("packed.nimbert: ") && error.contains(words), "{error}");
    }
}

/// Made with the same package from a checkpoint with words of its own.
#[test]
fn another_directory_computes_the_same() {
    for name in ["st-mean-normalize", "st-cls-prompts", "st-mean-dense", "st-mean-mpnet"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            check(&embedder(&dir, EmbedOptions::default()), &expected(&dir)["rows"], "embedding");
        }
    }
}

/// In any batch, at any number of threads, at every precision, and from a classifier's encoder as well.
#[test]
fn a_text_has_the_same_bits_in_any_company() {
    let dir = seeded();
    let texts = ["好看", "", "剧情不错，但是太长了", "无聊到睡着", "好看"];
    for precision in [Precision::F32, Precision::F16, Precision::Int8] {
        for pooling in Pooling::ALL {
            let how = EmbedOptions::default().pooling(pooling).normalize(true);
            let load = |threads| {
                let options = Options::default().threads(threads).precision(precision);
                Embedder::load(dir.path(), options, how.clone()).unwrap()
            };
            let together = load(1).embed(&texts).good();
            assert_eq!(together[0], together[4]);
            assert_eq!(load(3).embed(&texts).good(), together);
            for (text, expected) in texts.iter().zip(&together) {
                assert_eq!(load(1).embed(&[text]).good()[0], *expected, "{text} {pooling} {precision}");
            }
        }
    }
}

/// Random weights: there is nothing that a model has learnt to be robust about.
#[test]
fn int8_is_near() {
    let Some(dir) = shared("family/bert-embed") else { return };
    let expected = expected(&dir);
    let rows = expected["rows"].as_array().unwrap();
    let texts: Vec<_> = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Max] {
        let options = Options::default().precision(Precision::Int8);
        let how = EmbedOptions::default().pooling(pooling);
        let found = Embedder::load(&dir, options, how).unwrap().embed(&texts).good();
        let found: Vec<_> = found.into_iter().flat_map(|found| found.values).collect();
        let exact: Vec<_> = rows.iter().flat_map(|row| floats(&row[pooling.name()])).collect();
        let mean_square = |values: &mut dyn Iterator<Item = f32>| {
            values.map(|x| f64::from(x).powi(2)).sum::<f64>() / exact.len() as f64
        };
        let mean = exact.iter().sum::<f32>() / exact.len() as f32;
        let error = mean_square(&mut found.iter().zip(&exact).map(|(a, b)| a - b));
        let spread = mean_square(&mut exact.iter().map(|x| x - mean));
        let ratio = (error / spread).sqrt();
        println!("int8, {pooling}: RMS {:.2} % of the standard deviation", 100.0 * ratio);
        assert!(ratio <= 0.05, "{pooling}: {ratio}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_that_says_what_does() {
    let dir = seeded();
    let refused =
        |how: EmbedOptions| Embedder::load(dir.path(), Options::default(), how).unwrap_err().to_string();
    let says = |error: String, words: &[&str]| {
        words.iter().for_each(|word| assert!(error.contains(word), "{error}"));
    };
    says(refused(EmbedOptions::default().dimensions(100_000)), &["dimensions: 100000 is not between 1 and"]);
    let prompt = Prompt::Named("query".to_owned());
    says(
        refused(EmbedOptions::default().prompt(prompt)),
        &["prompt-name", "\"query\"", "the model has none"],
    );
    let dir = sentence("prompt-out-of-cls");
    let refused =
        |how: EmbedOptions| Embedder::load(dir.path(), Options::default(), how).unwrap_err().to_string();
    let prompt = Prompt::Named("document".to_owned());
    says(
        refused(EmbedOptions::default().prompt(prompt)),
        &["prompt-name", "\"document\"", "\"none\", \"passage\", \"query\""],
    );
    let pooling = Some(Pooling::Max);
    says(refused(EmbedOptions::default().pooling(pooling)), &["pooling: max, but", "its own: cls"]);
}

/// A model without a classifier says what it is, and what is made for it.
#[test]
fn a_wrong_task_names_the_class_and_the_command() {
    let dir = seeded();
    let path = dir.path().join("config.json");
    let config =
        fs::read_to_string(&path).unwrap().replace("BertForSequenceClassification", "BertForMaskedLM");
    fs::write(path, config).unwrap();
    let error = nimbert::Engine::load(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, Error::Task { .. }), "{error}");
    for words in ["BertForMaskedLM has no sequence classifier", "`nimbert fill-mask`"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    let embedder = embedder(dir.path(), EmbedOptions::default());
    let engine = embedder.engine();
    assert_eq!(engine.config().class(), "BertForMaskedLM");
    // Who asks it all the same gets the same answer.
    for error in [
        engine.classify(&["一"]).remove(0).unwrap_err(),
        engine.logits(&[engine.encode("一", None).unwrap()]).remove(0).unwrap_err(),
    ] {
        assert!(error.to_string().contains("BertForMaskedLM has no sequence classifier"), "{error}");
    }
    assert_eq!(
        engine.logits_into(std::iter::empty(), &mut []).unwrap_err().to_string().matches("has no").count(),
        1
    );
}

/// A directory of sentence-transformers whose files say something that is not computed.
#[test]
fn modules_that_are_not_computed_are_named() {
    let source = sentence("dense-twice");
    let scratch = crate::tempdir();
    let refused = |file: &str, from: &str, to: &str, words: &[&str]| {
        let dir = scratch.path().join("model");
        copy(source.path(), &dir);
        let text = fs::read_to_string(dir.join(file)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(dir.join(file), text.replace(from, to)).unwrap();
        let error =
            Embedder::load(&dir, Options::default(), EmbedOptions::default()).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{error}"));
        fs::remove_dir_all(dir).unwrap();
    };
    refused("modules.json", "dense.Dense", "dense.Sparse", &["dense.Sparse", "only Dense or Normalize"]);
    refused("modules.json", "pooling.Pooling", "lstm.LSTM", &["lstm.LSTM", "only Pooling"]);
    refused("1_Pooling/config.json", "\"max\"", "\"median\"", &["pooling_mode", "median", "cls, max, mean"]);
    refused("1_Pooling/config.json", "\"cls\",\n  \"max\"", "", &["no mode"]);
    refused("1_Pooling/config.json", "72", "71", &["embedding_dimension: 71", "hidden size, 72"]);
    refused("2_Dense/config.json", "144", "32", &["in_features: 32", "gives 144"]);
    refused("2_Dense/config.json", "activation.GELU", "activation.Mish", &["activation.Mish", "Tanh"]);
    refused("2_Dense/config.json", "\"sentence_embedding\"", "\"tokens\"", &["module_input_name", "tokens"]);
    refused("2_Dense/config.json", "33", "34", &["2_Dense", "linear.weight"]);
}

/// A module that is not computed takes a classifier's vectors from it, not its labels.
#[test]
fn a_classifier_stays_one_whatever_else_its_directory_says() {
    let dir = sentence("new-cls");
    let path = dir.path().join("modules.json");
    let modules = fs::read_to_string(&path).unwrap().replace("normalize.Normalize", "lstm.LSTM");
    fs::write(path, modules).unwrap();
    let how = EmbedOptions::default();
    let error = Embedder::load(dir.path(), Options::default(), how).unwrap_err().to_string();
    assert!(error.contains("LSTM"), "{error}");
    assert_eq!(nimbert::tasks(dir.path()).unwrap(), [nimbert::Task::Classify]);
    nimbert::Engine::load(dir.path(), Options::default()).unwrap();
}
