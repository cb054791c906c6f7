//! One viewer at a WebSocket, from its greeting to its goodbye. Neighbours: `hub.rs` says what there is to tell, `live.rs` lets it in.
//! Invariants: a viewer that does not read holds nobody up, and costs a socket's buffer and no more; when it reads again it gets the
//! latest second, which says how many it was not sent; one that reads nothing for `PATIENCE` is let go.

use crate::hub::{Hub, Note, SecondNote};
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
    },
    time::timeout,
};

/// Most viewers at a time; more are refused in words.
pub const MAX_VIEWERS: usize = 200;

/// Most viewers that are being greeted at a time; others wait their turn. A greeting has the whole run in it.
pub(crate) const MAX_GREETINGS: usize = 8;

/// How long a viewer may take to read one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a viewer may take to answer our goodbye. Closing before it has, with words of its own on the way, would make the system
/// throw away what it has not read yet.
const FAREWELL: Duration = Duration::from_millis(200);

/// Why a viewer is left.
struct Gone;

/// A viewer, as far as it has been told.
struct Viewer {
    socket: WebSocket,
    /// The number of the last second that it was sent.
    number: u64,
    /// The end of the last second that it was sent.
    at_s: f64,
}

/// Tells a viewer everything from this moment on, until the run is over or the viewer has gone.
pub(crate) async fn attend(
    socket: WebSocket,
    hub: Arc<Hub>,
    since_s: f64,
    can_steer: bool,
    _place: OwnedSemaphorePermit,
) {
    let Ok(turn) = hub.greetings.acquire().await else {
        return;
    };
    let joined = hub.join(since_s, can_steer);
    let mut viewer = Viewer {
        socket,
        number: joined.number,
        at_s: joined.at_s,
    };
    let hello = joined.hello.into();
    let told = async {
        viewer.say(hello).await?;
        drop(turn);
        if !joined.is_over {
            viewer.follow(joined.notes).await?;
        }
        let goodbye = hub.goodbye(viewer.at_s).ok_or(Gone)?;
        viewer.say(goodbye.into()).await
    };
    if told.await.is_ok() {
        viewer.part().await;
    }
}

impl Viewer {
    /// Passes on what is told, until the run is over.
    async fn follow(&mut self, mut notes: Receiver<Note>) -> Result<(), Gone> {
        loop {
            let note = tokio::select! {
                note = notes.recv() => note,
                heard = self.socket.recv() => match heard {
                    // Pings are answered by the protocol; a page says nothing.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    _ => return Err(Gone),
                },
            };
            match note {
                Ok(Note::Second(second)) => self.tell(&second).await?,
                Ok(Note::Told(message)) => self.say(message).await?,
                Ok(Note::End) => return Ok(()),
                Err(RecvError::Lagged(_)) => {
                    let (latest, is_over) = latest(&mut notes);
                    if let Some(second) = latest {
                        self.tell(&second).await?;
                    }
                    if is_over {
                        return Ok(());
                    }
                }
                Err(RecvError::Closed) => return Err(Gone),
            }
        }
    }

    /// Sends a second, and how many before it were left out.
    async fn tell(&mut self, second: &SecondNote) -> Result<(), Gone> {
        let message = match second.number.saturating_sub(self.number + 1) {
            0 => second.message.clone(),
            skipped => second.after_skipping(skipped),
        };
        self.say(message).await?;
        self.number = second.number;
        self.at_s = second.at_s;
        Ok(())
    }

    async fn say(&mut self, message: Utf8Bytes) -> Result<(), Gone> {
        let sent = timeout(PATIENCE, self.socket.send(Message::Text(message))).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// Closes the socket as the protocol has it.
    async fn part(mut self) {
        let farewell = async {
            let _ = self.socket.send(Message::Close(None)).await;
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// The last second that waits, if one does, and whether the run is over. What else waits stands in a second, too.
fn latest(notes: &mut Receiver<Note>) -> (Option<Arc<SecondNote>>, bool) {
    let (mut second, mut is_over) = (None, false);
    loop {
        match notes.try_recv() {
            Ok(Note::Second(next)) => second = Some(next),
            Ok(Note::Told(_)) | Err(TryRecvError::Lagged(_)) => {}
            Ok(Note::End) => is_over = true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return (second, is_over),
        }
    }
}
