//! What is refused, when, and how the service ends.

use std::{
    io::Read,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Service;
use crate::nimbert;

/// A request of some hundred thousand tokens.
fn much(texts: usize) -> Value {
    json!({ "inputs": vec!["很".repeat(400); texts] })
}

#[test]
fn keys_are_asked_for() {
    let service = Service::start(&["--api-key", "secret", "--cors-origin", "https://example.org"]);
    let mut client = service.client();
    for header in [
        "x-nothing: 1",
        "authorization: Bearer wrong",
        "authorization: secret",
        "authorization: Bearer secret1",
    ] {
        let answer = client.post_with("/", header, br#"{"inputs": "a"}"#);
        answer.refused(401, "Unauthorized", &["Bearer"]);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(client.post_with("/", "authorization: bearer secret", br#"{"inputs": "a"}"#).status, 200);
    assert_eq!(
        (client.get("/health").status, client.get("/").status, client.get("/metrics").status),
        (200, 200, 401)
    );
    let origin = "authorization: Bearer secret\r\norigin: https://example.org";
    let answer = client.post_with("/", origin, br#"{"inputs": "a"}"#);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://example.org"));
    let origin = "authorization: Bearer secret\r\norigin: https://example.com";
    let answer = client.post_with("/", origin, br#"{"inputs": "a"}"#);
    assert_ne!(answer.header("access-control-allow-origin"), Some("https://example.com"));
}

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_again() {
    let service = Service::start(&["--threads", "1", "--timeout", "200", "--queue-tokens", "50000"]);
    service.client().post("/", &much(200)).refused(413, "PayloadTooLarge", &["50000 may wait"]);
    let body = much(100);
    let (mut first, mut second) = (service.client(), service.client());
    thread::scope(|scope| {
        let answered = scope.spawn(|| first.post("/", &body).status);
        service.until_it_waits();
        let start = Instant::now();
        let answer = second.post("/", &body);
        answer.refused(429, "Overloaded", &["Model is overloaded"]);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..200).contains(&wait) && start.elapsed() < Duration::from_secs(5));
        // A short one has room, and does not wait for all of the long one.
        assert_eq!(second.post("/", &json!({ "inputs": "好" })).status, 200);
        assert!(!answered.is_finished());
        assert_eq!(answered.join().unwrap(), 200);
    });
}

#[test]
fn what_is_late_is_given_up() {
    // So little time that not even this can be computed in it, which nobody knows before the first forward.
    let service = Service::start(&["--threads", "1", "--timeout", "0.001"]);
    let answer = service.client().post("/", &json!({ "inputs": "很".repeat(400) }));
    assert!([503, 413, 429].contains(&answer.status), "{answer:?}");
    assert!(
        ["Timeout", "PayloadTooLarge", "Overloaded"].contains(&answer.json()["error_type"].as_str().unwrap())
    );
}

#[test]
fn slow_clients_lose_their_connection() {
    let service = Service::start(&["--header-timeout", "0.4", "--body-timeout", "0.4"]);
    let start = Instant::now();
    let mut header = service.client();
    header.write(b"POST / HTTP/1.1\r\nhost: ").unwrap();
    assert!(header.read().is_none_or(|answer| answer.status == 408));
    let mut body = service.client();
    body.write(
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{",
    )
    .unwrap();
    body.read().unwrap().refused(408, "RequestTimeout", &["0.4 s"]);
    let mut idle = service.client();
    assert_eq!(idle.get("/health").status, 200);
    assert!(idle.read().is_none());
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn connections_have_an_end_and_idle_ones_cost_little() {
    let service = Service::start(&["--max-connections", "1000"]);
    let mut idle: Vec<_> = (0..1000).map(|_| service.client()).collect();
    assert_eq!(idle[999].get("/health").status, 200);
    let mut more = service.client();
    let answer = more.read().unwrap();
    answer.refused(503, "Overloaded", &["too many connections"]);
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(idle.pop());
    let start = Instant::now();
    while service.client().get("/health").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn sigterm_answers_what_was_accepted() {
    let service = Service::start(&["--threads", "1", "--timeout", "200", "--shutdown-timeout", "100"]);
    let (address, body) = (service.address, much(100));
    let mut client = service.client();
    thread::scope(|scope| {
        let answered = scope.spawn(|| client.post("/", &body));
        service.until_it_waits();
        service.signal("TERM");
        // No more connections, in a moment.
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(10));
        }
        assert_eq!(answered.join().unwrap().done().as_array().unwrap().len(), 100);
    });
    assert_eq!(service.ends_within(10), 0);
    // Nobody is waited for beyond the bound.
    let service = Service::start(&["--threads", "1", "--timeout", "200", "--shutdown-timeout", "0.2"]);
    let mut client = service.client();
    thread::scope(|scope| {
        scope.spawn(|| {
            let long = much(500).to_string();
            let head = format!(
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                long.len()
            );
            client.write(head.as_bytes()).unwrap();
            client.write(long.as_bytes()).unwrap();
            client.read();
        });
        service.until_it_waits();
        service.signal("INT");
        assert_eq!(service.ends_within(10), 0);
    });
}

#[test]
fn who_has_a_connection_when_it_ends_is_answered() {
    let service = Service::start(&[]);
    // Made while the service does not look.
    service.signal("STOP");
    let mut client = service.client();
    client.begin("/", &json!({ "inputs": "好" }));
    service.signal("TERM");
    service.signal("CONT");
    assert_eq!(client.read().unwrap().status, 200);
    assert_eq!(service.ends_within(10), 0);
}

#[test]
fn bodies_that_are_under_way_have_a_bound_together() {
    let service = Service::start(&["--max-body-bytes", "40000"]);
    let begin = || {
        let mut client = service.client();
        let head =
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 40000\r\n\r\n";
        client.write(head.as_bytes()).unwrap();
        client.write(&vec![b' '; 39_999]).unwrap();
        client
    };
    let waiting: Vec<_> = (0..64).map(|_| begin()).collect();
    let large = json!({ "inputs": "x".repeat(30_000) });
    let start = Instant::now();
    // What was written has to arrive.
    while service.counted("nimbert_body_bytes") < 64 * 39_999 {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    service.client().post("/", &large).refused(429, "Overloaded", &["bytes are under way"]);
    // Small ones have room, and what was refused takes none.
    assert_eq!(service.client().post("/", &json!({ "inputs": "x" })).status, 200);
    drop(waiting);
    while service.counted("nimbert_body_bytes") > 0 {
        assert!(start.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(service.client().post("/", &large).status, 200);
}

#[test]
fn an_answer_may_be_read_slowly() {
    let service = Service::start(&["--header-timeout", "0.3"]);
    let mut client = service.client();
    client.begin("/embed_all", &json!({ "inputs": vec!["好".repeat(500); 8] }));
    // Longer than an idle connection lives, but not without a byte for so long.
    let mut taken = vec![0; 1 << 20];
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(200));
        client.stream().read_exact(&mut taken).unwrap();
    }
    let mut rest = Vec::new();
    client.stream().read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"]]]"), "{} bytes", rest.len());
}

#[test]
fn it_does_not_start_where_it_cannot() {
    let service = Service::start(&[]);
    let port = service.address.port().to_string();
    nimbert(&["serve", "--port", &port]).failed(&["cannot listen on 127.0.0.1", &port]);
    nimbert(&["serve", "--port", "0", "--model", "none"]).failed(&["none"]);
    nimbert(&["serve", "--port", "0", "--model", "a b=src"]).failed(&["a name has letters"]);
    nimbert(&["serve", "--timeout", "0"]).misused(&["--timeout", "seconds"]);
}
