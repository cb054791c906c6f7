//! Targets for tests: the echo server as users start it, and nginx where it is installed. Both count requests themselves.

use crate::running::{Running, eventually, loadforge};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// `loadforge echo` on a free port.
pub struct Echo {
    _running: Running,
    pub address: SocketAddr,
}

impl Echo {
    pub fn start(flags: &[&str]) -> Echo {
        let mut running = Running::start(loadforge().args(["echo", "--port", "0"]).args(flags));
        let stdout = running.child().stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it names its address");
        let address = line
            .trim()
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse();
        let address = address.unwrap_or_else(|_| panic!("{line:?}: {}", running.said()));
        Echo {
            _running: running,
            address,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests it has answered, those for this count left out.
    pub fn requests(&self) -> u64 {
        let stats = get(self.address, "/stats");
        let stats: serde_json::Value = serde_json::from_str(&stats).expect(&stats);
        stats["requests"].as_u64().expect("a count")
    }

    /// A scenario of one GET on this server, written to `dir/one.toml`, with more text behind it.
    pub fn write_scenario(&self, dir: &std::path::Path, more: &str) {
        let text = format!(
            "name = \"one\"\nbase_url = \"http://{}\"\n{more}\n[[task]]\nname = \"hello\"\nget = \"/\"\n",
            self.address
        );
        fs::write(dir.join("one.toml"), text).expect("the directory is ours");
    }
}

/// nginx that answers 200 and counts.
pub struct Nginx {
    running: Running,
    pub address: SocketAddr,
    _dir: TempDir,
}

impl Nginx {
    /// Starts one; `None`, with the reason on the screen, where nginx is not installed.
    pub fn start() -> Option<Nginx> {
        if Command::new("nginx").arg("-v").output().is_err() {
            eprintln!("skipped: nginx is not installed");
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory for nginx");
        let address = free_address();
        let config = format!(
            "daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
             events {{ worker_connections 512; }}
             http {{
               access_log off; keepalive_requests 100000000;
               client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
               uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
               server {{
                 listen {address};
                 location = /nginx_status {{ stub_status; }}
                 location / {{ return 200 \"hello, world!\"; }}
               }}
             }}",
            dir = dir.path().display()
        );
        fs::write(dir.path().join("nginx.conf"), config).expect("the directory is ours");
        let running = Running::start(
            Command::new("nginx")
                .arg("-p")
                .arg(dir.path())
                .arg("-c")
                .arg(dir.path().join("nginx.conf")),
        );
        let nginx = Nginx {
            running,
            address,
            _dir: dir,
        };
        eventually("nginx listening", || TcpStream::connect(address).ok());
        Some(nginx)
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests it has counted, this one included.
    pub fn requests(&self) -> u64 {
        let status = get(self.address, "/nginx_status");
        // "server accepts handled requests", and the figures in the next line.
        let figures = status.lines().nth(2).expect(&status);
        figures
            .split_whitespace()
            .nth(2)
            .and_then(|word| word.parse().ok())
            .expect(&status)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends its workers when asked to; killed, it would leave them.
        self.running.signal(nix::sys::signal::Signal::SIGTERM);
        self.running.wait();
    }
}

/// An address on this machine that was free a moment ago: nobody listens there.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

/// The body of one answer.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a time limit");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("it answers and closes");
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .expect(&answer)
}
