//! Latency of reads at a given rate, as a line of JSON (milliseconds):
//!
//!     rate ADDRESS FOLDER RATE SECONDS CONNECTIONS
//!
//! Open loop: requests are due at fixed times, whatever became of those before, and a latency counts
//! from the time a request was due; so a server that stalls cannot hide it. `FOLDER/paths` and
//! `FOLDER/tokens` come from `seed`. One thread that never sleeps: it has the core to itself.

use rustix::event::epoll;
use serde_json::json;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use strongroom_bench::{Failed, argument};

/// How long answers are waited for after the last request.
const PATIENCE: Duration = Duration::from_secs(3);

fn main() -> Result<(), Failed> {
    let address = argument(1, "the server's address")?;
    let folder = std::path::PathBuf::from(argument(2, "the folder with the lists")?);
    let rate: f64 = argument(3, "requests each second")?.parse()?;
    let time = Duration::from_secs_f64(argument(4, "seconds")?.parse()?);
    let connections: usize = argument(5, "the number of connections")?.parse()?;
    let requests = requests(&folder)?;
    let mut load = Load::new(&address, connections)?;
    load.run(&requests, rate, time)?;
    let mut latencies = load.latencies;
    latencies.sort_unstable();
    let at = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        latencies.get(place.min(latencies.len().saturating_sub(1))).map_or(0.0, |l| l.as_secs_f64() * 1e3)
    };
    println!(
        "{}",
        json!({
            "answers": latencies.len(),
            "errors": load.errors,
            "unanswered": load.unanswered,
            "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1.0),
        })
    );
    Ok(())
}

/// Requests made up front; the same mixture for every server.
fn requests(folder: &std::path::Path) -> Result<Vec<Vec<u8>>, Failed> {
    let (paths, tokens) =
        (std::fs::read_to_string(folder.join("paths"))?, std::fs::read_to_string(folder.join("tokens"))?);
    let tokens: Vec<&str> = tokens.lines().collect();
    let every = tokens.iter().cycle();
    let request = |(path, token): (&str, &&str)| {
        format!("GET /v1/secret/data/{path} HTTP/1.1\r\nHost: bench\r\nX-Vault-Token: {token}\r\n\r\n")
            .into_bytes()
    };
    Ok(paths.lines().zip(every).map(request).collect())
}

struct Load {
    poll: std::os::fd::OwnedFd,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    /// When the requests that no connection was free for were due.
    late: VecDeque<Instant>,
    latencies: Vec<Duration>,
    errors: u64,
    unanswered: u64,
}

struct Connection {
    stream: TcpStream,
    due: Instant,
    received: Vec<u8>,
}

impl Load {
    fn new(address: &str, connections: usize) -> Result<Self, Failed> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut open = Vec::new();
        for number in 0..connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&poll, &stream, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
            open.push(Connection { stream, due: Instant::now(), received: Vec::new() });
        }
        Ok(Self {
            poll,
            connections: open,
            idle: (0..connections).collect(),
            late: VecDeque::new(),
            latencies: Vec::new(),
            errors: 0,
            unanswered: 0,
        })
    }

    fn run(&mut self, requests: &[Vec<u8>], rate: f64, time: Duration) -> Result<(), Failed> {
        let count = (time.as_secs_f64() * rate) as usize;
        let mut requests = requests.iter().cycle();
        let begun = Instant::now();
        let (mut due_count, mut answered) = (0_usize, 0_usize);
        let mut events = Vec::with_capacity(64);
        while answered < count && begun.elapsed() < time + PATIENCE {
            while due_count < count && begun.elapsed().as_secs_f64() * rate >= due_count as f64 {
                self.late.push_back(begun + Duration::from_secs_f64(due_count as f64 / rate));
                due_count += 1;
            }
            while let (false, Some(number)) = (self.late.is_empty(), self.idle.last().copied()) {
                let (Some(due), Some(request)) = (self.late.pop_front(), requests.next()) else { break };
                self.idle.pop();
                self.send(number, due, request)?;
            }
            events.clear();
            let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), Some(&at_once))?;
            for event in &events {
                answered += usize::from(self.receive(event.data.u64() as usize)?);
            }
        }
        self.unanswered = (count - answered) as u64;
        Ok(())
    }

    fn send(&mut self, number: usize, due: Instant, request: &[u8]) -> Result<(), Failed> {
        let connection = self.connections.get_mut(number).ok_or("no such connection")?;
        connection.due = due;
        // A request is smaller than any socket's buffer, and the connection is idle.
        connection.stream.write_all(request)?;
        Ok(())
    }

    /// Takes what has come; true when an answer is complete.
    fn receive(&mut self, number: usize) -> Result<bool, Failed> {
        let connection = self.connections.get_mut(number).ok_or("no such connection")?;
        let mut buffer = [0; 4096];
        match connection.stream.read(&mut buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(len) => connection.received.extend(buffer.iter().take(len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if !complete(&connection.received)? {
            return Ok(false);
        }
        self.latencies.push(connection.due.elapsed());
        self.errors += u64::from(!connection.received.starts_with(b"HTTP/1.1 200 "));
        connection.received.clear();
        self.idle.push(number);
        Ok(true)
    }
}

/// Whether an answer with a content-length is there whole.
fn complete(received: &[u8]) -> Result<bool, Failed> {
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let text = std::str::from_utf8(received.get(..head).unwrap_or_default())?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.ok_or("an answer without content-length")?.trim().parse()?;
    Ok(received.len() >= head + 4 + length)
}
