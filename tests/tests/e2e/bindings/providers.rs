//! What every other server of the store promises to the apps that are bound to it, as PostgreSQL does.

use orbitr_tests::{Engine, Sample};
use serde_json::json;

use super::{House, login};

/// What differs between servers. The texts are a shell's, which is told `SERVER`, `LOGIN`, `PASSWORD`, `PLACE` and, in the
/// server's own container, the password of its `OWNER`.
struct Kind {
    extension: &'static str,
    service: &'static str,
    /// What the two apps ask for: the same server fulfils both.
    capabilities: [&'static str; 2],
    /// The variable with its owner's password.
    owner: &'static str,
    /// In an app's container: the lines of a place.
    look: &'static str,
    /// In the server's: the names of all places.
    places: &'static str,
    /// In the server's: reads `/tmp/dump` back and prints the lines of it.
    read_back: &'static str,
}

const MARIADB: Kind = Kind {
    extension: "official/mariadb",
    service: "db",
    capabilities: ["{capability: mariadb, version: \">=10.6\"}", "{capability: mysql, version: \">=5.5\"}"],
    owner: "SECRET_ROOT",
    look: r#"export MYSQL_PWD="$PASSWORD"
        mariadb --no-defaults -BN --user="$LOGIN" --host="$SERVER" --execute='SELECT word FROM line' "$PLACE""#,
    places: r#"export MYSQL_PWD="$OWNER"
        mariadb --no-defaults -BN --user=root --execute="SELECT user FROM mysql.user WHERE host = '%'
            UNION SELECT schema_name FROM information_schema.schemata" | grep -vxE 'app|mysql|sys|[a-z]+_schema' | sort"#,
    read_back: r#"export MYSQL_PWD="$OWNER"
        mariadb --no-defaults --user=root --execute='CREATE DATABASE back'
        mariadb --no-defaults --user=root back </tmp/dump
        mariadb --no-defaults -BN --user=root --execute='SELECT word FROM line' back"#,
};

const VALKEY: Kind = Kind {
    extension: "official/valkey",
    service: "valkey",
    capabilities: ["{capability: redis}", "{capability: redis, version: \">=7 <8\"}"],
    owner: "INPUT_PASSWORD",
    look: r#"export REDISCLI_AUTH="$PASSWORD"
        valkey-cli -e --user "$LOGIN" -h "$SERVER" LRANGE "$PLACE:lines" 0 -1"#,
    places: r#"export REDISCLI_AUTH="$OWNER"
        { valkey-cli -e ACL USERS; valkey-cli -e --scan | cut -d : -f 1; } | sort -u | grep -vxE 'default|probe'"#,
    read_back: r#"export REDISCLI_AUTH="$OWNER"
        valkey-cli -e </tmp/dump
        valkey-cli -e LRANGE "$PLACE:lines" 0 -1"#,
};

/// Valkey as it was before it gave anything to others, and as it is.
const VALKEY_BEFORE: &str = include_str!("../../../src/valkey-1.yaml");
const VALKEY_NOW: &str = include_str!("../../../../extensions/catalog/valkey/extension.yaml");

impl Kind {
    /// A web app that keeps its lines at a server of this kind.
    fn shelf(&self, id: &str, capability: &str) -> String {
        let prefix = if capability.contains("redis") { ", PREFIX: \"${BIND_DB_PREFIX}\"" } else { "" };
        let environment =
            format!("DATABASE_URL: \"${{BIND_DB_URL}}\", PASSWORD: \"${{BIND_DB_PASSWORD}}\"{prefix}, NOTE:");
        Sample { image: "orbitr-test/shelf:1.0.0", ..Sample::WEB }
            .manifest(id)
            .replace("NOTE:", &environment)
            .replace("path: /,", "path: /cgi-bin/lines,")
            .replace("  permissions:", &format!("  requires:\n    db: {capability}\n  permissions:"))
    }

