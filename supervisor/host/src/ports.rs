//! Which program listens on a port of this machine, as far as this process may see it (proc(5)).

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The state of a socket that listens, in `/proc/net/tcp`; of UDP, the one of a socket that is not connected.
const LISTENS: &str = "0A";
const UNCONNECTED: &str = "07";

/// The name of the program that holds a port, TCP or UDP; none where nobody does, or where only root may know. Walks
/// through all processes: ask it only where somebody waits for the answer.
#[must_use]
pub fn holder(port: u16) -> Option<String> {
    holder_within(Path::new("/proc"), port)
}

fn holder_within(proc: &Path, port: u16) -> Option<String> {
    let tables = [("tcp", LISTENS), ("tcp6", LISTENS), ("udp", UNCONNECTED), ("udp6", UNCONNECTED)];
    let mut sockets = Vec::new();
    for (name, state) in tables {
        let text = fs::read_to_string(proc.join("net").join(name)).unwrap_or_default();
        sockets.extend(inodes(&text, port, state).map(|inode| PathBuf::from(format!("socket:[{inode}]"))));
    }
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir(proc).ok()?.flatten();
    let of_a_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let holds = |folder: &Path| {
        let open = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        open.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|target| sockets.contains(&target))
    };
    let found = processes
        .filter(|entry| entry.file_name().to_str().is_some_and(of_a_process))
        .map(|entry| entry.path())
        .find(|folder| holds(folder))?;
    let name = fs::read_to_string(found.join("comm")).ok()?;
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    (!name.is_empty()).then_some(name)
}

/// The inodes of the sockets that hold the port: `sl local_address rem_address st … inode`.
fn inodes<'t>(table: &'t str, port: u16, state: &'t str) -> impl Iterator<Item = &'t str> {
    table.lines().skip(1).filter_map(move |line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, now, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let (_, digits) = local.rsplit_once(':')?;
        (u16::from_str_radix(digits, 16).ok()? == port && *now == state).then_some(*inode)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_program_that_listens_is_found_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(holder(port).as_deref(), Some(own.trim_end()));
        drop(listener);
        assert_eq!(holder(port), None);
    }

    #[test]
    fn what_is_no_table_holds_no_port() {
        for text in
            ["", "x", "sl\n0: 0100007F:ZZZZ 0 0A 0 0 0 0 0 1", "sl\n0: 1F90 0 0A", "sl\n0: 0:1F90 0 01 0 0 0 0 0 7"]
        {
            assert_eq!(inodes(text, 8080, LISTENS).count(), 0, "{text}");
        }
        assert_eq!(inodes("sl\n0: 00000000:1F90 0 0A 0 0 0 0 0 7 1", 8080, LISTENS).collect::<Vec<_>>(), ["7"]);
    }
}
