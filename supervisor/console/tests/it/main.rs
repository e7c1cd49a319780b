//! The menu from outside: keys and answers in, pictures and wishes out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod doing;
mod network;
mod pictures;

use orbitr_console::{Ask, BundlePlace, Console, Event, Facts, Figures, Key, Look, Place, Supervisor, Work};
use ratatui::{Terminal, backend::TestBackend};

const PLAIN: Look = Look { colour: false, signs: false };
const RICH: Look = Look { colour: true, signs: true };

fn image() -> Place {
    Place {
        image: true,
        shell_on: Some("tty1".to_owned()),
        bundle: Some(BundlePlace::Stick),
        may_leave: false,
        version: "0.1.0".to_owned(),
    }
}

/// A box that works and has some trouble.
fn running() -> Facts {
    Facts {
        supervisor: Supervisor::Up,
        name: "Atlas".to_owned(),
        version: "0.1.0".to_owned(),
        urls: vec!["https://192.168.1.20".to_owned(), "https://[fd12::1]".to_owned(), "https://atlas.local".to_owned()],
        certificate: vec!["AB"; 32].join(":"),
        authority: vec!["CD"; 32].join(":"),
        addresses: Some(vec!["192.168.1.20".to_owned()]),
        figures: Some(Figures { cpu: 7.0, memory: (1 << 30, 4 << 30), disk: (20 << 30, 100 << 30), uptime: 93_784 }),
        apps: vec![("running".to_owned(), 3), ("unhealthy".to_owned(), 1)],
        jobs: (
            vec![Work { title: "Install Gitea".to_owned(), message: "layer 3 of 7".to_owned(), progress: Some(0.4) }],
            1,
        ),
        issues: vec!["docker.service has failed.".to_owned()],
        clock: "14:05".to_owned(),
        ..Facts::default()
    }
}

fn unclaimed() -> Facts {
    Facts {
        supervisor: Supervisor::Unclaimed,
        code: Some(("Setup code".to_owned(), "7KQ4-M2XD".to_owned())),
        apps: Vec::new(),
        jobs: (Vec::new(), 0),
        issues: Vec::new(),
        ..running()
    }
}

/// A box without its data.
fn limited(announced: &str) -> Facts {
    Facts { supervisor: Supervisor::Limited, announced: announced.to_owned(), ..unclaimed() }
}

fn down() -> Facts {
    Facts {
        supervisor: Supervisor::Down("connection refused".to_owned()),
        version: String::new(),
        ..Facts { apps: Vec::new(), jobs: (Vec::new(), 0), issues: Vec::new(), ..running() }
    }
}

fn console(look: Look, place: Place, facts: Facts) -> Console {
    let mut console = Console::new(look, place);
    assert!(console.take(Event::Facts(Box::new(facts))).is_empty());
    console
}

/// Presses keys; what is wished for by the last one.
fn press(console: &mut Console, keys: &str) -> Vec<Ask> {
    let mut asks = Vec::new();
    for key in keys.chars() {
        asks = console.take(Event::Key(match key {
            '\n' => Key::Enter,
            '\u{1b}' => Key::Esc,
            '>' => Key::Right,
            'v' => Key::Down,
            other => Key::Char(other),
        }));
    }
    asks
}

fn picture(console: &Console, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| console.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect::<Vec<_>>().join("\n")
}
