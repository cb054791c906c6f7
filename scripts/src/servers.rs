//! The two targets: nginx and our own echo target, each on one thread, each asked for its own count of requests.
//! Neighbours: `bench_peers.rs` and `profile.rs` point generators at them; `benches/peers/nginx.conf`. Invariant: a server ends with its `Server`, whatever happened.

use crate::programs::{children, cpu_time, find, pinned};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a server may take to listen, or to answer about itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    port: u16,
    /// Where it tells its count, and how the count is read from the answer.
    count_path: &'static str,
    read_count: fn(&str) -> Option<u64>,
    /// How many requests asking itself adds between two answers.
    asking_counts: u64,
    process: Child,
}

impl Server {
    /// Starts nginx with the configuration in `benches/peers`.
    pub(crate) fn nginx(root: &Path, folder: &Path, cpu: Option<usize>) -> Result<Server, String> {
        let program = find("nginx").ok_or("nginx is not installed (`apt-get install nginx`)")?;
        let port = free_port()?;
        let template = root.join("benches/peers/nginx.conf");
        let text = fs::read_to_string(&template)
            .map_err(|error| format!("{}: {error}", template.display()))?;
        let text = text
            .replace("FOLDER", &folder.display().to_string())
            .replace("PORT", &port.to_string());
        let path = folder.join("nginx.conf");
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = pinned(cpu, &program);
        command.arg("-p").arg(folder).arg("-c").arg(&path);
        let server = Server {
            name: "nginx",
            port,
            count_path: "/stub_status",
            read_count: nginx_count,
            asking_counts: 1,
            process: start("nginx", &mut command)?,
        };
        server.wait()
    }

    /// Starts `loadforge echo`.
    pub(crate) fn echo(
        loadforge: &Path,
        folder: &Path,
        cpu: Option<usize>,
    ) -> Result<Server, String> {
        let port = free_port()?;
        let mut command = pinned(cpu, loadforge);
        command
            .args(["echo", "--port", &port.to_string(), "--threads", "1"])
            .current_dir(folder);
        let server = Server {
            name: "loadforge echo",
            port,
            count_path: "/stats",
            read_count: echo_count,
            asking_counts: 0,
            process: start("loadforge echo", &mut command)?,
        };
        server.wait()
    }

    /// What generators are pointed at.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Requests served since `before`, an earlier `count`; those that asked for this are not in it.
    pub(crate) fn requests_since(&self, before: u64) -> Result<u64, String> {
        Ok(self.count()?.saturating_sub(before + self.asking_counts))
    }

    /// The server's own counter.
    pub(crate) fn count(&self) -> Result<u64, String> {
        let answer = self
            .ask(self.count_path)
            .map_err(|error| format!("{} does not tell its count: {error}", self.name))?;
        (self.read_count)(&answer)
            .ok_or_else(|| format!("{} tells its count in other words: {answer}", self.name))
    }

    /// User + system time that the server has used so far, with its children (nginx works in one).
    pub(crate) fn cpu(&self) -> Duration {
        let pid = self.process.id();
        children(pid).into_iter().chain([pid]).map(cpu_time).sum()
    }

    fn ask(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Waits until it answers.
    fn wait(mut self) -> Result<Server, String> {
        let started = Instant::now();
        loop {
            if self.ask(self.count_path).is_ok() {
                return Ok(self);
            }
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || started.elapsed() > PATIENCE {
                let how = ended.map_or("does not answer".to_owned(), |status| status.to_string());
                return Err(format!("{} did not start ({how})", self.name));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not SIGKILL: nginx's worker would live on. Both errors mean that it has ended already.
        if let Ok(pid) = i32::try_from(self.process.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.process.wait();
    }
}

fn start(name: &str, command: &mut Command) -> Result<Child, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{name} could not be started: {error}"))
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// The third number below `server accepts handled requests`.
fn nginx_count(answer: &str) -> Option<u64> {
    let (_, behind) = answer.split_once("server accepts handled requests")?;
    behind.split_whitespace().nth(2)?.parse().ok()
}

fn echo_count(answer: &str) -> Option<u64> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str::<serde_json::Value>(body)
        .ok()?
        .get("requests")?
        .as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_counts_are_read() {
        let nginx = "HTTP/1.1 200 OK\r\n\r\nActive connections: 1 \nserver accepts handled requests\n \
                     11 12 13 \nReading: 0 Writing: 1 Waiting: 0 \n";
        assert_eq!(nginx_count(nginx), Some(13));
        let echo = "HTTP/1.1 200 OK\r\n\r\n{\"requests\":7,\"connections\":2,\"refused\":0}\n";
        assert_eq!(echo_count(echo), Some(7));
        assert_eq!(echo_count("HTTP/1.1 200 OK\r\n\r\nhello, world!"), None);
    }
}
