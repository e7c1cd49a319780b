//! What the engine and the Compose plugin mean by what they say. They have no error codes, so their words
//! are recognised, over all versions that we meet; what is not recognised is passed on as it is.

use crate::Error;

/// The error that these words stand for, if they are known.
pub(crate) fn recognise(answer: &str) -> Option<Error> {
    let text = answer.trim();
    let lower = text.to_lowercase();
    let has = |words: &str| lower.contains(words);
    if has("port is already allocated") || has("address already in use") {
        return port(text).map(|port| Error::PortTaken { port });
    }
    if has("no space left on device") || has("disk quota exceeded") {
        return Some(Error::NoSpace);
    }
    if has("cannot connect to the docker daemon") || has("error during connect") || has("is the docker daemon running")
    {
        return Some(Error::DaemonDown { reason: first_useful_line(text) });
    }
    if has("address pool") && (has("non-overlapping") || has("fully subnetted")) {
        return Some(Error::NoNetworkRange);
    }
    if let Some(name) = taken_name(text) {
        return Some(Error::NameTaken { name });
    }
    if let Some(image) = after(text, "No such image: ") {
        return Some(Error::ImageMissing { image });
    }
    None
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
    let spots =
        ["Bind for ", "listen tcp4 ", "listen tcp6 ", "listen tcp ", "listen udp ", "host port for ", "host port "];
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
