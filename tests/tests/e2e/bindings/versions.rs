//! Servers of the store in two versions each, with rows or pages in them: a newer version keeps all of it, and one that
//! destroys it leaves the version before with all of it.

use std::time::Duration;

use orbitr_tests::{Engine, eventually};
use serde_json::json;

use super::House;

/// What differs between servers. The texts are a shell's, in the server's container, which is told the password of its
/// `OWNER`; `fill` and `add` run in its data folder where only its people may write.
struct Server {
    id: &'static str,
    /// The official extension.
    now: &'static str,
    /// Its version, and the one before.
    versions: [&'static str; 2],
    service: &'static str,
    /// The variable with its owner's password; none where people write its data from outside.
    owner: Option<&'static str>,
    /// Where its rows are.
    data: &'static str,
    fill: &'static str,
    add: &'static str,
    /// Prints one line, another one for any other rows.
    sum: &'static str,
}

const POSTGRESQL: Server = Server {
    id: "postgresql",
    now: include_str!("../../../../extensions/catalog/postgresql/extension.yaml"),
    versions: ["17.9", "17.8"],
    service: "db",
    owner: Some("INPUT_PASSWORD"),
    data: "/var/lib/postgresql/data",
    fill: "psql -U app -d app -qAtc 'CREATE TABLE line AS SELECT n, md5(n::text) word FROM generate_series(1, 5000) n'",
    add: "psql -U app -d app -qAtc \"INSERT INTO line VALUES (5001, 'late')\"",
    sum: "psql -U app -d app -qAtc \"SELECT count(*), md5(string_agg(word, ',' ORDER BY n)) FROM line\"",
};

const MARIADB: Server = Server {
    id: "mariadb",
    now: include_str!("../../../../extensions/catalog/mariadb/extension.yaml"),
    versions: ["11.8.9", "11.8.6"],
    service: "db",
    owner: Some("SECRET_ROOT"),
    data: "/var/lib/mysql",
    fill: "MYSQL_PWD=$OWNER mariadb --no-defaults --user=root app \
           --execute='CREATE TABLE line AS SELECT seq AS n, MD5(seq) AS word FROM seq_1_to_5000'",
    add: "MYSQL_PWD=$OWNER mariadb --no-defaults --user=root app --execute=\"INSERT INTO line VALUES (5001, 'late')\"",
    sum: "MYSQL_PWD=$OWNER mariadb --no-defaults -BN --user=root app --execute='SET group_concat_max_len = 1000000; \
          SELECT COUNT(*), MD5(GROUP_CONCAT(word ORDER BY n)) FROM line'",
};

const VALKEY: Server = Server {
    id: "valkey",
    now: include_str!("../../../../extensions/catalog/valkey/extension.yaml"),
    versions: ["8.1.3", "8.1.2"],
    service: "valkey",
    owner: Some("INPUT_PASSWORD"),
    data: "/data",
    fill: "REDISCLI_AUTH=$OWNER valkey-cli -e EVAL \"for n = 1, 5000 do redis.call('SET', 'n:'..n, n * 7) end\" 0",
    add: "REDISCLI_AUTH=$OWNER valkey-cli -e SET n:5001 late",
    sum: "REDISCLI_AUTH=$OWNER valkey-cli -e EVAL \"local sum = ''
          for n = 1, 5001 do sum = redis.sha1hex(sum .. (redis.call('GET', 'n:'..n) or '')) end
          return sum .. ' ' .. redis.call('DBSIZE')\" 0",
};

const NGINX: Server = Server {
    id: "nginx",
    now: include_str!("../../../../extensions/catalog/nginx/extension.yaml"),
    versions: ["1.28.0", "1.27.5"],
    service: "web",
    owner: None,
    data: "/usr/share/nginx/html",
    fill: "for n in $(seq 500); do echo \"page $n\" >site/$n.html; done; echo welcome >site/index.html",
    add: "echo late >site/501.html",
    sum: "curl -sS 'http://127.0.0.1/[1-501].html' http://127.0.0.1/index.html | sha256sum",
};

impl Server {
    /// The extension with this version of the server.
    fn manifest(&self, version: &str) -> String {
        let text = self.now.replace(self.versions[0], version);
        text.lines().filter(|line| !line.starts_with("  docs:")).collect::<Vec<_>>().join("\n")
    }

