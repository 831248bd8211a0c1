//! Reading settings and answers, and asking a server.

use super::*;
use proptest::prelude::*;

const CLUSTER: &str = "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n\
                       nameserver fd00::a\noptions ndots:5 timeout:9 edns0\n";

#[test]
fn settings_of_a_cluster_are_read() {
    let settings = Settings::read(CLUSTER);
    assert_eq!(settings.servers, ["10.96.0.10:53", "[fd00::a]:53"].map(|s| s.parse().unwrap()));
    assert_eq!((settings.dots, settings.attempts, settings.patience), (5, 2, Duration::from_secs(5)));
    assert_eq!(
        settings.candidates("strongroom.vault"),
        [
            "strongroom.vault.default.svc.cluster.local",
            "strongroom.vault.svc.cluster.local",
            "strongroom.vault.cluster.local",
            "strongroom.vault",
        ]
    );
    assert_eq!(settings.candidates("a.b.c.d.e.f")[0], "a.b.c.d.e.f");
    assert_eq!(settings.candidates("vault.example."), ["vault.example"]);
    assert_eq!(Settings::read("").servers, ["127.0.0.1:53".parse().unwrap()]);
}

#[test]
fn the_hosts_file_is_read() {
    let hosts = "# comment\n::1 localhost ip6\n127.0.0.1\tlocalhost # vault\n10.0.0.1 Vault.Example v\n";
    assert_eq!(
        settings::listed(hosts, "localhost"),
        ["127.0.0.1", "::1"].map(|a| a.parse::<IpAddr>().unwrap())
    );
    assert_eq!(settings::listed(hosts, "vault.example"), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    assert!(settings::listed(hosts, "vault").is_empty());
}

/// Answers with a chain of names and then this address.
fn reply(query: &[u8], status: u8, address: &[u8]) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[2..4].copy_from_slice(&[0x81, 0x80 | status]);
    if !address.is_empty() {
        bytes[7] = 2;
        bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'x', 0xc0, 12]);
        let kind = if address.len() == 4 { 1 } else { 28 };
        bytes.extend([1, b'x', 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, u8::try_from(address.len()).unwrap()]);
        bytes.extend(address);
    }
    bytes
}

#[test]
fn answers_are_told_from_anything_else() {
    let query = Query::new(7, "vault.example", Record::A).unwrap();
    let good = reply(query.bytes(), 0, &[10, 0, 0, 1]);
    assert_eq!(query.answer(&good), Some(Answer::Addresses(vec!["10.0.0.1".parse().unwrap()])));
    assert_eq!(query.answer(&reply(query.bytes(), 3, &[])), Some(Answer::Addresses(Vec::new())));
    assert!(matches!(query.answer(&reply(query.bytes(), 2, &[])), Some(Answer::Failed(_))));
    assert_eq!(query.answer(query.bytes()), None);
    for other in [(8, "vault.example"), (7, "vault.other"), (7, "v")] {
        assert_eq!(Query::new(other.0, other.1, Record::A).unwrap().answer(&good), None);
    }
    assert_eq!(Query::new(7, "vault.example", Record::Aaaa).unwrap().answer(&good), None);
    for name in ["", "a..b", ".", &"x".repeat(64), &"x.".repeat(127)] {
        assert!(Query::new(7, name, Record::A).is_none(), "{name}");
    }
}

proptest! {
    #[test]
    fn no_answer_is_too_broken(head in prop::collection::vec(any::<u8>(), 0..64), cut in 0_usize..80, flip in any::<u8>()) {
        let query = Query::new(7, "vault.example", Record::A).unwrap();
        let mut bytes = reply(query.bytes(), 0, &[10, 0, 0, 1]);
        let _ = query.answer(&head);
        let at = cut.min(bytes.len() - 1);
        bytes[at] ^= flip;
        let _ = query.answer(&bytes);
        bytes.truncate(cut);
        let _ = query.answer(&bytes);
    }
}

/// A server that knows one name, and fails the first question.
async fn server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let mut count = 0;
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let query = &buffer[..length];
            count += 1;
            let known = query[12..].starts_with(b"\x05vault\x03svc\0");
            let answer = match (known, query[length - 3]) {
                _ if count == 1 => reply(query, 2, &[]),
                (true, 1) => reply(query, 0, &[127, 0, 0, 9]),
                (true, _) => reply(query, 0, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
                _ => reply(query, 3, &[]),
            };
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

#[tokio::test(flavor = "current_thread")]
async fn names_are_completed_and_failures_repeated() {
    let mut settings = Settings::read("search none svc\noptions ndots:2\n");
    settings.servers = vec![server().await];
    let found = look_up(&settings, "vault").await.unwrap();
    assert_eq!(found, ["127.0.0.9", "::1"].map(|a| a.parse::<IpAddr>().unwrap()));
    let error = look_up(&settings, "other").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no host \"other\"");
}
