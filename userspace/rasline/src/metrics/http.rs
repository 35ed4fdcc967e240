//! HTTP/1.1: GET /metrics and /healthz only. Clients, their time and their requests are bounded, both in total and per
//! address, so that slow clients of one address do not shut out others.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{Snapshot, encode};
use crate::host::monotonic_ns;

/// Maximum number of simultaneous clients; further connections are closed.
pub const MAX_CLIENTS: usize = 64;
/// Maximum number of simultaneous clients of one address.
pub const MAX_PER_ADDRESS: usize = 4;
/// Time limit for receiving the request.
const HEADERS: Duration = Duration::from_secs(5);
/// Time limit for a whole connection: one request, one reply.
const CONNECTION: Duration = Duration::from_secs(15);
/// Maximum length of a request, in octets.
const MAX_REQUEST: usize = 16 * 1024;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Number of clients of each address. IPv6 addresses are counted by their /64.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A client's place, which is free again when this is dropped.
struct Place {
    places: Places,
    of: IpAddr,
}

impl Places {
    fn take(&self, from: IpAddr) -> Option<Place> {
        let of = match from.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&of).copied().unwrap_or(0);
        if own >= MAX_PER_ADDRESS || all.values().sum::<usize>() >= MAX_CLIENTS {
            return None;
        }
        all.insert(of, own + 1);
        drop(all);
        Some(Place {
            places: self.clone(),
            of,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                all.remove(&self.of);
            }
        }
    }
}

/// Serves clients until the server is stopped.
pub(super) fn serve(
    listener: std::net::TcpListener,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    ended: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                _ = ended => {}
                () = accept(listener, snapshots) => {}
            }
        }),
        Err(e) => tracing::error!("metrics: {e}"),
    }
}

async fn accept(listener: std::net::TcpListener, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(e) => return tracing::error!("metrics: {e}"),
    };
    let places = Places::default();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!("metrics: accept: {e}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = places.take(from.ip()) else {
            tracing::debug!("metrics: too many clients, {from} is closed");
            continue;
        };
        let snapshots = snapshots.clone();
        tokio::spawn(async move {
            let _place = place;
            match timeout(CONNECTION, client(stream, snapshots)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::debug!("metrics: {e}"),
                Err(_) => tracing::debug!("metrics: a client took longer than {CONNECTION:?}"),
            }
        });
    }
}

