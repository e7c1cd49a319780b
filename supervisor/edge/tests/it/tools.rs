//! The chain in the eyes of other people's programs: OpenSSL and curl, where they are installed.
#![allow(clippy::disallowed_methods, reason = "the tools are other people's programs, run once and waited for")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use orbitr_edge::Certificates;

use crate::support::TestDoor;

/// The tool's output, or `None` where it is not installed.
async fn run(program: &str, args: &[&str]) -> Option<Output> {
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).env_remove("SSL_CERT_FILE").env_remove("CURL_CA_BUNDLE");
    match command.output().await {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

fn ca_file(dir: &Path, certificates: &Certificates) -> PathBuf {
    let path = dir.join("downloaded.pem");
    std::fs::write(&path, certificates.ca_pem()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_accepts_the_chain_for_names_and_addresses_and_for_no_others() {
    let box_ = TestDoor::open();
    let ca = ca_file(box_.dir.path(), &box_.certificates);
    let connect = box_.https.to_string();
    for (option, name, accepted) in [
        ("-verify_hostname", "localhost", true),
        ("-verify_hostname", "atlas", true),
        ("-verify_hostname", "atlas.local", true),
        ("-verify_hostname", "atlas.internal", true),
        ("-verify_ip", "127.0.0.1", true),
        ("-verify_ip", "::1", true),
        ("-verify_ip", "192.168.1.20", true),
        ("-verify_hostname", "example.org", false),
        ("-verify_ip", "192.168.1.21", false),
    ] {
        let args = ["s_client", "-connect", &connect, "-CAfile", ca.to_str().unwrap(), "-no-CApath", "-no-CAstore"];
        let args: Vec<&str> = args.into_iter().chain(["-x509_strict", "-verify_return_error", option, name]).collect();
        let Some(output) = run("openssl", &args).await else { return };
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.contains("Verify return code: 0 (ok)"), accepted, "{name}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_fingerprint_is_the_one_that_openssl_prints() {
    let box_ = TestDoor::open();
    let ca = ca_file(box_.dir.path(), &box_.certificates);
    let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in", ca.to_str().unwrap()];
    let Some(output) = run("openssl", &args).await else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.trim().split_once('=').unwrap().1, box_.certificates.ca_fingerprint().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_is_worth_nothing_for_other_names() {
    let box_ = TestDoor::open();
    let tls = box_.dir.path().join("tls");
    let file = |name: &str| box_.dir.path().join(name).to_str().unwrap().to_owned();
    let openssl = |args: &[&str]| Command::new("openssl").args(args).stdin(Stdio::null()).output();
    let key = file("forged.key");
    if openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key]).is_err() {
        return;
    }
    let (ca, ca_key) = (tls.join("ca.pem"), tls.join("ca.key"));
    let (ca, ca_key) = (ca.to_str().unwrap(), ca_key.to_str().unwrap());
    for (name, accepted) in [
        ("DNS:atlas.local", true),
        ("DNS:atlas", true),
        ("IP:10.1.2.3", true),
        ("DNS:bank.example", false),
        ("DNS:mail.atlas", false),
        ("IP:203.0.113.9", false),
        ("IP:2001:db8::1", false),
    ] {
        let (request, config, leaf) = (file("forged.csr"), file("forged.cnf"), file("forged.pem"));
        std::fs::write(&config, format!("subjectAltName={name}\nextendedKeyUsage=serverAuth\n")).unwrap();
        openssl(&["req", "-new", "-key", &key, "-subj", "/CN=forged", "-out", &request]).unwrap();
        let sign = ["x509", "-req", "-in", &request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30"];
        let sign: Vec<&str> = sign.into_iter().chain(["-extfile", &config, "-out", &leaf]).collect();
        assert!(openssl(&sign).unwrap().status.success());
        let verified = openssl(&["verify", "-purpose", "sslserver", "-CAfile", ca, &leaf]).unwrap();
        assert_eq!(verified.status.success(), accepted, "{name}: {}", String::from_utf8_lossy(&verified.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_follows_the_redirect_and_trusts_the_authority() {
    let box_ = TestDoor::open();
    let ca = ca_file(box_.dir.path(), &box_.certificates);
    let url = format!("http://localhost:{}/version", box_.http.port());
    let args = [
        "-sS",
        "--noproxy",
        "*",
        "--cacert",
        ca.to_str().unwrap(),
        "-L",
        "-w",
        " %{http_version} %{num_redirects}",
        &url,
    ];
    let Some(output) = run("curl", &args).await else { return };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "HTTP/2.0 2 1", "{output:?}");
}
