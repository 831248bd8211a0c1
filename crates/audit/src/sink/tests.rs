use super::push::{Nature, Target};
use super::stream::{Medium, StreamSink};
use super::*;
use crate::sink::file::FileMedium;
use std::cell::RefCell;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

const SHORT: Duration = Duration::from_millis(50);

fn write(sink: &mut dyn Sink, lines: &[String]) -> Progress {
    let bytes = lines.concat().into_bytes();
    let mut end = 0;
    let ends: Vec<usize> = lines
        .iter()
        .map(|line| {
            end += line.len();
            end
        })
        .collect();
    sink.write(Lines { bytes: &bytes, ends: &ends }, SHORT)
}

fn written(sink: &mut dyn Sink, line: &str) {
    let progress = write(sink, &[line.to_owned()]);
    assert!(progress.error.is_none() && progress.lines == 1, "{progress:?}");
}

fn file_sink(path: &Path, mode: Option<u32>) -> Box<dyn Sink> {
    build(&SinkSpec::File { path: path.to_owned(), mode })
}

/// Hands out prepared connections, then refuses.
struct Prepared(RefCell<Vec<UnixStream>>);

impl Medium for Prepared {
    fn open(&self) -> io::Result<(Target, Vec<u8>)> {
        let stream = self.0.borrow_mut().pop().ok_or(io::ErrorKind::ConnectionRefused)?;
        stream.set_nonblocking(true)?;
        Ok((Target { fd: stream.into(), nature: Nature::NonBlocking, identity: None }, Vec::new()))
    }
}

fn numbered(from: usize, count: usize, width: usize) -> Vec<String> {
    (from..from + count).map(|n| format!("{n:0width$}\n")).collect()
}

#[test]
fn a_torn_line_is_finished_before_the_next() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut sink = StreamSink::new(Prepared(RefCell::new(vec![ours])));
    let start = Instant::now();
    let first = write(&mut sink, &numbered(0, 100, 9_999));
    assert_eq!(first.error.unwrap().kind(), io::ErrorKind::TimedOut);
    assert!(start.elapsed() >= SHORT && first.lines < 100);
    let blocked = write(&mut sink, &numbered(500, 1, 9_999));
    assert_eq!((blocked.lines, blocked.error.unwrap().kind()), (0, io::ErrorKind::TimedOut));

    theirs.set_nonblocking(true).unwrap();
    let mut read = Vec::new();
    let _ = theirs.read_to_end(&mut read);
    let after = write(&mut sink, &numbered(900, 3, 9_999));
    assert!(after.error.is_none() && after.lines == 3);
    let _ = theirs.read_to_end(&mut read);
    drop(sink);
    let _ = theirs.read_to_end(&mut read);

    let text = String::from_utf8(read).unwrap();
    let numbers: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert!(text.lines().all(|line| line.len() == 9_999));
    // The torn line comes whole although it counted as failed; what came after it was given up.
    assert_eq!(numbers[..first.lines], (0..first.lines).collect::<Vec<_>>());
    let (rest, torn) = (&numbers[first.lines..], first.lines);
    assert!(rest == [torn, 900, 901, 902] || rest == [900, 901, 902], "{rest:?}");
}

/// A pipe that others share, as standard output is.
struct Shared(RefCell<Option<io::PipeWriter>>);

impl Medium for Shared {
    fn open(&self) -> io::Result<(Target, Vec<u8>)> {
        let pipe = self.0.take().ok_or(io::ErrorKind::NotConnected)?;
        Ok((Target { fd: pipe.into(), nature: Nature::Blocking, identity: None }, Vec::new()))
    }
}

#[test]
fn a_shared_pipe_never_blocks_the_writer() {
    let (mut reader, writer) = io::pipe().unwrap();
    let mut sink = StreamSink::new(Shared(RefCell::new(Some(writer))));
    let progress = write(&mut sink, &numbered(0, 50, 9_999));
    assert_eq!(progress.error.unwrap().kind(), io::ErrorKind::TimedOut);
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    std::thread::sleep(SHORT);
    written(&mut sink, "after\n");
    drop(sink);
    let text = reading.join().unwrap();
    assert_eq!(text.lines().filter(|line| line.len() == 9_999).count(), progress.lines + 1);
    assert!(text.ends_with("\nafter\n"));
}

