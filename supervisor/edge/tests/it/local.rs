//! The Unix socket, and the opening of sockets.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
};

use axum::{Extension, Router, routing::get};
use orbitr_edge::{Error, FrontDoor, Limits, Site, bind_tcp, bind_unix};
use orbitr_model::Problem;
use tempfile::TempDir;

#[derive(Clone, Copy)]
struct Uid(u32);

fn serve(path: &Path) -> FrontDoor {
    let app = Router::new().route("/", get(|Extension(uid): Extension<Uid>| async move { uid.0.to_string() }));
    let door = FrontDoor::new(Limits::default());
    door.unix(bind_unix(path).unwrap(), Site::new(app), |credentials, extensions| {
        extensions.insert(Uid(credentials.uid()));
    })
    .unwrap();
    door
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_process_is_known_by_its_user() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("control.sock");
    let door = serve(&path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let client = reqwest::Client::builder().unix_socket(path.clone()).build().unwrap();
    let uid = client.get("http://box/").send().await.unwrap().text().await.unwrap();
    assert_eq!(uid, fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m)).unwrap().to_string());
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    let _door = serve(&path);
    let Err(Error::Socket { source, .. }) = bind_unix(&path) else { panic!("taken over") };
    assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("notes");
    fs::write(&path, "mine").unwrap();
    assert!(bind_unix(&path).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_taken_port_is_said_in_plain_words() {
    let first = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = bind_tcp(first.local_addr().unwrap()).unwrap_err();
    let problem = Problem::from(error);
    assert_eq!((problem.status, problem.code.as_str()), (409, "port-in-use"));
    assert!(problem.title.contains("is used by another program"));
}

#[test]
fn the_unspecified_address_takes_both_families() {
    let listener = bind_tcp("[::]:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
}