    /// A box with such a server, and lines of two apps in it.
    async fn open(&self) -> (House, String) {
        let [one, two] = self.capabilities;
        let (shelf, other) = (self.shelf("shelf", one), self.shelf("other", two));
        let mut house = House::with(self.extension, &[("shelf", &shelf), ("other", &other)]).await;
        house.with_lines(&["one"]).await;
        let other = house.it.app("other");
        let job = house.install_of("local/other", &other, json!({ "from": "managed" })).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(house.get(&other, "").await["bindings"][0]["app"], house.server.as_str());
        house.add(&other, "theirs").await;
        (house, other)
    }

    /// Whether the shelf sees a place, with its own password or another one.
    fn sees(&self, house: &House, place: &str, password: Option<&str>) -> bool {
        self.in_app(house, place, password, self.look)
    }

    fn in_app(&self, house: &House, place: &str, password: Option<&str>, text: &str) -> bool {
        let web = format!("orbitr-{}-web-1", house.shelf);
        let mut set = vec![
            format!("SERVER={}.orbitr.internal", house.server),
            format!("LOGIN={}", login(&house.shelf)),
            format!("PLACE={}", login(place)),
        ];
        set.extend(password.map(|password| format!("PASSWORD={password}")));
        let set = set.iter().flat_map(|it| ["-e", it.as_str()]);
        let command: Vec<_> = std::iter::once("exec").chain(set).chain([web.as_str(), "sh", "-c", text]).collect();
        Engine::succeeds(&command)
    }

    fn container(&self, house: &House) -> String {
        format!("orbitr-{}-{}-1", house.server, self.service)
    }

    fn in_server(&self, house: &House, text: &str) -> Vec<String> {
        let owner = format!("OWNER={}", house.set(&house.server, self.owner));
        let place = format!("PLACE={}", login(&house.shelf));
        let container = self.container(house);
        let said = Engine::docker(&["exec", "-e", &owner, "-e", &place, &container, "sh", "-c", text]);
        said.lines().map(str::to_owned).collect()
    }

    fn places(&self, house: &House) -> Vec<String> {
        self.in_server(house, self.places)
    }

    /// Each has its own, and the other's is closed.
    async fn is_closed(&self, house: &House, other: &str) {
        assert_eq!(self.places(house), [login(other), login(&house.shelf)]);
        assert_eq!(house.lines(&house.shelf).await, ["one"]);
        assert_eq!(house.lines(other).await, ["theirs"]);
        assert!(self.sees(house, &house.shelf, None), "it cannot enter its own place");
        assert!(!self.sees(house, other, None), "one app entered another's place");
        let page = house.get(&house.server, "").await;
        assert_eq!(page["dependants"].as_array().unwrap().len(), 2, "{page:#}");
    }

