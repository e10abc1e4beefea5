//! The same text gives the same bits: alone, in any batch, in any place of it, at any number of threads.

use nimbert::{
    Encoding, Engine, FillOptions, Isa, MaskFiller, Options, PackOptions, Precision, ReadOptions, Reader,
    TagOptions, Tagger, Task,
};
use nimbert_test_support::{checkpoint::Spec, seeded::stream};
use std::path::Path;

use crate::{Good as _, text};

/// Numbers below `bound` without end, from a seed.
fn random(seed: u64, bound: usize) -> impl Iterator<Item = usize> {
    stream(seed, "same bits").map(move |word| (word % bound as u64) as usize)
}

/// Rows of random tokens: mostly short, some of every length up to the longest, and every length around a tile's.
fn rows(spec: &Spec) -> Vec<Encoding> {
    let (vocab, longest) = (spec.size("vocab_size"), spec.size("max_position_embeddings"));
    let short = random(1, 40).map(|length| length + 1).take(24);
    let any = random(2, longest).map(|length| length + 1).take(6);
    let lengths = (1..=17).chain(short).chain(any).chain([31, 32, 33, longest]);
    let row = |(i, length): (usize, usize)| Encoding {
        token_ids: random(100 + i as u64, vocab).take(length).map(|id| id as u32).collect(),
        token_type_ids: (0..length).map(|place| u32::from(i % 3 == 0 && place > length / 2)).collect(),
        truncated: false,
    };
    lengths.enumerate().map(row).collect()
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|value| value.to_bits()).collect()
}

/// What a model makes of the rows of these places in one call. Two numbers that are written alike are the same bits: `{:?}` gives
/// as many digits as tell one from every other.
type Ask<'a> = Box<dyn Fn(&[usize]) -> Vec<String> + 'a>;

fn written<T: std::fmt::Debug>(answers: &[T]) -> Vec<String> {
    answers.iter().map(|answer| format!("{answer:?}")).collect()
}

#[test]
fn alone_in_any_batch_and_at_any_number_of_threads() {
    for name in ["gelu-multi-label", "long-rows"] {
        on_every_machine(name, Task::Classify);
    }
}

#[test]
fn so_do_tasks_that_read_every_token() {
    on_every_machine("token-labels", Task::Tag);
    on_every_machine("spans", Task::Answer);
    on_every_machine("masked-words", Task::FillMask);
}

/// The checkpoint `name` on every instruction set, and packed on the best of them: the file is the same for all.
fn on_every_machine(name: &str, task: Task) {
    let spec = Spec::read(name);
    let dir = crate::tempdir();
    spec.write(dir.path());
    let (rows, packed) = (rows(&spec), dir.path().join("packed.nimbert"));
    for precision in [Precision::F32, Precision::F16, Precision::Int8] {
        let how = PackOptions::default().precision(precision);
        nimbert::pack(dir.path(), &packed, &how, &mut |_, _| {}).expect("a good checkpoint");
        let directory = Isa::available().into_iter().map(|isa| (dir.path(), isa));
        for (path, isa) in directory.chain([(&*packed, Isa::detect())]) {
            let options = Options::default().isa(isa).precision(precision);
            let load = |threads| ask(task, path, options.threads(threads), &rows);
            check(&format!("{name}, {}, {isa}, {precision}", path.display()), rows.len(), &load);
        }
    }
}

/// A classifier asked of rows of tokens; other tasks of the texts that these are, some of them longer than the model takes.
fn ask<'a>(task: Task, path: &Path, options: Options, rows: &'a [Encoding]) -> Ask<'a> {
    let texts = |engine: &Engine| -> Vec<String> {
        rows.iter().map(|row| text(engine.tokenizer(), &row.token_ids)).collect()
    };
    match task {
        Task::Classify => {
            let engine = Engine::load(path, options).expect("a good checkpoint");
            Box::new(move |places| {
                let batch: Vec<_> = places.iter().map(|&place| rows[place].clone()).collect();
                written(&engine.logits(&batch).good())
            })
        }
        Task::Tag => {
            let tagger = Tagger::load(path, options).expect("a good checkpoint");
            let (texts, how) = (texts(tagger.engine()), TagOptions::default().stride(7));
            Box::new(move |places| {
                let batch: Vec<_> = places.iter().map(|&place| &*texts[place]).collect();
                written(&tagger.tag(&batch, &how).good())
            })
        }
        Task::Answer => {
            let reader = Reader::load(path, options).expect("a good checkpoint");
            let (texts, how) =
                (texts(reader.engine()), ReadOptions::default().top_k(3).max_question_tokens(9));
            Box::new(move |places| {
                // Each is asked about itself.
                let batch: Vec<_> = places.iter().map(|&place| (&*texts[place], &*texts[place])).collect();
                written(&reader.answer(&batch, &how).good())
            })
        }
        _ => {
            let filler = MaskFiller::load(path, options).expect("a good checkpoint");
            let texts: Vec<_> =
                texts(filler.engine()).iter().map(|text| format!("[MASK]{text}[MASK]")).collect();
            Box::new(move |places| {
                let batch: Vec<_> = places.iter().map(|&place| &*texts[place]).collect();
                let rows: Vec<_> = batch.iter().map(|text| filler.encode(text).expect("a mask")).collect();
                let words = filler.fill(&batch, &FillOptions::default()).good();
                let logits = filler.logits(&rows).good();
                written(&words.into_iter().zip(logits).collect::<Vec<_>>())
            })
        }
    }
}

