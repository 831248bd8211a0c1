//! Serving all listeners, and stopping.

use crate::api::Api;
use crate::bind::{Bound, Socket};
use crate::body::Budget;
use crate::connection::Listener;
use crate::connections::Connections;
use crate::tls::{Tls, TlsError};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use strongroom_core::Remote;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Listeners at work.
pub struct Running {
    connections: Arc<Connections>,
    tasks: Vec<JoinHandle<()>>,
    tls: Vec<Arc<Tls>>,
}

/// Serves `api` at all listeners.
pub fn serve<A: Api>(api: Arc<A>, listeners: Vec<Bound>) -> Running {
    let connections = Arc::new(Connections::default());
    let budget = Budget::new();
    let tls = listeners.iter().filter_map(|l| l.tls.clone()).collect();
    let mut tasks = vec![tokio::spawn(tick(connections.clone()))];
    for bound in listeners {
        let places = Arc::new(Semaphore::new(bound.settings.limits.connections));
        let listener = Arc::new(Listener {
            api: api.clone(),
            settings: bound.settings,
            tls: bound.tls,
            budget: budget.clone(),
            connections: connections.clone(),
        });
        tasks.push(match bound.socket {
            Socket::Tcp(socket) => tokio::spawn(accept_tcp(listener, socket, places)),
            Socket::Unix(socket, file) => tokio::spawn(async move {
                let _file = file;
                accept_unix(listener, socket, places).await;
            }),
        });
    }
    Running { connections, tasks, tls }
}

impl Running {
    /// Reads all certificates again. Those that cannot be used leave the old ones in place.
    pub fn reload_certificates(&self) -> Vec<TlsError> {
        self.tls.iter().filter_map(|tls| tls.reload().err()).collect()
    }

    /// Takes no further connections, lets requests at work end, and cuts off what has not ended when
    /// `patience` is over. Returns how many connections were cut off.
    pub async fn stop(self, patience: Duration) -> usize {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            let _ = task.await;
        }
        self.connections.stop(patience).await
    }
}

async fn tick(connections: Arc<Connections>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        connections.tick();
    }
}

async fn accept_tcp<A: Api>(listener: Arc<Listener<A>>, socket: TcpListener, places: Arc<Semaphore>) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, peer)) => {
                let listener = listener.clone();
                tokio::spawn(async move {
                    let _place = place;
                    listener.tcp(stream, remote(peer)).await;
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

async fn accept_unix<A: Api>(listener: Arc<Listener<A>>, socket: UnixListener, places: Arc<Semaphore>) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, _)) => {
                let listener = listener.clone();
                tokio::spawn(async move {
                    let _place = place;
                    listener.unix(stream).await;
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// A client that is gone already is no reason to wait; too many open files are.
async fn pause_after(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "a connection could not be taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn remote(peer: SocketAddr) -> Remote {
    Remote { address: peer.ip().to_canonical(), port: peer.port() }
}
