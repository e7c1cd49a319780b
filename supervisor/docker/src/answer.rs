//! What the engine and the Compose plugin mean by what they say. They have no error codes, so their words
//! are recognised, over all versions that we meet; what is not recognised is passed on as it is.

use crate::Error;

/// The error that these words stand for, if they are known.
pub(crate) fn recognise(answer: &str) -> Option<Error> {
    let text = answer.trim();
    let lower = text.to_lowercase();
    let has = |words: &str| lower.contains(words);
    let by_docker = has("port is already allocated");
    if by_docker || has("address already in use") {
        return port(text).map(|port| Error::PortTaken { port, by_docker });
    }
    if has("no space left on device") || has("disk quota exceeded") {
        return Some(Error::NoSpace);
    }
    if is_store_damage(&lower) {
        return Some(Error::StoreDamaged { detail: first_useful_line(text) });
    }
    if has("cannot connect to the docker daemon") || has("error during connect") || has("is the docker daemon running")
    {
        return Some(Error::DaemonDown { reason: first_useful_line(text) });
    }
    if has("address pool") && (has("non-overlapping") || has("fully subnetted")) {
        return Some(Error::NoNetworkRange);
    }
    if has("is ambiguous") && has("matches found on name") {
        return Some(Error::NetworkDoubled { name: after(text, "network ").unwrap_or_default() });
    }
    if (has("task ") && has(": already exists")) || has("container with given id already exists") {
        return Some(Error::RemnantLeft);
    }
    if let Some(name) = taken_name(text) {
        return Some(Error::NameTaken { name });
    }
    if let Some(image) = after(text, "No such image: ") {
        return Some(Error::ImageMissing { image });
    }
    None
}

/// Whether a layer of an image is not what it should be: its files are gone from overlay2, or containerd misses content.
/// The same words with another reason, such as a kernel without overlay file systems, are no damage of the store.
fn is_store_damage(lower: &str) -> bool {
    let has = |words: &str| lower.contains(words);
    let gone = has("no such file or directory");
    (gone && (has("error creating overlay mount") || has("failed to mount overlay") || has("/overlay2/")))
        || has("layer does not exist")
        || has("filesystem layer verification failed")
        || has("unexpected commit digest")
        || (has("content digest sha256:") && has("not found"))
        || (has("parent snapshot sha256:") && has("does not exist"))
}

/// The error that these words stand for when they are the answer to a pull of `image`.
pub(crate) fn recognise_pull(image: &str, answer: &str) -> Option<Error> {
    let lower = answer.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let image = image.to_owned();
    if has(&["toomanyrequests", "too many requests", "rate limit"]) {
        return Some(Error::TooManyPulls { image });
    }
    if has(&["no matching manifest", "does not match the specified platform", "no match for platform"]) {
        return Some(Error::WrongPlatform { image });
    }
    if has(&["manifest unknown", "not found: manifest", "name unknown"]) || lower.trim_end().ends_with(": not found") {
        return Some(Error::ImageNotFound { image });
    }
    if has(&[
        "access denied",
        "unauthorized",
        "denied:",
        "authentication required",
        "authorization failed",
        "no basic auth",
    ]) {
        return Some(Error::PullDenied { image });
    }
    if let known @ Some(Error::NoSpace | Error::DaemonDown { .. }) = recognise(answer) {
        return known;
    }
    let network = [
        "dial tcp",
        "no such host",
        "connection refused",
        "connection reset",
        "network is unreachable",
        "no route to host",
        "i/o timeout",
        "tls handshake",
        "x509:",
        "client.timeout exceeded",
        "request canceled",
        "deadline exceeded",
        "server gave http response to https client",
        "unexpected eof",
        "server misbehaving",
        "temporary failure in name resolution",
        "received unexpected http status",
    ];
    has(&network).then(|| Error::RegistryUnreachable { image, detail: first_useful_line(answer) })
}

/// The line that says why, for a person: the engine's own words before the plugin's, without the prefixes
/// that name the speaker; at most 300 characters.
pub(crate) fn first_useful_line(answer: &str) -> String {
    let lines = || answer.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("level=warning"));
    let said_by_engine = lines().find(|line| line.contains("Error response from daemon:"));
    let error = said_by_engine.or_else(|| lines().find(|line| line.to_lowercase().starts_with("error")));
    let line = error.or_else(|| lines().next_back()).unwrap_or("no reason was given");
    let line = line.split_once("Error response from daemon:").map_or(line, |(_, said)| said.trim());
    let line = line.strip_prefix("Error:").map_or(line, str::trim);
    let plain: String = line.chars().filter(|c| !c.is_control()).take(301).collect();
    match plain.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
        None => plain,
    }
}

