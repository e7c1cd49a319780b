//! Figures, facts and the service manager.

use std::{
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    time::{Duration, Instant},
};

use orbitr_host::{
    exec::Command,
    facts,
    figures::{self, Sampler},
    listen::Sockets,
    notify,
};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_figures_are_those_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let sampler = Sampler::new(dir.path().to_owned());
    let figures = sampler.sample().await.unwrap();
    assert!((0.0..=100.0).contains(&figures.cpu));
    assert_eq!(figures.cores, std::thread::available_parallelism().unwrap().get());
    for used in [figures.memory, figures.disk] {
        assert!(used.total > 0 && used.available <= used.total && used.used() > 0, "{figures:?}");
    }
    assert!(figures.uptime > 0);
    // who looks at the same moment gets the same look
    let began = Instant::now();
    assert_eq!(sampler.clone().sample().await.unwrap(), figures);
    assert!(began.elapsed() < Duration::from_millis(100));
    assert!(figures::disk(&dir.path().join("missing")).is_err());
}

#[tokio::test]
async fn the_disk_is_counted_as_df_does() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--block-size=1", "--output=size,used,avail"];
    let df = Command::new("df").args(args).arg(dir.path()).run(&CancellationToken::new()).await.unwrap();
    let text = df.stdout_text().into_owned();
    let numbers: Vec<u64> = text.lines().nth(1).unwrap().split_whitespace().map(|n| n.parse().unwrap()).collect();
    let disk = figures::disk(dir.path()).unwrap();
    let near = |a: u64, b: u64| a.abs_diff(b) < 256 * 1024 * 1024;
    assert!(near(disk.used(), numbers[1]) && near(disk.available, numbers[2]), "{disk:?} {numbers:?}");
}

#[test]
fn the_facts_are_those_of_this_machine() {
    assert!(!facts::hostname().is_empty());
    assert!(!facts::kernel().is_empty());
    assert!(!facts::os_release().id.is_empty());
    let addresses = facts::addresses().unwrap();
    let loopback = addresses.iter().find(|one| one.address.is_loopback()).unwrap();
    assert!(loopback.internal);
    assert_eq!(loopback.prefix, if loopback.address.is_ipv4() { 8 } else { 128 });
    assert!(facts::reachable_addresses().unwrap().iter().all(|address| !address.is_loopback()));
}

/// Runs this test program again with an environment of its own, for one of the `child_…` tests below.
async fn again(test: &str, env: &[(&str, &str)]) -> String {
    let program = std::env::current_exe().unwrap();
    let command = Command::new(program).args(["--exact", test, "--ignored", "--nocapture"]);
    let command = env.iter().fold(command, |command, (name, value)| command.env(name, value));
    let output = command.run(&CancellationToken::new()).await.unwrap().success().unwrap();
    output.stdout_text().into_owned()
}

#[tokio::test]
async fn the_service_manager_hears_what_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "20000000")];
    again("machine::child_tells", &env).await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        let mut buffer = [0; 500];
        let length = socket.recv(&mut buffer).unwrap();
        heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap().trim_end().to_owned());
    }
    assert_eq!(heard, ["READY=1", "STATUS=two lines READY=0", "WATCHDOG=1", "STOPPING=1"]);
}

#[test]
#[ignore = "run by the_service_manager_hears_what_it_should"]
fn child_tells() {
    notify::ready();
    notify::status("two lines\nREADY=0");
    assert_eq!(notify::watchdog_interval(), Some(Duration::from_secs(10)));
    notify::alive();
    notify::stopping();
}

#[test]
fn without_a_service_manager_nothing_happens() {
    notify::ready();
    assert_eq!(notify::watchdog_interval(), None);
    let mut sockets = Sockets::from_env();
    assert!(sockets.names().is_empty());
    assert!(sockets.tcp("http").unwrap().is_empty() && sockets.unix("api").unwrap().is_empty());
}

#[tokio::test]
async fn sockets_are_found_by_their_names() {
    // What the service manager does: sockets from descriptor 3 on, and who they are for.
    let script = "import os,socket,sys\n\
        a=socket.create_server(('127.0.0.1',0)); b=socket.create_server(('127.0.0.1',0))\n\
        c=socket.socket(socket.AF_UNIX); c.bind(sys.argv[2]); c.listen()\n\
        fds=[os.dup2(s.fileno(),40+i) for i,s in enumerate((a,b,c))]\n\
        [os.dup2(fd,3+i,True) for i,fd in enumerate(fds)]\n\
        os.environ.update(LISTEN_FDS='3',LISTEN_FDNAMES='http:http:api',LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[1],[sys.argv[1],'--exact','machine::child_listens','--ignored'])";
    let dir = tempfile::tempdir().unwrap();
    let command = Command::new("python3").args(["-c", script]);
    let command = command.arg(std::env::current_exe().unwrap()).arg(dir.path().join("socket"));
    command.run(&CancellationToken::new()).await.unwrap().success().unwrap();
}

#[test]
#[ignore = "run by sockets_are_found_by_their_names"]
fn child_listens() {
    let mut sockets = Sockets::from_env();
    assert_eq!(sockets.names(), ["http", "http", "api"]);
    let http = sockets.tcp("http").unwrap();
    assert_eq!(http.len(), 2);
    assert!(http[0].local_addr().unwrap().ip().is_loopback());
    assert_eq!(sockets.unix("api").unwrap().len(), 1);
    assert!(sockets.unix("api").unwrap().is_empty(), "each is handed out once");
    assert!(sockets.tcp("https").unwrap().is_empty());
}
