//! Every call that we make fits what systemd says of itself: the member is there, what goes in has its type, and what comes
//! out is understood. A peer that knows nothing but systemd's introspection checks each call and answers with the emptiest
//! values of the right types.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use orbitr_host::{
    dbus::{Bus, PowerVerb},
    exec::Command,
};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use zbus::{
    Array, Connection, Guid, Message, MessageStream, ObjectPath, OwnedVariant, Signature, Structure, Variant,
    connection::Builder, message::Type,
};

/// Interface and member, and of each: its kind, what goes in or its type, what comes out.
type Members = BTreeMap<(String, String), (String, String, String)>;

/// One member a line, as in `systemd-257.txt`.
fn table(text: &str) -> Members {
    let line = |line: &str| {
        let parts: Vec<String> = line.split(' ').map(|part| part.trim_matches('-').to_owned()).collect();
        let [interface, kind, name, into, out] = <[String; 5]>::try_from(parts).unwrap();
        ((interface, name), (kind, into, out))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

/// The members of an introspection document.
fn members(xml: &str) -> Members {
    let attribute = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    let (mut all, mut interface, mut member) = (Members::new(), String::new(), String::new());
    for line in xml.lines().map(str::trim) {
        let name = || attribute(line, "name").unwrap();
        if line.starts_with("<interface ") {
            interface = name();
        } else if line.starts_with("<method ") || line.starts_with("<signal ") {
            member = name();
            let kind = line[1..7].to_owned();
            all.insert((interface.clone(), member.clone()), (kind, String::new(), String::new()));
        } else if line.starts_with("<property ") {
            let kind = attribute(line, "type").unwrap();
            all.insert((interface.clone(), name()), ("property".to_owned(), kind, String::new()));
        } else if line.starts_with("<arg ") {
            let entry = all.get_mut(&(interface.clone(), member.clone())).unwrap();
            let out = attribute(line, "direction").as_deref() == Some("out");
            let to = if out { &mut entry.2 } else { &mut entry.1 };
            to.push_str(&attribute(line, "type").unwrap());
        }
    }
    all
}

/// The emptiest value of a type; a list has one, so that what is in it is looked at too.
fn empty(signature: &Signature) -> Variant<'static> {
    match signature {
        Signature::U8 => Variant::U8(0),
        Signature::Bool => Variant::Bool(false),
        Signature::I16 => Variant::I16(0),
        Signature::U16 => Variant::U16(0),
        Signature::I32 => Variant::I32(0),
        Signature::U32 => Variant::U32(0),
        Signature::I64 => Variant::I64(0),
        Signature::U64 => Variant::U64(0),
        Signature::F64 => Variant::F64(0.0),
        Signature::Str => Variant::from("yes"),
        Signature::ObjectPath => Variant::ObjectPath(ObjectPath::try_from("/").unwrap()),
        Signature::Array(child) => {
            let mut array = Array::new(child.signature());
            array.append(empty(child.signature())).unwrap();
            Variant::Array(array)
        }
        Signature::Structure(fields) => {
            let mut all = Structure::builder();
            for field in fields.iter() {
                all.push_value(empty(field));
            }
            Variant::Structure(all.build().unwrap())
        }
        Signature::Fd => {
            let (one, _) = std::os::unix::net::UnixStream::pair().unwrap();
            Variant::Fd(std::os::fd::OwnedFd::from(one).into())
        }
        other => panic!("{other}: no empty value is known"),
    }
}

/// The peer.
struct Peer {
    members: Members,
    wrong: Arc<Mutex<Vec<String>>>,
    used: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn serve(self, connection: Connection) {
        let mut calls = MessageStream::from(&connection);
        while let Some(Ok(message)) = calls.next().await {
            if message.message_type() == Type::MethodCall
                && let Err(why) = self.answer(&connection, &message).await
            {
                self.wrong.lock().unwrap().push(why.clone());
                let failed = "org.freedesktop.DBus.Error.Failed";
                connection.reply_error(&message.header(), failed, &why).await.unwrap();
            }
        }
    }

    async fn answer(&self, connection: &Connection, message: &Message) -> Result<(), String> {
        let header = message.header();
        let interface = header.interface().unwrap().to_string();
        let member = header.member().unwrap().to_string();
        if interface == "org.freedesktop.DBus" {
            // Asked of the bus, to know whose signals count; there is none here.
            let nobody = "org.freedesktop.DBus.Error.NameHasNoOwner";
            connection.reply_error(&header, nobody, &"").await.unwrap();
            return Ok(());
        }
        if interface == "org.freedesktop.DBus.Properties" && member == "GetAll" {
            let of: String = message.body().deserialize().unwrap();
            let all: HashMap<String, OwnedVariant> = self
                .members
                .iter()
                .filter(|((interface, _), (kind, ..))| *interface == of && kind == "property")
                .map(|((_, name), (_, kind, _))| (name.clone(), empty(&kind.parse().unwrap()).try_into().unwrap()))
                .collect();
            if all.is_empty() {
                return Err(format!("{of}: systemd knows no such interface"));
            }
            self.used.lock().unwrap().push(of);
            connection.reply(&header, &all).await.unwrap();
            return Ok(());
        }
        let known = self.members.get(&(interface.clone(), member.clone()));
        let Some((_, into, out)) = known.filter(|(kind, ..)| kind == "method") else {
            return Err(format!("{interface}.{member}: systemd knows no such method"));
        };
        let sent = message.body().signature().to_string_no_parens();
        if sent != *into {
            return Err(format!("{interface}.{member}: takes ({into}), was given ({sent})"));
        }
        self.used.lock().unwrap().push(member.clone());
        if out.is_empty() {
            connection.reply(&header, &()).await.unwrap();
        } else if member == "Describe" {
            connection.reply(&header, &r#"{"Interfaces":[]}"#).await.unwrap();
        } else {
            let mut body = Structure::builder();
            body.push_value(empty(&out.parse().unwrap()));
            connection.reply(&header, &body.build().unwrap()).await.unwrap();
        }
        if ["RestartUnit", "StartUnit"].contains(&member.as_str()) {
            let removed = self.members.get(&(interface.clone(), "JobRemoved".to_owned())).unwrap();
            assert_eq!((removed.0.as_str(), removed.1.as_str()), ("signal", "uoss"));
            let body = (0u32, ObjectPath::try_from("/").unwrap(), "", "done");
            let path = "/org/freedesktop/systemd1";
            connection.emit_signal(None::<&str>, path, interface.as_str(), "JobRemoved", &body).await.unwrap();
        }
        Ok(())
    }
}

/// Makes every call that there is against a peer that knows these members. What the members do not cover is left out.
async fn check(members: Members) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    let (wrong, used) = (Arc::default(), Arc::default());
    let peer = Peer { members: members.clone(), wrong: Arc::clone(&wrong), used: Arc::clone(&used) };
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let builder = Builder::unix_stream(stream.into_std().unwrap()).server(Guid::generate()).p2p();
        peer.serve(builder.build().await.unwrap()).await;
    });
    let bus = Bus::peer(&format!("unix:path={}", path.display()), Duration::from_secs(5));
    let limit = Duration::from_secs(5);
    let there = |interface: &str| members.keys().any(|(known, _)| known == interface);
    let mut failed = Vec::new();
    let mut note = |what: &str, done: Result<(), orbitr_host::dbus::Error>| {
        if let Err(error) = done {
            failed.push(format!("{what}: {error}"));
        }
    };
    note("units", bus.units().await.map(drop));
    note("unit", bus.unit("docker.service").await.map(drop));
    note("restart", bus.restart_unit("docker.service", limit).await.map(drop));
    note("start", bus.start_unit("docker.service", limit).await.map(drop));
    note("changes", bus.unit_changes().await.map(drop));
    for verb in [PowerVerb::Reboot, PowerVerb::PowerOff] {
        note("can", bus.can(verb).await.map(drop));
        note("power", bus.power(verb).await);
    }
    note("inhibitors", bus.inhibitors().await.map(drop));
    note("inhibit", bus.inhibit_shutdown("Orbitr", "a test").await.map(drop));
    note("host names", bus.host_names().await.map(drop));
    note("hardware serial", bus.hardware_serial().await.map(drop));
    note("set host name", bus.set_host_name("attic").await);
    note("clock", bus.clock().await.map(drop));
    note("set zone", bus.set_time_zone("UTC").await);
    note("set ntp", bus.set_ntp(true).await);
    if there("org.freedesktop.timesync1.Manager") {
        note("synchronisation", bus.synchronisation().await.map(drop));
    }
    if there("org.freedesktop.network1.Link") {
        note("links", bus.links().await.map(drop));
        note("cards", bus.cards().await.map(drop));
    }
    if there("org.freedesktop.resolve1.Manager") {
        note("name servers", bus.name_servers().await.map(drop));
    }
    serving.abort();
    let used: Vec<String> = used.lock().unwrap().clone();
    assert!(used.len() >= 18, "only {used:?} were used");
    failed.extend(wrong.lock().unwrap().iter().cloned());
    failed
}

