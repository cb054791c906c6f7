//! A thread with a server on it. Neighbours: `live.rs` and `saved.rs` say what it answers, `door.rs` has the socket.
//! Invariants: one thread does all of it, and it is not one of the load generator's; connections are bounded, so that nobody can use
//! up this process's descriptors; when the work is done, or its owner has gone, every socket is closed.

use axum::{Router, serve::Listener};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::{self, JoinHandle},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Most connections at a time: those of all viewers, and as many again to fetch files and figures. More wait to be let in.
const MAX_CONNECTIONS: usize = 2 * crate::viewer::MAX_VIEWERS;

/// Threads for what may wait: orders, which the run answers, and files.
const WAITING_THREADS: usize = 4;

/// Serves until the work is done. The thread takes over which signals are held from the one that calls.
pub(crate) fn serve(
    listener: std::net::TcpListener,
    router: Router,
    cpu: Option<u32>,
    work: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WAITING_THREADS)
        .build()?;
    thread::Builder::new()
        .name("live-page".to_owned())
        .spawn(move || {
            if let Some(cpu) = cpu {
                stay_on(cpu);
            }
            runtime.block_on(async {
                let Ok(tcp) = TcpListener::from_std(listener) else {
                    return;
                };
                let bounded = Bounded {
                    tcp,
                    places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
                };
                let served = axum::serve(bounded, router);
                tokio::select! {
                    _ = served.into_future() => {}
                    () = work => {}
                }
            });
            // An order that is being answered is not waited for.
            runtime.shutdown_background();
        })
}

/// Keeps the calling thread to one CPU. Where that cannot be, it runs where there is room.
fn stay_on(cpu: u32) {
    let mut only = CpuSet::new();
    if only.set(cpu as usize).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
}

/// A listener that lets in so many at a time.
struct Bounded {
    tcp: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("nobody closes the places");
        let (stream, address) = Listener::accept(&mut self.tcp).await;
        // Messages are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection, which gives its place back when it ends.
struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
