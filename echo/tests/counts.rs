//! What the target counts, how many it serves, and how it ends.

use loadforge_echo::{EchoConfig, EchoCounts, EchoServer};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    time::Duration,
};

const ANSWER: &[u8; 78] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nhello, world!";

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

fn ask(stream: &mut TcpStream) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, ANSWER);
}

fn stats(address: SocketAddr) -> String {
    let mut stream = connect(address);
    stream.write_all(b"GET /stats HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn every_request_of_many_connections_on_many_threads_is_counted_once() {
    let config = EchoConfig {
        threads: 3,
        ..EchoConfig::default()
    };
    let echo = EchoServer::bind(&config).unwrap().spawn().unwrap();
    let address = echo.address();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut streams: Vec<_> = (0..100).map(|_| connect(address)).collect();
                for _ in 0..5 {
                    streams.iter_mut().for_each(ask);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let expected = EchoCounts {
        requests: 2_000,
        connections: 400,
        refused: 0,
        bytes_in: 2_000 * 27,
        bytes_out: 2_000 * ANSWER.len() as u64,
        by_status: vec![(200, 2_000)],
        latest_ns: 0,
    };
    assert_eq!(
        stats(address),
        "{\"requests\":2000,\"connections\":400,\"refused\":0}\n"
    );
    // Asking for the counts changed none of them.
    assert_eq!(
        stats(address),
        "{\"requests\":2000,\"connections\":400,\"refused\":0}\n"
    );
    assert_eq!(echo.counts(), expected);
    assert_eq!(echo.stop().unwrap(), expected);
}

#[test]
fn connections_past_the_limit_wait_until_another_closes() {
    let config = EchoConfig {
        max_connections: 2,
        ..EchoConfig::default()
    };
    let echo = EchoServer::bind(&config).unwrap().spawn().unwrap();
    let (mut first, mut second) = (connect(echo.address()), connect(echo.address()));
    ask(&mut first);
    ask(&mut second);
    let mut third = connect(echo.address());
    third
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    third
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut answer = [0; ANSWER.len()];
    let waiting = third
        .read(&mut answer)
        .expect_err("there is no room for a third connection");
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    third
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    third.read_exact(&mut answer).unwrap();
    assert_eq!(echo.requests(), 3);
}

#[test]
fn it_serves_until_the_given_descriptor_is_readable_and_closes_what_is_open() {
    let server = EchoServer::bind(&EchoConfig::default()).unwrap();
    let address = server.address();
    let (stop, mut ring) = std::io::pipe().unwrap();
    let serving = std::thread::spawn(move || server.run_until(stop.as_fd()));
    let mut stream = connect(address);
    ask(&mut stream);
    ring.write_all(b"x").unwrap();
    let counts = serving.join().unwrap().unwrap();
    assert_eq!(counts.requests, 1);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn an_address_in_use_is_refused_with_its_remedy() {
    let first = EchoServer::bind(&EchoConfig::default()).unwrap();
    let taken = EchoConfig {
        address: first.address(),
        ..EchoConfig::default()
    };
    let message = EchoServer::bind(&taken)
        .err()
        .expect("the port is taken")
        .to_string();
    assert!(message.contains(&first.address().to_string()), "{message}");
    assert!(message.contains("port 0 for a free one"), "{message}");
}