#[test]
fn a_lost_connection_gets_one_fresh_start() {
    let (first, peer) = UnixStream::pair().unwrap();
    let (second, mut next_peer) = UnixStream::pair().unwrap();
    let mut sink = StreamSink::new(Prepared(RefCell::new(vec![second, first])));
    written(&mut sink, "one\n");
    drop(peer);
    written(&mut sink, "two\n");
    let mut read = [0; 4];
    next_peer.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"two\n");
    drop(next_peer);
    assert_eq!(write(&mut sink, &["three\n".to_owned()]).lines, 0);
}

#[test]
fn a_full_disk_fails_and_says_so() {
    let mut sink = file_sink(Path::new("/dev/full"), Some(0o600));
    sink.open().unwrap();
    let progress = write(sink.as_mut(), &["line\n".to_owned()]);
    assert_eq!((progress.lines, progress.error.unwrap().kind()), (0, io::ErrorKind::StorageFull));
}

#[test]
fn files_are_private_appended_to_and_end_torn_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/audit.log");
    let mut sink = file_sink(&path, Some(0o640));
    sink.open().unwrap();
    written(sink.as_mut(), "one\n");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o640, 0o700));
    std::fs::write(&path, "one\n{\"torn").unwrap();
    let mut next = file_sink(&path, None);
    written(next.as_mut(), "two\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n{\"torn\ntwo\n");
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn refuses_folders_programs_and_unread_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| file_sink(path, Some(0o600)).open().unwrap_err();
    assert!(refusal(folder.path()).to_string().contains("names a directory"));
    let program = folder.path().join("plugin");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(refusal(&program).to_string().contains("executable"));
    assert_eq!(std::fs::read(&program).unwrap(), b"#!/bin/sh\n");
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU - rustix::fs::Mode::XUSR).unwrap();
    let start = Instant::now();
    refusal(&pipe);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_pipe_that_nobody_reads_times_out_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let both_ends = || std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let mut reader = both_ends();
    let mut sink = StreamSink::new(FileMedium::new(pipe.clone(), Some(0o600)));
    let progress = write(&mut sink, &numbered(0, 40, 4_999));
    assert_eq!(progress.error.unwrap().kind(), io::ErrorKind::TimedOut);
    assert!(progress.lines > 0 && progress.lines < 40);
    let mut read = vec![0; 60_000];
    reader.read_exact(&mut read).unwrap();
    written(&mut sink, "after\n");
    let start = read.len();
    read.resize(start + (progress.lines + 1) * 5_000 + 6 - start, 0);
    reader.read_exact(&mut read[start..]).unwrap();
    let text = String::from_utf8(read).unwrap();
    assert!(text.lines().all(|line| line.len() == 4_999 || line == "after"));
    assert!(text.ends_with("\nafter\n"));
}

#[test]
fn reopening_follows_a_rename() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let mut sink = file_sink(&path, Some(0o600));
    written(sink.as_mut(), "one\n");
    std::fs::rename(&path, &old).unwrap();
    written(sink.as_mut(), "two\n");
    sink.reopen().unwrap();
    written(sink.as_mut(), "three\n");
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "one\ntwo\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    // A new target that cannot be opened leaves the old one in place.
    std::fs::rename(&path, folder.path().join("audit.log.2")).unwrap();
    std::fs::create_dir(&path).unwrap();
    sink.reopen().unwrap_err();
    written(sink.as_mut(), "four\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("audit.log.2")).unwrap(), "three\nfour\n");
}

#[test]
fn sockets_take_lines() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let spec = |kind, address| SinkSpec::Socket { kind, address, write_timeout: SHORT };
    let mut sink = build(&spec(SocketKind::Tcp, address));
    written(sink.as_mut(), "one\n");
    let (mut peer, _) = listener.accept().unwrap();
    written(sink.as_mut(), "two\n");
    drop(sink);
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\ntwo\n");

    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sink = build(&spec(SocketKind::Udp, receiver.local_addr().unwrap().to_string()));
    assert_eq!(write(sink.as_mut(), &["one\n".to_owned(), "two\n".to_owned()]).lines, 2);
    let mut datagram = [0; 16];
    for line in [b"one\n", b"two\n"] {
        let n = receiver.recv(&mut datagram).unwrap();
        assert_eq!(&datagram[..n], line);
    }
    let mut nobody = build(&spec(SocketKind::Unix, "/nonexistent/socket".to_owned()));
    assert_eq!(nobody.open().unwrap_err().kind(), io::ErrorKind::NotFound);
}
