//! The service as its clients meet it: started, asked over sockets of our own, and told to end.

mod client;
mod description;
mod hostile;
mod limits;
mod protocols;
mod seen;
mod sharing;

use std::{
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use self::client::Client;

/// A service that is ready.
struct Service {
    child: Child,
    address: SocketAddr,
    /// What it said before that.
    models: String,
}

impl Service {
    /// Of the demo.
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// With environment variables.
    fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nimbert"));
        command.envs(variables.iter().copied());
        let quiet = if arguments.contains(&"--log") { &[][..] } else { &["--log", "off"] };
        command.args(["serve", "--port", "0"]).args(quiet).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut models = String::new();
        let address = loop {
            let Some(line) = lines.next() else {
                let mut error = String::new();
                child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                panic!("it ended: {error}");
            };
            match line.strip_prefix("ready at http://") {
                Some(address) => break address.parse().unwrap(),
                None => models.push_str(&line),
            }
        };
        Self { child, address, models }
    }

    /// A new connection.
    fn client(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    /// What is counted under a name.
    fn counted(&self, name: &str) -> usize {
        let text = String::from_utf8(self.client().get("/metrics").body).unwrap();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(value).unwrap()
    }

    /// Waits until a long request is in the queue.
    #[track_caller]
    fn until_it_waits(&self) {
        let start = Instant::now();
        while self.counted("nimbert_queue_tokens") < 5_000 {
            assert!(start.elapsed() < Duration::from_secs(30), "it should be under way");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn signal(&self, name: &str) {
        let number = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &number]).status().unwrap().success());
    }

    /// Its exit code, if it ends within so many seconds.
    #[track_caller]
    fn ends_within(mut self, seconds: u64) -> i32 {
        let (sender, ended) = mpsc::channel();
        let mut child = std::mem::replace(&mut self.child, Command::new("true").spawn().unwrap());
        let number = child.id();
        thread::spawn(move || sender.send(child.wait().unwrap().code()));
        let Ok(code) = ended.recv_timeout(Duration::from_secs(seconds)) else {
            Command::new("kill").args(["-s", "KILL", &number.to_string()]).status().unwrap();
            panic!("it has not ended within {seconds} s");
        };
        code.expect("not ended by a signal")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