/// The port of the machine in the engine's words about one that is taken:
/// `Bind for 0.0.0.0:8080 failed: …`, `listen tcp4 0.0.0.0:8080: bind: …`,
/// `failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: …`, `… host port 0.0.0.0:8080/tcp: …`,
/// each also with `[::]`.
fn port(text: &str) -> Option<u16> {
    let spots = [
        "Bind for ",
        "listen tcp4 ",
        "listen tcp6 ",
        "listen tcp ",
        "listen udp4 ",
        "listen udp6 ",
        "listen udp ",
        "host port for ",
        "host port ",
    ];
    spots.iter().find_map(|spot| {
        let (_, rest) = text.split_once(spot)?;
        let rest = match rest.strip_prefix('[') {
            Some(v6) => v6.split_once(']')?.1,
            None => rest.get(rest.find(':')?..)?,
        };
        let digits: String = rest.strip_prefix(':')?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().filter(|port| *port != 0)
    })
}

/// `The container name "/web" is already in use by container …`, `network with name web already exists`.
fn taken_name(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("container name \"")
        && rest.contains("already in use")
    {
        return rest.split_once('"').map(|(name, _)| name.trim_start_matches('/').to_owned());
    }
    let (_, rest) = text.split_once("network with name ")?;
    rest.split_once(" already exists").map(|(name, _)| name.to_owned())
}

