//! Tokenizers of other kinds than BERT's in a packed file.

use super::*;

#[test]
fn a_unigram_tokenizer_comes_back_and_is_used_where_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    write_checkpoint(dir.path(), &checkpoint());
    fs::remove_file(dir.path().join("vocab.txt")).unwrap();
    fs::write(dir.path().join("tokenizer_config.json"), r#"{"tokenizer_class": "XLMRobertaTokenizer"}"#)
        .unwrap();
    let words = (4..WORDS).map(|i| json!([format!("▁词{i}"), -1.0 / i as f64]));
    let special = ["<s>", "<pad>", "</s>", "<unk>"].map(|token| json!([token, 0.0]));
    let file = json!({
        "added_tokens": [], "normalizer": {"type": "NFKC"}, "decoder": null,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
        "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2], "trim_offsets": true, "add_prefix_space": true},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": special.into_iter().chain(words).collect::<Vec<_>>()},
    });
    fs::write(dir.path().join("tokenizer.json"), file.to_string()).unwrap();
    let out = dir.path().join("model.nimbert");
    pack_dir(dir.path(), &out).unwrap();
    let model = PackedModel::open(&out).unwrap();
    let ids =
        |text: &str| model.tokenizer.encode(text, Some("词9"), 20, crate::OnLong::Error).unwrap().token_ids;
    assert_eq!(ids("词7 词36 x"), [0, 7, 36, 3, 2, 2, 9, 2]);
    assert_eq!(model.weights.metadata()["needs"], "unigram");

    // Without its index it is refused, and a program that does not know of it refuses the file.
    let file = fs::read(&out).unwrap();
    let header_len = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let header = String::from_utf8(file[8..8 + header_len].to_vec()).unwrap();
    let with = |from: &str, to: &str| {
        let header = header.replace(from, to);
        let bytes =
            [&file[..8], &format!("{header:header_len$}").as_bytes()[..header_len], &file[8 + header_len..]]
                .concat();
        open(&bytes).unwrap_err().to_string()
    };
    says(&with("tokenizer.index", "tokenizer.other"), &["the index of the vocabulary is broken"]);
    says(
        &with(r#""needs":"unigram""#, r#""needs":"bytepie""#),
        &[r#"needs "bytepie", which this program does not know"#],
    );
}
