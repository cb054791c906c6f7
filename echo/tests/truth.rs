//! The truth server over real sockets: what it counts, writes down and holds back. Times have lower bounds only.

use loadforge_echo::{DelayLaw, EchoConfig, EchoServer, Stall};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Asks once and gives the status.
fn ask(stream: &mut TcpStream) -> u16 {
    stream.write_all(GET).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello, world!") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    std::str::from_utf8(&answer[9..12])
        .unwrap()
        .parse()
        .unwrap()
}

fn counts(address: SocketAddr) -> String {
    let mut stream = connect(address);
    stream
        .write_all(b"GET /.loadforge/counts HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn read_arrivals(path: &std::path::Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes.len() % 8, 0);
    bytes
        .chunks_exact(8)
        .map(|stamp| u64::from_le_bytes(stamp.try_into().unwrap()))
        .collect()
}

#[test]
fn arrivals_statuses_and_bytes_are_exact() {
    let path = std::env::temp_dir().join(format!("loadforge-arrivals-{}", std::process::id()));
    let config = EchoConfig {
        threads: 2,
        error_rate: 0.5,
        arrivals: Some(path.clone()),
        ..EchoConfig::default()
    };
    let echo = EchoServer::bind(&config).unwrap().spawn().unwrap();
    let mut streams = [connect(echo.address()), connect(echo.address())];
    let mut failed = 0;
    for number in 0..200 {
        if ask(&mut streams[number % 2]) == 500 {
            failed += 1;
        }
    }
    assert!(failed > 50 && failed < 150, "about half: {failed}");
    let told: String = counts(echo.address());
    assert!(
        told.starts_with("{\"connections\":2,\"requests\":200,\"refused\":0,"),
        "{told}"
    );
    let by_status = format!(
        "\"by_status\":{{\"200\":{},\"500\":{failed}}}",
        200 - failed
    );
    assert!(told.contains(&by_status), "{told}");
    assert!(
        told.contains(&format!("\"bytes_in\":{}", 200 * GET.len())),
        "{told}"
    );
    // Asking for counts has flushed the file, and is in neither.
    assert_eq!(read_arrivals(&path).len(), 200);
    assert_eq!(counts(echo.address()), told);
    assert!(matches!(ask(&mut streams[0]), 200 | 500));
    let end = echo.stop().unwrap();
    assert_eq!(end.requests, 201);
    assert_eq!(
        end.by_status.iter().map(|(_, count)| count).sum::<u64>(),
        201
    );
    let arrivals = read_arrivals(&path);
    fs::remove_file(&path).unwrap();
    assert_eq!(arrivals.len(), 201);
    assert!(
        arrivals.is_sorted(),
        "each was asked after the answer to the one before"
    );
}

#[test]
fn a_queue_serves_one_connection_after_the_other() {
    for (spin, busy_poll) in [(false, false), (true, false), (false, true)] {
        let config = EchoConfig {
            delay: DelayLaw::Fixed(Duration::from_millis(10)),
            queue: true,
            spin,
            busy_poll,
            ..EchoConfig::default()
        };
        let echo = EchoServer::bind(&config).unwrap().spawn().unwrap();
        let mut streams: Vec<_> = (0..10).map(|_| connect(echo.address())).collect();
        // Accepted before the clock starts.
        streams.iter_mut().for_each(|stream| {
            ask(stream);
        });
        let begun = Instant::now();
        for stream in &mut streams {
            stream.write_all(GET).unwrap();
        }
        for stream in &mut streams {
            stream.read_exact(&mut [0; 78]).unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(100));
        assert_eq!(echo.stop().unwrap().requests, 20);
    }
}

#[test]
fn a_freeze_begins_with_the_first_request_and_lets_no_answer_out() {
    let config = EchoConfig {
        stalls: vec![Stall {
            length: Duration::from_millis(200),
            first: Duration::from_nanos(1),
            every: None,
        }],
        ..EchoConfig::default()
    };
    let echo = EchoServer::bind(&config).unwrap().spawn().unwrap();
    let (mut first, mut second) = (connect(echo.address()), connect(echo.address()));
    let begun = Instant::now();
    // At time 0 of its clock, before the freeze.
    ask(&mut first);
    ask(&mut second);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    // Its counts can be had all the time.
    assert!(counts(echo.address()).contains("\"requests\":2"));
}

#[test]
fn what_cannot_be_done_is_refused_before_it_listens() {
    let stall = |length_ms, every_ms: Option<u64>| Stall {
        length: Duration::from_millis(length_ms),
        first: Duration::ZERO,
        every: every_ms.map(Duration::from_millis),
    };
    let base = EchoConfig::default;
    let cases = [
        (
            EchoConfig {
                stalls: vec![stall(0, None)],
                ..base()
            },
            "more than nothing",
        ),
        (
            EchoConfig {
                stalls: vec![stall(5, Some(5))],
                ..base()
            },
            "shorter than the time between two",
        ),
        (
            EchoConfig {
                stalls: vec![stall(6, Some(10)), stall(4, Some(10))],
                ..base()
            },
            "no time to answer",
        ),
        (
            EchoConfig {
                delay: DelayLaw::Mix(vec![(0.5, Duration::ZERO), (0.4, Duration::ZERO)]),
                ..base()
            },
            "together",
        ),
        (
            EchoConfig {
                delay: DelayLaw::Mix(Vec::new()),
                ..base()
            },
            "together",
        ),
        (
            EchoConfig {
                error_rate: f64::NAN,
                ..base()
            },
            "give 0 to 1",
        ),
        (
            EchoConfig {
                arrivals: Some("/proc/no/such/file".into()),
                ..base()
            },
            "cannot be written",
        ),
    ];
    for (config, words) in cases {
        let message = EchoServer::bind(&config).err().expect(words).to_string();
        assert!(message.contains(words), "{message}");
    }
}
