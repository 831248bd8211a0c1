//! Sockets: in use, unix, stale.

use crate::echo::{Echo, ask};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use strongroom_http::{Bind, BindError, Settings, bind, serve};
use tokio::net::UnixStream;

fn unix(path: &std::path::Path, mode: Option<u32>) -> Settings {
    Settings::new(Bind::Unix { path: path.to_owned(), mode, user: None, group: None })
}

#[tokio::test]
async fn a_taken_port_and_a_bad_address_are_told() {
    let first = bind(Settings::new(Bind::Tcp("127.0.0.1:0".into()))).await.unwrap();
    let again = bind(Settings::new(Bind::Tcp(first.address().to_owned()))).await;
    assert!(matches!(again, Err(BindError::InUse(_))), "{again:?}");
    for bad in ["127.0.0.1", "127.0.0.1:99999", ":x", "no such host:1"] {
        let error = bind(Settings::new(Bind::Tcp(bad.into()))).await.unwrap_err().to_string();
        assert!(error.contains("an address looks like 127.0.0.1:8200"), "{error}");
    }
    let all = bind(Settings::new(Bind::Tcp(":0".into()))).await.unwrap();
    assert!(!all.address().ends_with(":0"));
}

#[tokio::test]
async fn a_unix_socket_is_private_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    // What a server that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let bound = bind(unix(&path, None)).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(bind(unix(&path, None)).await, Err(BindError::InUse(_))));
    let running = serve(Arc::new(Echo::default()), vec![bound]);
    let reply = ask(UnixStream::connect(&path).await.unwrap(), "GET /v1/a", "", b"").await;
    assert_eq!(reply.json()["address"], "127.0.0.1");
    running.stop(Duration::from_secs(1)).await;
    assert!(!path.exists());
    let bound = bind(unix(&path, Some(0o666))).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
    drop(bound);
}

#[tokio::test]
async fn a_file_that_is_no_socket_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    assert!(bind(unix(&path, None)).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
    let nobody = Bind::Unix {
        path: folder.path().join("s"),
        mode: None,
        user: Some("no such user".into()),
        group: None,
    };
    assert!(matches!(bind(Settings::new(nobody)).await, Err(BindError::Owner(_))));
}
