//! The server side of the control socket, in the controller.

use std::{
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot},
    time::timeout,
};

use super::{Command, MAX_REQUEST, Reply, parse};
use crate::failure::{Failure, Result};
use crate::view::Event;

/// Maximum number of simultaneous clients, not counting those that follow events.
pub const MAX_CLIENTS: usize = 32;
/// Maximum number of simultaneous followers of events. They stay connected, so they are counted separately.
pub const MAX_FOLLOWERS: usize = 16;
/// Additional places of each kind for root and the controller's own user.
pub const FOR_OWNER: usize = 8;
/// Queue of requests to the controller; further requests wait in their sockets.
pub const MAX_WAITING: usize = 64;
const IDLE: Duration = Duration::from_mins(1);
const WRITE: Duration = Duration::from_secs(10);

/// A request for the controller.
#[derive(Debug)]
pub struct Call {
    /// The command to carry out.
    pub command: Command,
    /// Takes the reply.
    pub reply: oneshot::Sender<Reply>,
    /// Dropped once the reply was written or could not be written.
    pub written: oneshot::Receiver<()>,
}

/// The listening socket; its file is removed on drop.
#[derive(Debug)]
pub struct Listening {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the socket with mode 0600, or 0660 for a group, and replaces a stale one.
///
/// # Errors
/// When the socket is in use or cannot be created.
pub fn bind(path: &Path, group: Option<&str>) -> Result<Listening> {
    let thing = || format!("control socket {}", path.display());
    let gid = group.map(group_id).transpose()?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| Failure::new(thing(), e, "create its folder, or run as root"))?;
    }
    remove_stale(path)?;
    let old = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(old);
    let listener = bound
        .map_err(|e| Failure::new(thing(), e, "choose another control_socket, or run as root"))?;
    let listening = Listening {
        path: path.to_owned(),
        listener: Some(listener),
    };
    if let Some(gid) = gid {
        std::os::unix::fs::chown(path, None, Some(gid))
            .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)))
            .map_err(|e| {
                Failure::new(
                    thing(),
                    format!("cannot change its group: {e}"),
                    "check control_group",
                )
            })?;
    }
    Ok(listening)
}

fn remove_stale(path: &Path) -> Result<()> {
    let thing = || format!("control socket {}", path.display());
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !meta.file_type().is_socket() {
        return Err(Failure::new(
            thing(),
            "the path exists and is not a socket",
            "remove it, or choose another control_socket",
        ));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(Failure::new(
            thing(),
            "in use by another controller",
            "stop that controller with `rasline stop`, or choose another control_socket",
        )),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!("control socket {}: removed a stale socket", path.display());
            std::fs::remove_file(path).map_err(|e| {
                Failure::new(
                    thing(),
                    format!("stale socket, cannot be removed: {e}"),
                    "remove it",
                )
            })
        }
        Err(e) => Err(Failure::new(thing(), e, "remove it, or run as root")),
    }
}

/// The id of a group of this machine.
///
/// # Errors
/// When there is no group of this name.
pub fn group_id(name: &str) -> Result<u32> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let of = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    };
    groups.lines().find_map(of).ok_or_else(|| {
        Failure::new(
            format!("control_group {name}"),
            "no such group",
            "create it with `groupadd`, or remove the key",
        )
    })
}

impl Listening {
    /// Serves clients until the task is dropped.
    ///
    /// # Panics
    /// When called a second time.
    pub fn serve(
        &mut self,
        calls: mpsc::Sender<Call>,
        events: broadcast::Sender<Event>,
    ) -> tokio::task::JoinHandle<()> {
        #[allow(clippy::expect_used)]
        let listener = self.listener.take().expect("serve is called once");
        let places = Arc::new(Places::new());
        tokio::spawn(async move {
            loop {
                let stream = match listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(e) => {
                        tracing::warn!("control socket: accept: {e}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let (calls, events) = (calls.clone(), events.clone());
                let is_owner = is_owner(&stream);
                if let Some(place) = places.clients.take(is_owner) {
                    let followers = Arc::clone(&places);
                    let seat = Seat {
                        place,
                        followers,
                        is_owner,
                    };
                    tokio::spawn(async move {
                        if let Err(e) = client(stream, calls, events, seat).await {
                            tracing::debug!("control client: {e}");
                        }
                    });
                } else {
                    let (_, mut out) = stream.into_split();
                    let _ = send(
                        &mut out,
                        &Reply::error("controller: too many clients; try again later"),
                    )
                    .await;
                }
            }
        })
    }
}

/// Places for one kind of client.
struct Room {
    all: Arc<Semaphore>,
    for_owner: Arc<Semaphore>,
}

impl Room {
    fn new(places: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places)),
            for_owner: Arc::new(Semaphore::new(FOR_OWNER)),
        }
    }

    fn take(&self, is_owner: bool) -> Option<OwnedSemaphorePermit> {
        let one = Arc::clone(&self.all).try_acquire_owned();
        let own = || {
            let own = is_owner.then(|| Arc::clone(&self.for_owner))?;
            own.try_acquire_owned().ok()
        };
        one.ok().or_else(own)
    }
}

