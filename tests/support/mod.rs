//! A network of real processes in a temporary folder: each is the `gainsay` binary, started as a user would.
//!
//! No sleeps: whatever a test waits for is asked for until it is so or a deadline passes, with the last answer in
//! the message.

#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for something before it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test.
pub fn gainsay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gainsay"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("GAINSAY_") && variable != "GAINSAY_ISA" {
            command.env_remove(variable);
        }
    }
    command
}

/// The digits model as captured, for tests without Burn.
pub fn digits() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/digits")
}

pub fn text(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\nstdout: {out}\nstderr: {err}", output.status)
}

/// Asks until the answer is something.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not so after {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    pub child: Child,
    pub ready: Value,
}

impl Daemon {
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success(), "kill -{signal}");
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A network's folder with keys and configuration.
pub struct Network {
    pub folder: tempfile::TempDir,
    pub address: String,
    pub http: String,
    pub arbiter_key: String,
}

impl Network {
    /// Keys and a configuration with these lines under `[network]`.
    pub fn new(parameters: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut network = Self {
            folder,
            address: String::new(),
            http: String::new(),
            arbiter_key: String::new(),
        };
        network.arbiter_key = network.new_key("arbiter");
        let operator = network.new_key("operator");
        let config =
            format!("[network]\nname = \"test\"\noperator = \"{operator}\"\n{parameters}\n");
        std::fs::write(network.path("gainsay.toml"), config).unwrap();
        network
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn key_file(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.key"))
    }

    pub fn new_key(&self, name: &str) -> String {
        let output = gainsay().args(["key", "new"]).arg(self.key_file(name)).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A command with configuration, key and arbiter.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = gainsay();
        command.args(arguments).arg("--config").arg(self.path("gainsay.toml"));
        command.arg("--key").arg(self.key_file(name));
        if !self.address.is_empty() {
            command.args(["--arbiter", &self.address, "--arbiter-key", &self.arbiter_key]);
        }
        command
    }

    /// Runs a command that must succeed and returns its JSON.
    pub fn json(&self, name: &str, arguments: &[&str]) -> Value {
        let output = self.command(name, arguments).arg("--json").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that must succeed; `None` if it does not, for asking again.
    pub fn try_json(&self, name: &str, arguments: &[&str]) -> Option<Value> {
        let output = self.command(name, arguments).arg("--json").output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    pub fn start(&self, name: &str, arguments: &[&str]) -> Daemon {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(&format!("{name}.log")))
            .unwrap();
        let mut command = self.command(name, arguments);
        command.arg("--data").arg(self.path(name)).args(["--log", "info", "--until-stdin-closes"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let words = std::fs::read_to_string(self.path(&format!("{name}.log"))).unwrap();
        assert!(!line.is_empty(), "{name} stopped before it was ready:\n{words}");
        Daemon { child, ready: serde_json::from_str(&line).unwrap() }
    }

    /// Starts the arbiter: the first time on free ports, then on the same ones.
    pub fn start_arbiter(&mut self) -> Daemon {
        let listen = if self.address.is_empty() { "127.0.0.1:0" } else { &self.address };
        let arguments = ["arbiter", "--listen", listen, "--http", "127.0.0.1:0"];
        let daemon = self.start("arbiter", &arguments);
        self.address = daemon.ready["address"].as_str().unwrap().to_owned();
        self.http = daemon.ready["http"].as_str().unwrap().to_owned();
        daemon
    }

    pub fn fund(&self, key: &str, credits: &str) {
        self.json("operator", &["fund", key, credits]);
    }

    /// Sends the digits artifact and returns its id.
    pub fn push(&self, name: &str) -> String {
        let folder = digits();
        let pushed = self.json(name, &["artifact", "push", folder.to_str().unwrap()]);
        pushed["artifact"].as_str().unwrap().to_owned()
    }

    /// Asks for one inference on an image made from `seed`.
    pub fn submit(&self, name: &str, artifact: &str, seed: u32) -> String {
        let image: Vec<f32> = (0..64).map(|at| ((at * 7 + seed * 13) % 17) as f32 / 16.0).collect();
        let file = self.path(&format!("image-{seed}.json"));
        std::fs::write(&file, serde_json::to_vec(&image).unwrap()).unwrap();
        let input = format!("image={}", file.display());
        let job = self.json(name, &["submit", "--artifact", artifact, "--input", &input]);
        job["job"].as_str().unwrap().to_owned()
    }

    /// One page of metrics or health over HTTP.
    pub fn http_get(&self, path: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.http).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