/// The word that follows.
fn after(text: &str, words: &str) -> Option<String> {
    let (_, rest) = text.split_once(words)?;
    let word = rest.split_whitespace().next()?;
    Some(word.trim_matches(|c| c == '"' || c == '\'' || c == ',').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "ghcr.io/some/thing:1";

    #[test]
    fn two_networks_of_one_name_are_told_apart_from_a_name_that_is_taken() {
        let said = "network orbitr-web_default is ambiguous (2 matches found on name)";
        assert_eq!(recognise(said), Some(Error::NetworkDoubled { name: "orbitr-web_default".to_owned() }));
    }

    #[test]
    fn a_taken_port_is_found_in_the_words_of_every_engine() {
        // 20.10 and 26.1, with and without its proxy; 28; IPv6; UDP
        for said in [
            "Error response from daemon: driver failed programming external connectivity on endpoint web (a8a1): \
             Bind for 0.0.0.0:8080 failed: port is already allocated",
            "driver failed programming external connectivity on endpoint web (a59a): Error starting userland proxy: \
             listen tcp4 0.0.0.0:8080: bind: address already in use",
            "failed to set up container networking: driver failed programming external connectivity on endpoint web \
             (0b2c): failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use",
            "failed to bind host port 0.0.0.0:8080/tcp: address already in use",
            "listen tcp6 [::]:8080: bind: address already in use",
            "failed to bind host port for [::]:8080:[fd00::2]:80/tcp: address already in use",
            "listen udp4 10.0.0.7:8080: bind: address already in use",
        ] {
            let by_docker = said.contains("allocated");
            assert_eq!(recognise(said), Some(Error::PortTaken { port: 8080, by_docker }), "{said}");
        }
        assert_eq!(recognise("something else: address already in use"), None);
    }

    #[test]
    fn other_failures_are_found_in_what_the_engine_says() {
        let known = |said| recognise(said).map(|error| error.to_string());
        insta::assert_debug_snapshot!([
            "Error response from daemon: No such image: nothere/x:1",
            "Error response from daemon: Conflict. The container name \"/web\" is already in use by container \"0a1b\". \
             You have to remove (or rename) that container to be able to reuse that name.",
            "network with name notes_default already exists",
            "failed to register layer: write /data/x: no space left on device",
            "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?",
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
            "all predefined address pools have been fully subnetted",
            "",
        ]
        .map(known), @r#"
        [
            Some(
                "the image nothere/x:1 is not on this machine",
            ),
            Some(
                "the name web is already taken in Docker",
            ),
            Some(
                "the name notes_default is already taken in Docker",
            ),
            Some(
                "the disk is full",
            ),
            Some(
                "Docker does not answer",
            ),
            Some(
                "Docker has no free address range for another network",
            ),
            Some(
                "Docker has no free address range for another network",
            ),
            None,
        ]
        "#);
    }

    #[test]
    fn what_a_killed_engine_left_of_a_container_is_told_from_a_name_that_is_taken() {
        // 20.10; 26.1 and later; runc itself
        for said in [
            "Error response from daemon: task 156ea330: already exists",
            "failed to create task for container: AlreadyExists: task 156ea330: already exists: unknown",
            "OCI runtime create failed: container with given ID already exists: unknown",
        ] {
            assert_eq!(recognise(said), Some(Error::RemnantLeft), "{said}");
        }
    }

    #[test]
    fn a_damaged_layer_is_told_from_what_sounds_like_it() {
        // 20.10 with the files of a layer gone, with all of it gone; containerd's store
        for said in [
            "Error response from daemon: error creating overlay mount to /var/lib/docker/overlay2/963050-init/merged: no \
             such file or directory",
            "Error response from daemon: open /var/lib/docker/overlay2/43f3d6/committed: no such file or directory",
            "failed to mount overlay: no such file or directory",
            "layer does not exist",
            "failed to extract layer: content digest sha256:468ef0: not found",
            "failed to prepare snapshot: parent snapshot sha256:468ef0 does not exist: not found",
        ] {
            assert!(matches!(recognise(said), Some(Error::StoreDamaged { .. })), "{said}");
        }
        for said in [
            "OCI runtime create failed: exec: \"httpd\": executable file not found in $PATH",
            "error creating overlay mount to /var/lib/docker/overlay2/1/merged: invalid argument",
            "invalid mount config for type \"bind\": bind source path does not exist: /srv/x",
        ] {
            assert_eq!(recognise(said), None, "{said}");
        }
    }

    #[test]
    fn a_failed_pull_says_whose_fault_it_is() {
        let missing = Error::ImageNotFound { image: IMAGE.to_owned() };
        let denied = Error::PullDenied { image: IMAGE.to_owned() };
        let busy = Error::TooManyPulls { image: IMAGE.to_owned() };
        let platform = Error::WrongPlatform { image: IMAGE.to_owned() };
        for (said, meant) in [
            ("manifest for ghcr.io/some/thing:1 not found: manifest unknown: manifest unknown", &missing),
            ("failed to resolve reference \"ghcr.io/some/thing:1\": ghcr.io/some/thing:1: not found", &missing),
            ("name unknown: repository name not known to registry", &missing),
            (
                "pull access denied for some/thing, repository does not exist or may require 'docker login': denied: \
              requested access to the resource is denied",
                &denied,
            ),
            ("unauthorized: authentication required", &denied),
            ("error from registry: denied\ndenied: permission_denied", &denied),
            ("toomanyrequests: You have reached your pull rate limit.", &busy),
            ("no matching manifest for linux/arm64/v8 in the manifest list entries", &platform),
            ("write /var/lib/docker/tmp/x: no space left on device", &Error::NoSpace),
        ] {
            assert_eq!(recognise_pull(IMAGE, said).as_ref(), Some(meant), "{said}");
        }
        for said in [
            "Get \"https://ghcr.io/v2/\": dial tcp: lookup ghcr.io on 10.0.0.1:53: no such host",
            "Get \"https://ghcr.io/v2/\": net/http: request canceled while waiting for connection (Client.Timeout \
             exceeded while awaiting headers)",
            "Get \"https://ghcr.io/v2/\": x509: certificate signed by unknown authority",
            "received unexpected HTTP status: 503 Service Unavailable",
        ] {
            assert!(matches!(recognise_pull(IMAGE, said), Some(Error::RegistryUnreachable { .. })), "{said}");
        }
        assert_eq!(recognise_pull(IMAGE, "something new"), None);
    }

    #[test]
    fn the_useful_line_is_the_engines() {
        let said = "time=\"x\" level=warning msg=\"version is obsolete\"\n Container web  Creating\n\
                    Error response from daemon: invalid mount config for type \"bind\"\n";
        assert_eq!(first_useful_line(said), "invalid mount config for type \"bind\"");
        assert_eq!(first_useful_line("one\n\ntwo\n"), "two");
        assert_eq!(first_useful_line(""), "no reason was given");
        assert_eq!(first_useful_line(&"x".repeat(1000)).chars().count(), 301);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_breaks_us(
            said in "(?s).{0,40}(Bind for |host port |listen tcp4 |No such image: |container name \"|network with name )?\
                     [\\[\\]:.0-9a-z\" ]{0,30}(port is already allocated|address already in use|already in use)?.{0,20}"
        ) {
            let _ = recognise(&said);
            let _ = recognise_pull(IMAGE, &said);
            proptest::prop_assert!(first_useful_line(&said).chars().count() <= 301);
        }
    }
}
