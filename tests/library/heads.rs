//! Heads that read every token, by their tasks: the same logits as layer by layer, which parity.rs holds against PyTorch.

use std::{fs, path::Path};

use nimbert::{
    Encoding, Engine, Isa, MaskFiller, Options, Precision, ReadOptions, Reader, TagOptions, Tagger,
};
use nimbert_test_support::{distance, reference::Reference};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Good as _, THREADS, encoding,
    parity::{SAME_LOGITS, load_at, write},
    text,
};

/// The checkpoint `name` with its reference.
fn read(name: &str) -> (tempfile::TempDir, Reference) {
    let reference = Reference::read(&format!("checkpoints/{name}.safetensors"));
    (write(name, &reference), reference)
}

/// The tokens of each row but for `[CLS]` and `[SEP]`, of rows that have some.
fn inside(reference: &Reference) -> impl Iterator<Item = &[u32]> {
    let ids = reference.rows.iter().map(|row| &row.token_ids[..]);
    ids.filter(|ids| ids.len() > 2).map(|ids| &ids[1..ids.len() - 1])
}

/// Of every token, with every token of the last layer computed.
fn logits(engine: &Engine, row: &Encoding) -> Vec<f32> {
    engine.trace(&row.token_ids, &row.token_type_ids).expect("a good row").logits
}

#[track_caller]
fn same(task: &[f32], trace: &[f32]) {
    let apart = distance(task, trace);
    assert!(apart <= SAME_LOGITS, "other logits than layer by layer, by {apart:e}");
}

#[test]
fn tags_are_of_the_logits_that_a_trace_has() {
    let (dir, reference) = read("token-labels");
    let tagger = Tagger::load(dir.path(), Options::default()).expect("a good checkpoint");
    let engine = tagger.engine();
    for ids in inside(&reference) {
        let text = text(engine.tokenizer(), ids);
        let row = engine.encode(&text, None).expect("a good text");
        let expected = logits(engine, &row);
        let found = tagger.tag(&[&text], &TagOptions::default()).good().remove(0);
        assert_eq!(found.tokens, ids.len() + 2);
        same(&found.logits, &expected);
    }
}

#[test]
fn answers_are_of_the_logits_that_a_trace_has() {
    let (dir, reference) = read("spans");
    let reader = Reader::load(dir.path(), Options::default()).expect("a good checkpoint");
    let engine = reader.engine();
    // As many more tokens as a pair has special ones.
    for ids in inside(&reference).filter(|ids| (6..engine.max_tokens() - 2).contains(&ids.len())) {
        let [question, context] = [&ids[..5], &ids[5..]].map(|ids| text(engine.tokenizer(), ids));
        let row = engine.encode(&question, Some(&context)).expect("a good pair");
        let expected = logits(engine, &row);
        let found = reader.answer(&[(&question, &context)], &ReadOptions::default()).good().remove(0);
        assert_eq!((found.tokens, found.windows), (ids.len() + 3, 1));
        same(&found.logits, &expected);
    }
}

#[test]
fn words_are_of_the_logits_that_a_trace_has() {
    for name in ["masked-words", "masked-words-untied-old-names"] {
        let (dir, reference) = read(name);
        let filler = MaskFiller::load(dir.path(), Options::default()).expect("a good checkpoint");
        let engine = filler.engine();
        let words = engine.config().encoder.vocab_size;
        for ids in inside(&reference) {
            // Two masks, with what is between them.
            let ids = [&[filler.mask()], ids, &[filler.mask()]].concat();
            let row = filler.encode(&text(engine.tokenizer(), &ids)).expect("a good text");
            assert_eq!(row.token_ids[1..=ids.len()], ids);
            let expected = logits(engine, &row);
            let of_token = |place: usize| &expected[place * words..(place + 1) * words];
            let found = filler.logits(&[row]).good().remove(0);
            same(&found, &[of_token(1), of_token(ids.len())].concat());
        }
    }
}

/// PyTorch's f32 is the measure. f16: rounded weights alone give up to 0.0009 of the logits' spread. Where sums are in f16,
/// each product is off by 1.1e-3 of its size (`matmul_half.rs`), and a text passes some 13 of them here: √13 times that is
/// 0.004; found are 0.0014 to 0.0032. int8: a twentieth, as for the other tasks; it is up to 0.025 here, and a wrong scale gives
/// as much as the spread itself.
#[test]
fn logits_stay_near_in_fewer_bits() {
    for name in ["token-labels", "spans", "masked-words", "masked-words-untied-old-names"] {
        let (dir, reference) = read(name);
        let theirs: Vec<f32> = reference.rows.iter().flat_map(|row| &row.logits).copied().collect();
        let mean = theirs.iter().sum::<f32>() / theirs.len() as f32;
        let spread: f32 = theirs.iter().map(|logit| (logit - mean).powi(2)).sum();
        for isa in Isa::available() {
            for (precision, most) in [(Precision::F16, 6e-3), (Precision::Int8, 0.05)] {
                let engine = load_at(precision, dir.path(), isa, THREADS);
                let ours = reference.rows.iter().map(encoding).flat_map(|row| logits(&engine, &row));
                let ours: Vec<f32> = ours.collect();
                let apart: f32 = ours.iter().zip(&theirs).map(|(a, b)| (a - b).powi(2)).sum();
                let apart = (apart / spread).sqrt();
                println!("{name:30} {isa:12} {precision:5} {apart:.5} of the spread");
                assert!(apart <= most, "{name}, {isa}, {precision}: {apart}");
            }
        }
    }
}

/// Adds a bias of zeros to the decoder, beside the one of all predictions.
fn add_decoder_bias(dir: &Path) {
    let path = dir.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let (_, bias) = tensors.iter().find(|(name, _)| name == "cls.predictions.bias").unwrap();
    let (shape, zeros) = (bias.shape().to_vec(), vec![0; bias.data().len()]);
    let zeros = TensorView::new(Dtype::F32, shape, &zeros).unwrap();
    tensors.push(("cls.predictions.decoder.bias".to_owned(), zeros));
    fs::write(path, safetensors::serialize(tensors, None).unwrap()).unwrap();
}

/// As transformers 5 computes: the decoder has a bias of its own where its weights are its own.
#[test]
fn a_decoder_s_own_bias_counts_where_its_weights_are_its_own() {
    for (name, counts) in [("masked-words", false), ("masked-words-untied-old-names", true)] {
        let (dir, reference) = read(name);
        let trace = || {
            let filler = MaskFiller::load(dir.path(), Options::default()).expect("a good checkpoint");
            logits(filler.engine(), &encoding(&reference.rows[1]))
        };
        let before = trace();
        add_decoder_bias(dir.path());
        let after = trace();
        assert_eq!(before != after, counts, "{name}");
    }
}