    /// The server is changed, rolled back with both kinds of data, and gives another password in between.
    async fn keeps_every_line(&self, house: &House, change: serde_json::Value) {
        house.change_server(change).await;
        house.add(&house.shelf, "two").await;
        house.roll_server_back(1, "now").await;
        assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);
        let before = house.rotate().await;
        assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);
        assert!(self.sees(house, &house.shelf, None), "the new password opens nothing");
        assert!(!self.sees(house, &house.shelf, Some(&before)), "the old password still opens the place");
        house.add(&house.shelf, "three").await;
        // the data of then knows the old password only
        house.roll_server_back(2, "then").await;
        assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);
    }

    /// The shelf goes, and what was in its place can be read back; nobody else loses anything.
    async fn gives_the_last_lines_back(&self, house: &House, other: &str) {
        let job = house.ada.browser.remove(&house.shelf, "delete").await;
        let job = house.ada.browser.ended(&job).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(self.places(house), [login(other)]);
        assert_eq!(house.lines(other).await, ["theirs"]);
        let to = format!("{}:/tmp/dump", self.container(house));
        Engine::docker(&["cp", house.dump().to_str().unwrap(), &to]);
        let read = self.in_server(house, self.read_back);
        assert!(read.ends_with(&["one".to_owned(), "two".to_owned()]), "{read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_gives_each_app_a_database_of_its_own_and_loses_no_line() {
    let _engine = Engine::shared();
    let (house, other) = MARIADB.open().await;
    assert_eq!(house.get(&house.server, "").await["provides"], json!(["mariadb", "mysql"]));
    MARIADB.is_closed(&house, &other).await;
    MARIADB.keeps_every_line(&house, json!({ "memory": "400Mi" })).await;
    MARIADB.gives_the_last_lines_back(&house, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_gives_each_app_keys_of_its_own_and_loses_no_line() {
    let _engine = Engine::shared();
    let (house, other) = VALKEY.open().await;
    assert_eq!(house.get(&house.server, "").await["provides"], json!(["redis"]));
    VALKEY.is_closed(&house, &other).await;
    only_its_own_is_open(&house, &other);
    VALKEY.keeps_every_line(&house, json!({ "password": "another-password-1" })).await;
    VALKEY.gives_the_last_lines_back(&house, &other).await;
}

/// What an app may say at a Valkey that others use too: what it needs, and nothing by which it would learn of them.
fn only_its_own_is_open(house: &House, other: &str) {
    let says = |command: &str| {
        let text = format!("REDISCLI_AUTH=\"$PASSWORD\" valkey-cli -e --user \"$LOGIN\" -h \"$SERVER\" {command}");
        VALKEY.in_app(house, other, None, &text)
    };
    let own = login(&house.shelf);
    for open in ["PING", "INFO", "SELECT 1", "ACL WHOAMI", "EVAL 'return 1' 0"] {
        assert!(says(open), "{open} is refused");
    }
    assert!(says(&format!("SET {own}:a 1 EX 100")) && says(&format!("PUBLISH {own}:a 1")));
    let closed = [
        "GET $PLACE:lines",
        "SET $PLACE:a 1",
        "PUBLISH $PLACE:a 1",
        "EVAL \"return redis.call('GET', '$PLACE:lines')\" 0",
        "KEYS '*'",
        "SCAN 0",
        "RANDOMKEY",
        "PUBSUB CHANNELS",
        "FLUSHALL",
        "ACL LIST",
        "CONFIG GET requirepass",
        "CLIENT LIST",
        "CLIENT TRACKING ON BCAST",
        "FUNCTION LIST",
        "SCRIPT FLUSH",
        "MONITOR",
        "SHUTDOWN NOSAVE",
    ];
    for command in closed {
        assert!(!says(command), "{command} is open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_of_before_is_updated_with_its_rows_and_remembers_the_users_that_it_makes() {
    let _engine = Engine::shared();
    let shelf = VALKEY.shelf("shelf", VALKEY.capabilities[0]);
    let mut house = House::with("local/valkey", &[("valkey", VALKEY_BEFORE), ("shelf", &shelf)]).await;
    let says = |house: &House, command: &str| {
        VALKEY.in_server(house, &format!("REDISCLI_AUTH=\"$OWNER\" valkey-cli -e {command}"))
    };
    says(&house, "SET row kept");
    let now = VALKEY_NOW.lines().filter(|line| !line.starts_with("  docs:")).collect::<Vec<_>>().join("\n");
    house.it.extension("valkey", &now);
    house.restart().await;
    let job = house.done(&house.server, "update", json!({})).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(says(&house, "GET row"), ["kept"]);
    assert!(!Engine::succeeds(&[
        "exec",
        "-e",
        "REDISCLI_AUTH=",
        &VALKEY.container(&house),
        "valkey-cli",
        "-e",
        "GET",
        "row"
    ]));

    // a new container, which nobody tells of the app again
    house.with_lines(&["one"]).await;
    Engine::docker(&["rm", "--force", &VALKEY.container(&house)]);
    assert_eq!(house.lines(&house.shelf).await, ["one"]);
    house.ada.browser.settled().await;

    // the revision of before has nothing for the app: the box goes on with the one of now
    let back = house.done(&house.server, "roll-back", json!({ "release": 1, "data": "now" })).await;
    assert_eq!(back["state"], "failed", "{back:#}");
    assert!(back.to_string().contains("does not provide «redis» any more"), "{back:#}");
    assert_eq!(house.lines(&house.shelf).await, ["one"]);
    assert_eq!(says(&house, "GET row"), ["kept"]);
}
