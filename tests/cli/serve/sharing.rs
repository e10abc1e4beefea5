//! Many clients at once: forwards are shared, and nobody's answer changes by a bit.

use std::thread;

use serde_json::json;

use super::Service;
use crate::{nimbert, seeded_texts};

#[test]
fn answers_are_the_same_in_any_company() {
    let texts = seeded_texts(40);
    let arguments: Vec<_> =
        ["classify", "--format", "json"].into_iter().chain(texts.iter().map(String::as_str)).collect();
    let expected: Vec<_> =
        nimbert(&arguments).json().into_iter().map(|mut text| text["scores"].take()).collect();
    let service = Service::start(&[]);
    thread::scope(|scope| {
        for start in 0..8 {
            let (texts, expected, service) = (&texts, &expected, &service);
            scope.spawn(move || {
                let mut client = service.client();
                for i in (0..texts.len()).map(|i| (i * 7 + start * 5) % texts.len()) {
                    assert_eq!(
                        client.post("/", &json!({ "inputs": texts[i] })).done()[0],
                        expected[i],
                        "{i}"
                    );
                    if i % 4 == 0 {
                        let two = [&texts[i], &texts[(i + 1) % texts.len()]];
                        assert_eq!(
                            client.post("/", &json!({ "inputs": two })).done()[0],
                            expected[i],
                            "{i} of two"
                        );
                    }
                }
            });
        }
    });
    let metrics = String::from_utf8(service.client().get("/metrics").body).unwrap();
    let value = |name: &str| -> f64 {
        let line =
            metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        line.trim().parse().unwrap()
    };
    // 8 clients with 40 requests each and 10 of two texts: every text counted, and fewer forwards than texts.
    assert_eq!((value("nimbert_texts_total"), value("nimbert_batch_rows_sum")), (480.0, 480.0));
    assert!(value("nimbert_batch_rows_count") < 400.0, "{metrics}");
    assert_eq!(value("nimbert_queue_tokens"), 0.0);
}