fn check<'a>(what: &str, rows: usize, load: &dyn Fn(usize) -> Ask<'a>) {
    let single = load(1);
    let expected: Vec<_> = (0..rows).flat_map(|place| single(&[place])).collect();
    for threads in [1, 2, 4] {
        let ask = load(threads);
        let mut picks = random(7 + threads as u64, rows);
        for (round, size) in [1, 2, 3, 5, 8, 13, 21, 34, rows, 1, 64].into_iter().enumerate() {
            let places: Vec<usize> = picks.by_ref().take(size).collect();
            for (&place, found) in places.iter().zip(ask(&places)) {
                assert!(
                    found == expected[place],
                    "{what}, {threads} threads, round {round}: row {place} in a batch of {size}: {found}, alone {}",
                    expected[place]
                );
            }
        }
    }
}

/// Many callers share one engine.
#[test]
fn from_many_threads_at_once() {
    let spec = Spec::read("gelu-multi-label");
    let dir = crate::tempdir();
    spec.write(dir.path());
    let rows = rows(&spec);
    let engine = Engine::load(dir.path(), Options::default()).expect("a good checkpoint");
    let expected = engine.logits(&rows).good();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let (engine, rows, expected) = (engine.clone(), &rows, &expected);
            scope.spawn(move || {
                for place in random(caller, rows.len()).take(20) {
                    let found = engine.logits(&rows[place..=place]).good();
                    assert_eq!(bits(&found[0]), bits(&expected[place]), "row {place}");
                }
            });
        }
    });
}

/// What has no answer does not cost the others theirs, nor their bits.
#[test]
fn beside_rows_that_have_no_answer() {
    let spec = Spec::read("gelu-multi-label");
    let dir = crate::tempdir();
    spec.write(dir.path());
    let engine = Engine::load(dir.path(), Options::default()).expect("a good checkpoint");
    let good = rows(&spec);
    let expected = engine.logits(&good).good();
    let row = |token_ids: Vec<u32>| {
        let token_type_ids = vec![0; token_ids.len()];
        Encoding { token_ids, token_type_ids, truncated: false }
    };
    let bad = [row(Vec::new()), row(vec![1; 10_000]), row(vec![2, u32::MAX, 3])];
    let words = ["no tokens", "10000 tokens", "out of range"];
    let mixed: Vec<_> =
        good.iter().enumerate().flat_map(|(i, row)| [bad[i % 3].clone(), row.clone()]).collect();
    for (i, (pair, expected)) in engine.logits(&mixed).chunks(2).zip(&expected).enumerate() {
        let error = pair[0].as_ref().expect_err("a bad row").to_string();
        assert!(error.starts_with(&format!("text {}: ", 2 * i)) && error.contains(words[i % 3]), "{error}");
        assert_eq!(bits(pair[1].as_ref().expect("a good row")), bits(expected), "row {i}");
    }
    let only_bad = engine.logits(&bad);
    assert!(only_bad.iter().all(Result::is_err), "{only_bad:?}");
    let mut room = vec![0.0; mixed.len() * engine.labels().len()];
    let error = engine.logits_into(mixed.iter().map(nimbert::Row::from), &mut room).unwrap_err();
    assert!(error.to_string().contains("text 0: no tokens"), "{error}");
}

/// A text that is too long is an error of its own.
#[test]
fn beside_texts_that_are_too_long() {
    let spec = Spec::read("gelu-multi-label");
    let dir = crate::tempdir();
    spec.write(dir.path());
    let options = Options::default().max_tokens(6).on_long(nimbert::OnLong::Error);
    let engine = Engine::load(dir.path(), options).expect("a good checkpoint");
    let long = "一丁七万三上下";
    let found = engine.classify(&["一丁", long, "七", long]);
    assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false]);
    for index in [1, 3] {
        let error = found[index].as_ref().expect_err("a long text").to_string();
        assert_eq!(error, format!("text {index}: longer than 6 tokens"));
    }
    let alone = engine.classify(&["七"]).good();
    assert_eq!(found[2].as_ref().expect("a short text"), &alone[0]);
}
