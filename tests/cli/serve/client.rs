//! A connection, written and read by hand: what goes over it is what the test says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// A connection that stays open.
pub(super) struct Client {
    reader: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of an answer that is one.
    #[track_caller]
    pub(super) fn done(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// That it is an error of this status and kind, whose message has all these words.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, kind: &str, words: &[&str]) {
        let json = self.json();
        assert_eq!((self.status, json["error_type"].as_str()), (status, Some(kind)), "{json}");
        let message = json["error"].as_str().unwrap();
        words.iter().for_each(|word| assert!(message.contains(word), "no {word:?} in {message}"));
    }
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    /// Writes these bytes, whatever they are.
    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// The next answer; `None`: the connection was closed.
    pub(super) fn read(&mut self) -> Option<Answer> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.reader.read_line(&mut line).unwrap();
            let Some((key, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((key.to_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.reader.read_exact(&mut answer.body).unwrap();
        Some(answer)
    }

    fn send(&mut self, head: &str, body: &[u8]) {
        let length = body.len();
        self.write(format!("{head}\r\nhost: here\r\ncontent-length: {length}\r\n\r\n").as_bytes()).unwrap();
        self.write(body).unwrap();
    }

    fn ask(&mut self, head: &str, body: &[u8]) -> Answer {
        self.send(head, body);
        self.read().expect("an answer")
    }

    /// Asks without waiting for the answer.
    pub(super) fn begin(&mut self, path: &str, body: &Value) {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json");
        self.send(&head, body.to_string().as_bytes());
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1"), b"")
    }

    /// The same with another line of the header.
    pub(super) fn get_with(&mut self, path: &str, header: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n{header}"), b"")
    }

    /// Sends bytes as JSON.
    pub(super) fn post_bytes(&mut self, path: &str, body: &[u8]) -> Answer {
        self.post_with(path, "x-nothing: 1", body)
    }

    /// The same with another line of the header.
    pub(super) fn post_with(&mut self, path: &str, header: &str, body: &[u8]) -> Answer {
        self.ask(&format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n{header}"), body)
    }

    pub(super) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, body.to_string().as_bytes())
    }
}
