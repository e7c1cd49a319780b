//! What each capability hands over: the fields behind `${BIND_<NAME>_<FIELD>}`, the same whoever provides it.

use std::collections::BTreeMap;

/// The fields of one capability.
#[derive(Debug, PartialEq, Eq)]
pub struct Contract {
    /// Its name in manifests.
    pub capability: &'static str,
    /// What people read.
    pub title: &'static str,
    /// The fields, but for `url`, which is made from them.
    pub fields: &'static [ContractField],
    /// How an address of it begins; none where there is no common form.
    scheme: Option<&'static str>,
}

/// One field of a contract.
#[derive(Debug, PartialEq, Eq)]
pub struct ContractField {
    /// Its name in manifests.
    pub name: &'static str,
    /// What people read.
    pub label: &'static str,
    /// Whether it is a password or key.
    pub secret: bool,
    /// Whether there is none without it.
    pub required: bool,
    /// What it is if nobody says anything else.
    pub usual: Option<&'static str>,
}

const fn field(name: &'static str, label: &'static str) -> ContractField {
    ContractField { name, label, secret: false, required: true, usual: None }
}

const fn optional(name: &'static str, label: &'static str) -> ContractField {
    ContractField { required: false, ..field(name, label) }
}

const fn secret(name: &'static str, label: &'static str) -> ContractField {
    ContractField { secret: true, ..field(name, label) }
}

const fn port(usual: &'static str) -> ContractField {
    ContractField { usual: Some(usual), ..field("port", "Port") }
}

const HOST: ContractField = field("host", "Host");
const USER: ContractField = field("user", "User name");
const PASSWORD: ContractField = secret("password", "Password");
const DATABASE: ContractField = field("name", "Name of the database");
const MARIADB: &[ContractField] = &[HOST, port("3306"), DATABASE, USER, PASSWORD];

const CONTRACTS: &[Contract] = &[
    Contract {
        capability: "postgres",
        title: "PostgreSQL",
        fields: &[HOST, port("5432"), DATABASE, USER, PASSWORD],
        scheme: Some("postgresql"),
    },
    Contract { capability: "mariadb", title: "MariaDB", fields: MARIADB, scheme: Some("mysql") },
    Contract { capability: "mysql", title: "MySQL", fields: MARIADB, scheme: Some("mysql") },
    Contract {
        capability: "redis",
        title: "Valkey or Redis",
        fields: &[
            HOST,
            port("6379"),
            optional("user", "User name"),
            PASSWORD,
            optional("prefix", "Beginning of every key"),
        ],
        scheme: Some("redis"),
    },
    Contract {
        capability: "smtp",
        title: "Mail server (SMTP)",
        fields: &[
            HOST,
            port("587"),
            optional("user", "User name"),
            ContractField { required: false, ..PASSWORD },
            field("sender", "Sender's address"),
        ],
        scheme: None,
    },
    Contract {
        capability: "s3",
        title: "Object storage (S3)",
        fields: &[
            field("endpoint", "Address of the service"),
            ContractField { usual: Some("us-east-1"), ..field("region", "Region") },
            field("bucket", "Bucket"),
            field("access_key", "Access key"),
            secret("secret_key", "Secret key"),
        ],
        scheme: None,
    },
];

/// The contract of a capability; none for one that this version does not know.
#[must_use]
pub fn contract(capability: &str) -> Option<&'static Contract> {
    CONTRACTS.iter().find(|contract| contract.capability == capability)
}

/// The names of all capabilities.
pub(crate) fn capabilities() -> impl Iterator<Item = &'static str> {
    CONTRACTS.iter().map(|contract| contract.capability)
}

impl Contract {
    /// The names of the fields, with `url` where there is one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name).chain(self.scheme.map(|_| "url"))
    }

    /// All fields from those that are known: the usual ones for those that are not, and the `url`.
    #[must_use]
    pub fn complete(&self, known: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> = self
            .fields
            .iter()
            .filter_map(|field| {
                let value = known.get(field.name).cloned().filter(|value| !value.is_empty());
                Some((field.name.to_owned(), value.or_else(|| field.usual.map(str::to_owned))?))
            })
            .collect();
        let written = known.get("url").cloned();
        if let Some(url) = written.or_else(|| self.scheme.map(|scheme| url(scheme, &all))) {
            all.insert("url".to_owned(), url);
        }
        all
    }
}

/// `scheme://user:password@host:port/name` (RFC 3986).
fn url(scheme: &str, fields: &BTreeMap<String, String>) -> String {
    let get = |name: &str| fields.get(name).map(|value| encoded(value));
    let who = match (get("user"), get("password")) {
        (None, None) => String::new(),
        (user, None) => format!("{}@", user.unwrap_or_default()),
        (user, Some(password)) => format!("{}:{password}@", user.unwrap_or_default()),
    };
    // an address of IPv6 has its own brackets
    let host = fields.get("host").map_or("", String::as_str);
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let port = fields.get("port").map(|port| format!(":{port}")).unwrap_or_default();
    let name = get("name").map(|name| format!("/{name}")).unwrap_or_default();
    format!("{scheme}://{who}{host}{port}{name}")
}

/// Everything but the unreserved characters of RFC 3986 as `%XX`.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_of_the_fields_and_what_is_special_in_them_stands_for_itself() {
        let postgres = contract("postgres").unwrap();
        let known = [("host", "db.example"), ("name", "a/b"), ("user", "anna"), ("password", "p@ss:w%rd")];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let all = postgres.complete(&known);
        assert_eq!(all["url"], "postgresql://anna:p%40ss%3Aw%25rd@db.example:5432/a%2Fb");
        assert_eq!(all["port"], "5432");
        let names: Vec<_> = postgres.names().collect();
        assert_eq!(names, ["host", "port", "name", "user", "password", "url"]);
    }

    #[test]
    fn an_address_without_a_user_has_none_and_ipv6_stands_in_brackets() {
        let redis = contract("redis").unwrap();
        let all = redis.complete(&[("host".to_owned(), "fd00::1".to_owned())].into());
        assert_eq!(all["url"], "redis://[fd00::1]:6379");
    }
}