#[tokio::test]
async fn every_call_fits_the_systemd_of_the_image() {
    let wrong = check(table(include_str!("systemd-257.txt"))).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_call_fits_the_systemd_of_this_machine() {
    let mut all = Members::new();
    for (program, what) in [
        ("systemd", "org.freedesktop.systemd1.Manager"),
        ("systemd", "org.freedesktop.systemd1.Unit"),
        ("systemd", "org.freedesktop.systemd1.Service"),
        ("systemd-logind", "org.freedesktop.login1.Manager"),
        ("systemd-hostnamed", "org.freedesktop.hostname1"),
        ("systemd-timedated", "org.freedesktop.timedate1"),
        ("systemd-networkd", "org.freedesktop.network1.Manager"),
        ("systemd-networkd", "org.freedesktop.network1.Link"),
    ] {
        let command = Command::new(format!("/usr/lib/systemd/{program}")).arg(format!("--bus-introspect={what}"));
        match command.run(&CancellationToken::new()).await {
            Ok(output) => all.extend(members(&output.stdout_text())),
            Err(error) => {
                eprintln!("left out: {error}");
                return;
            }
        }
    }
    let wrong = check(all).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_peer_finds_what_does_not_fit() {
    let mut members = table(include_str!("systemd-257.txt"));
    let key = |interface: &str, name: &str| (interface.to_owned(), name.to_owned());
    members.get_mut(&key("org.freedesktop.login1.Manager", "Reboot")).unwrap().1 = "s".to_owned();
    members.remove(&key("org.freedesktop.hostname1", "SetStaticHostname"));
    members.remove(&key("org.freedesktop.systemd1.Unit", "InvocationID"));
    let wrong = check(members).await.join("\n");
    for named in ["Reboot: takes (s), was given (b)", "SetStaticHostname", "InvocationID"] {
        assert!(wrong.contains(named), "{named} is not in\n{wrong}");
    }
}
