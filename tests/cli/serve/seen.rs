//! What is seen of the service: its log, its metrics, and what its manager hears.

use std::{
    io::Read,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Service;

#[test]
fn the_log_has_no_texts_and_every_request() {
    let mut service = Service::start(&["--log", "json"]);
    let mut client = service.client();
    let answer = client.post_with("/", "x-request-id: mine-1", r#"{"inputs": "秘密"}"#.as_bytes());
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("mine-1")));
    assert_eq!(client.post("/predict", &json!({ "inputs": "秘密", "秘密": 1 })).status, 422);
    drop(client);
    let mut log = service.child.stderr.take().unwrap();
    service.signal("TERM");
    assert_eq!(service.ends_within(10), 0);
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(!text.contains("秘密"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_mine = lines.iter().find(|line| line["request_id"] == "mine-1").unwrap();
    assert_eq!(
        (&of_mine["status"], &of_mine["route"], &of_mine["texts"]),
        (&json!(200), &json!("/"), &json!(1))
    );
    assert!(lines.iter().any(|line| line["error"] == "Validation"), "{text}");
}

#[test]
fn a_client_that_hangs_up_is_counted() {
    let service = Service::start(&["--threads", "1", "--timeout", "200"]);
    let mut client = service.client();
    client.begin("/", &json!({ "inputs": vec!["很".repeat(400); 100] }));
    service.until_it_waits();
    drop(client);
    let start = Instant::now();
    loop {
        let text = String::from_utf8(service.client().get("/metrics").body).unwrap();
        // Every kind of error is there before there is one.
        assert!(text.contains("nimbert_errors_total{kind=\"Overloaded\"} 0"), "{text}");
        if text.contains("nimbert_requests_total{route=\"/\",status=\"499\"} 1") {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_manager_hears_when_it_is_ready_and_when_it_ends() {
    use std::os::unix::net::UnixDatagram;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let hear = || {
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let service = Service::start_with(&[], &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(hear(), "READY=1");
    service.signal("TERM");
    assert_eq!(hear(), "STOPPING=1");
    assert_eq!(service.ends_within(10), 0);
}
