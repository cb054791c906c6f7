//! A page being served, and viewers of it: real sockets, the protocol as a browser speaks it. Neighbours: `live.rs`, `access.rs` and
//! `saved.rs` beside this folder. Invariant: every wait is bounded, by far more than it should take.

#![allow(dead_code, missing_docs)] // each test uses its own part

pub mod sample;

use futures_util::StreamExt;
use loadforge_dashboard::{Door, LivePage, LiveSettings, Steer};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A page that refuses every order.
pub fn page() -> LivePage {
    page_with(Box::new(|_| Err("nobody steers here".to_owned())), false)
}

pub fn page_with(steer: Steer, keep: bool) -> LivePage {
    page_at("127.0.0.1:0", steer, keep)
}

pub fn page_at(address: &str, steer: Steer, keep: bool) -> LivePage {
    let door = Door::open(&address.parse().expect("an address")).expect("a free port");
    let settings = LiveSettings {
        door,
        cpu: None,
        keep,
    };
    let results = Some(PathBuf::from("results/shop"));
    LivePage::start(settings, sample::run_info(), results, steer).expect("a thread")
}

/// Feeds seconds of these numbers.
pub fn feed(page: &LivePage, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        page.add(Arc::new(sample::second(number)));
    }
}

/// `127.0.0.1:40123` of the page's address.
pub fn authority(url: &str) -> &str {
    let rest = url.strip_prefix("http://").expect("an address of a page");
    rest.split('/').next().expect("a host")
}

/// The token of the page's address.
pub fn token(url: &str) -> &str {
    url.split_once("#token=").expect("a token").1
}

/// An answer: status, head and body.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// Sends a request as it stands and reads until the server closes.
pub fn ask(authority: &str, request: &str) -> Answer {
    let mut stream = TcpStream::connect(authority).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("it answers and closes");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head is text");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_lowercase(),
        body: answer[end + 4..].to_vec(),
    }
}

/// A GET with more lines in its head.
pub fn get_with(authority: &str, path: &str, more: &str) -> Answer {
    let host = if more.to_lowercase().contains("host:") {
        String::new()
    } else {
        format!("host: {authority}\r\n")
    };
    let request = format!("GET {path} HTTP/1.1\r\n{host}connection: close\r\n{more}\r\n");
    ask(authority, &request)
}

pub fn get(authority: &str, path: &str) -> Answer {
    get_with(authority, path, "")
}

/// A POST to `/api/steer` with more lines in its head.
pub fn steer(authority: &str, more: &str, body: &str) -> Answer {
    let request = format!(
        "POST /api/steer HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    );
    ask(authority, &request)
}

/// A viewer at a WebSocket.
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Viewer {
    /// Comes in; the error is the status that it was refused with.
    pub async fn come(authority: &str, query: &str, origin: Option<&str>) -> Result<Viewer, u16> {
        let address = format!("ws://{authority}/ws{query}");
        let mut request = address.into_client_request().expect("an address");
        if let Some(origin) = origin {
            let origin = origin.parse().expect("a header's value");
            request.headers_mut().insert("origin", origin);
        }
        let came = tokio::time::timeout(PATIENCE, connect_async(request)).await;
        match came.expect("the server answers") {
            Ok((socket, _)) => Ok(Viewer { socket }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no answer at all: {error}"),
        }
    }

    /// The next message; `None` when the server has closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("the server says something or closes")? {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("JSON"));
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message, which is of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let message = self.next().await.expect("a message");
        assert_eq!(message["type"], kind, "{message}");
        message
    }
}

/// The ends of seconds.
pub fn ends(seconds: &Value) -> Vec<f64> {
    let seconds = seconds.as_array().expect("a list").iter();
    seconds
        .map(|second| second["at_s"].as_f64().expect("a number"))
        .collect()
}

/// Runs a test's viewers.
pub fn viewers<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}