async fn client(
    stream: TcpStream,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) -> Result<(), hyper::Error> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let snapshot = Arc::clone(&snapshots.borrow());
        async move { Ok::<_, Infallible>(reply(request.method(), request.uri().path(), &snapshot)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(MAX_REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

fn reply(method: &Method, path: &str, snapshot: &Snapshot) -> Response<Full<Bytes>> {
    if !matches!(path, "/metrics" | "/healthz") {
        return text(StatusCode::NOT_FOUND, "see /metrics and /healthz\n");
    }
    if method != Method::GET {
        let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
        reply
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return reply;
    }
    let now_ns = monotonic_ns();
    if path == "/healthz" {
        return health(now_ns, snapshot);
    }
    match encode(snapshot, now_ns) {
        Ok(body) => {
            let mut reply = text(StatusCode::OK, body);
            reply
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
            reply
        }
        Err(e) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{e}\n")),
    }
}

/// Answers 200 while the heartbeat of the event loop is recent enough, else 503.
fn health(now_ns: u64, snapshot: &Snapshot) -> Response<Full<Bytes>> {
    let age = Duration::from_nanos(now_ns.saturating_sub(snapshot.taken_ns));
    if snapshot.taken_ns == 0 {
        text(StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    } else if age > snapshot.heartbeat_timeout {
        let late = format!("the event loop has been stalled for {} s\n", age.as_secs());
        text(StatusCode::SERVICE_UNAVAILABLE, late)
    } else {
        text(StatusCode::OK, "ok\n")
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(PLAIN));
    reply
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
    };

    use super::*;
    use crate::metrics::Metrics;

    fn server() -> Metrics {
        Metrics::start(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
    }

    fn ask(metrics: &Metrics, request: &str) -> String {
        let mut stream = TcpStream::connect(metrics.listen()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply);
        reply
    }

    fn get(metrics: &Metrics, path: &str) -> String {
        ask(metrics, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    fn fresh() -> Snapshot {
        Snapshot {
            taken_ns: monotonic_ns(),
            heartbeat_timeout: Duration::from_secs(3),
            ..Snapshot::default()
        }
    }

    #[test]
    fn metrics_are_given() {
        let metrics = server();
        metrics.publish(fresh());
        let reply = get(&metrics, "/metrics");
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert!(reply.contains("application/openmetrics-text"), "{reply}");
        assert!(reply.contains("\nrasline_build_info{"), "{reply}");
        assert!(reply.ends_with("# EOF\n"), "{reply}");
    }

    #[test]
    fn nothing_else_is() {
        let metrics = server();
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
            ("nonsense\r\n\r\n", "400"),
            (
                &format!(
                    "GET /{} HTTP/1.1\r\nHost: x\r\n\r\n",
                    "a".repeat(2 * MAX_REQUEST)
                ),
                "4",
            ),
        ] {
            let reply = ask(&metrics, request);
            assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{reply}");
        }
    }

    #[test]
    fn health_is_that_of_the_event_loop() {
        let metrics = server();
        assert!(get(&metrics, "/healthz").contains("starting"));
        metrics.publish(fresh());
        assert!(get(&metrics, "/healthz").starts_with("HTTP/1.1 200"));
        metrics.publish(Snapshot {
            taken_ns: 1,
            ..fresh()
        });
        let reply = get(&metrics, "/healthz");
        assert!(
            reply.starts_with("HTTP/1.1 503") && reply.contains("stalled"),
            "{reply}"
        );
    }

    #[test]
    fn too_many_clients_are_closed_and_hurt_nobody() {
        let metrics = server();
        metrics.publish(fresh());
        let held: Vec<TcpStream> = (0..MAX_PER_ADDRESS)
            .map(|_| TcpStream::connect(metrics.listen()).unwrap())
            .collect();
        // Accepted in order: the one beyond is closed without a word.
        assert_eq!(get(&metrics, "/metrics"), "");
        drop(held);
        let served = std::iter::repeat_with(|| get(&metrics, "/metrics"))
            .take(1000)
            .any(|reply| reply.starts_with("HTTP/1.1 200"));
        assert!(served);
    }

    #[test]
    fn places_are_counted_by_address_and_in_all() {
        let places = Places::default();
        let from = |n: u8| IpAddr::from([192, 0, 2, n]);
        let mut held: Vec<Place> = (0..MAX_PER_ADDRESS)
            .map(|_| places.take(from(1)).unwrap())
            .collect();
        assert!(places.take(from(1)).is_none());
        assert!(places.take("::ffff:192.0.2.1".parse().unwrap()).is_none());
        held.extend(
            (2..=16)
                .flat_map(|n| std::iter::repeat_with(move || n).take(4))
                .map(|n| places.take(from(n)).unwrap()),
        );
        assert!(places.take(from(17)).is_none());
        held.truncate(2);
        assert!(places.take(from(1)).is_some() && places.take(from(17)).is_some());
        let one = |text: &str| text.parse::<IpAddr>().unwrap();
        let _same: Vec<_> = (0..4)
            .map(|_| places.take(one("2001:db8::1")).unwrap())
            .collect();
        assert!(places.take(one("2001:db8::2")).is_none());
        assert!(places.take(one("2001:db8:0:1::2")).is_some());
    }

    #[test]
    fn an_address_in_use_is_said() {
        let metrics = server();
        let error = Metrics::start(metrics.listen()).unwrap_err().to_string();
        assert!(error.contains("choose another port"), "{error}");
    }
}