    /// One more version, whose server destroys what it finds and ends.
    fn destroys(&self) -> String {
        let now = format!("version: \"{}\"", self.versions[0]);
        let text = self.manifest(self.versions[0]);
        let [top, bottom] = text.split("x-orbitr:").collect::<Vec<_>>()[..] else { panic!("{}", self.id) };
        let entrypoint = format!("    entrypoint: [sh, -c, \"find {} -mindepth 1 -delete; exit 3\"]", self.data);
        let image = top.lines().find(|line| line.starts_with("    image:")).unwrap();
        let top = top.replace(image, &format!("{image}\n{entrypoint}"));
        format!("{top}x-orbitr:{}", bottom.replacen(&now, "version: \"99.1\"", 1))
    }

    fn container(&self, house: &House) -> String {
        format!("orbitr-{}-{}-1", house.server, self.service)
    }

    fn says(&self, house: &House, text: &str) -> String {
        let owner = self.owner.map(|owner| house.set(&house.server, owner)).unwrap_or_default();
        let owner = format!("OWNER={owner}");
        Engine::docker(&["exec", "-e", &owner, &self.container(house), "sh", "-c", text]).trim().to_owned()
    }

    fn put(&self, house: &House, text: &str) {
        if self.owner.is_some() {
            self.says(house, text);
            return;
        }
        let data = house.it.state().join("apps").join(&house.server).join("data");
        let done = std::process::Command::new("sh").args(["-ec", text]).current_dir(data).status().unwrap();
        assert!(done.success(), "{text}");
    }

    /// It is this version, in what runs too, with these rows.
    async fn is(&self, house: &House, version: &str, sum: &str) {
        // A version that is gone back to comes up while its job ends.
        eventually("it answers", Duration::from_secs(60), async || {
            (house.get(&house.server, "").await["status"]["state"] == "running").then_some(())
        })
        .await;
        assert_eq!(house.get(&house.server, "").await["version"], version);
        let image = Engine::docker(&["inspect", "--format", "{{.Config.Image}}", &self.container(house)]);
        assert!(image.contains(&format!(":{version}")), "{image}");
        assert_eq!(self.says(house, self.sum), sum, "{} {version}", self.id);
    }

    async fn publish(&self, house: &mut House, manifest: &str) {
        house.it.extension(self.id, manifest);
        house.restart().await;
    }

    async fn keeps_its_data_whatever_the_new_version_does(&self) {
        let [now, before] = self.versions;
        let mut house = House::with(&format!("local/{}", self.id), &[(self.id, &self.manifest(before))]).await;
        self.put(&house, self.fill);
        let sum = self.says(&house, self.sum);
        self.is(&house, before, &sum).await;

        self.publish(&mut house, &self.manifest(now)).await;
        let job = house.done(&house.server, "update", json!({})).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        self.is(&house, now, &sum).await;

        self.put(&house, self.add);
        let more = self.says(&house, self.sum);
        assert_ne!(sum, more);
        self.publish(&mut house, &self.destroys()).await;
        let job = house.done(&house.server, "update", json!({})).await;
        assert_eq!((job["state"].as_str(), job["problem"]["code"].as_str()), (Some("failed"), Some("app-ended")));
        self.is(&house, now, &more).await;

        // And the rows of before the first update are still there to go back to.
        let back = house.done(&house.server, "roll-back", json!({ "release": 1, "data": "then" })).await;
        assert_eq!(back["state"], "succeeded", "{back:#}");
        self.is(&house, before, &sum).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_its_rows_whatever_the_new_version_does() {
    let _engine = Engine::shared();
    POSTGRESQL.keeps_its_data_whatever_the_new_version_does().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_keeps_its_rows_whatever_the_new_version_does() {
    let _engine = Engine::shared();
    MARIADB.keeps_its_data_whatever_the_new_version_does().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_keeps_its_rows_whatever_the_new_version_does() {
    let _engine = Engine::shared();
    VALKEY.keeps_its_data_whatever_the_new_version_does().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_keeps_its_pages_whatever_the_new_version_does() {
    let _engine = Engine::shared();
    NGINX.keeps_its_data_whatever_the_new_version_does().await;
}