/// Places for both kinds of client.
struct Places {
    clients: Room,
    followers: Room,
}

impl Places {
    fn new() -> Self {
        Self {
            clients: Room::new(MAX_CLIENTS),
            followers: Room::new(MAX_FOLLOWERS),
        }
    }
}

/// A client's place, and the places of followers, to which it moves if it follows events.
struct Seat {
    place: OwnedSemaphorePermit,
    followers: Arc<Places>,
    is_owner: bool,
}

/// Whether the client is root or the controller's own user.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}

async fn client(
    stream: UnixStream,
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<Event>,
    mut seat: Seat,
) -> io::Result<()> {
    let (input, mut out) = stream.into_split();
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut input).take(MAX_REQUEST as u64 + 1);
        let n = timeout(IDLE, bounded.read_until(b'\n', &mut line)).await??;
        if n == 0 {
            return Ok(());
        }
        if n > MAX_REQUEST {
            return send(
                &mut out,
                &Reply::error(format!("request: longer than {MAX_REQUEST} octets")),
            )
            .await;
        }
        let command = match parse(&String::from_utf8_lossy(&line)) {
            Ok(command) => command,
            Err(e) => {
                send(&mut out, &Reply::error(e)).await?;
                continue;
            }
        };
        // Subscribe before the list is made, so that no event is missed in between.
        let following = match &command {
            Command::Events {
                follow: true,
                filter,
                ..
            } => Some((events.subscribe(), filter.clone())),
            _ => None,
        };
        if following.is_some() {
            let Some(place) = seat.followers.followers.take(seat.is_owner) else {
                let full = "controller: too many clients follow events; end one of them";
                return send(&mut out, &Reply::error(full)).await;
            };
            seat.place = place;
        }
        let (reply, replied) = oneshot::channel();
        let (writing, written) = oneshot::channel::<()>();
        let gone = || Reply::error("controller: stopping");
        let reply = match calls
            .send(Call {
                command,
                reply,
                written,
            })
            .await
        {
            Ok(()) => replied.await.unwrap_or_else(|_| gone()),
            Err(_) => gone(),
        };
        let seen = last_number(&reply);
        send(&mut out, &reply).await?;
        drop(writing);
        if let Some((following, filter)) = following {
            let wanted = |event: &Event| event.number > seen && filter.matches(event);
            return follow_events(&mut input, &mut out, following, wanted).await;
        }
    }
}

fn last_number(reply: &Reply) -> u64 {
    let last = reply.data.as_array().and_then(|all| all.last());
    last.and_then(|e| e.get("number"))
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(0)
}

async fn follow_events(
    input: &mut BufReader<tokio::net::unix::OwnedReadHalf>,
    out: &mut OwnedWriteHalf,
    mut events: broadcast::Receiver<Event>,
    wanted: impl Fn(&Event) -> bool,
) -> io::Result<()> {
    let mut ignored = [0; 64];
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            // The client sends nothing more; its end of the connection ends this one.
            n = input.read(&mut ignored) => if n? == 0 { return Ok(()) } else { continue },
        };
        match event {
            Ok(event) if wanted(&event) => send(out, &event).await?,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(n)) => {
                let text = format!("{n} events left out: this client reads too slowly");
                send(
                    out,
                    &Event {
                        about: "controller".into(),
                        event: "events_left_out".into(),
                        text,
                        details: [("left_out".to_owned(), n.into())].into_iter().collect(),
                        ..Event::default()
                    },
                )
                .await?;
            }
            Err(broadcast::error::RecvError::Closed) => return Ok(()),
        }
    }
}

async fn send(out: &mut OwnedWriteHalf, value: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    timeout(WRITE, out.write_all(&line)).await?
}
