//! `orbitr console`: the menu on the box's own screen, as a client of what the API does. The picture and the keys are
//! `orbitr-console`'s; here are the terminal, the questions to the supervisor, and what can be done without one.

mod facts;
mod local;
mod logs;
mod newcomer;
mod rescue;
mod support;
mod terminal;
mod work;

use std::{fs, io, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use orbitr_console::{Ask, BundlePlace, Console, Event, Look, Place};
use orbitr_host::{dbus::Bus, facts as machine};
use orbitr_machine::data::Places;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use self::{
    terminal::{Input, Screen},
    work::Works,
};
use crate::cli::{
    args::Common,
    client::{Client, default_socket},
    failure::Exit,
};

/// Terminals that the image has a shell for (overlays/image/README.md).
const SHELLS: [&str; 2] = ["tty1", "ttyS0"];
/// Answers that wait to be shown; who answers faster than that waits.
const WAITING: usize = 256;

/// What can be said to the menu.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Esc and Ctrl-C leave the menu; without it they do not, as on the box's own screen
    #[arg(long)]
    leave: bool,
    /// Nothing but ASCII
    #[arg(long)]
    ascii: bool,
    /// No colours
    #[arg(long)]
    no_colour: bool,
    /// A folder that stands in for /run of Orbitr OS, for tests
    #[arg(long, value_name = "DIR", env = "ORBITR_STAND_IN", hide = true)]
    stand_in: Option<PathBuf>,
}

/// Shows the menu until it is left, or told to end.
pub(crate) fn main(common: &Common, args: &Args) -> ExitCode {
    let client = match Client::new(common) {
        Ok(client) if client.is_local() => client,
        Ok(_) => {
            say("orbitr: --url: the menu works only on the box itself");
            return Exit::Usage.into();
        }
        Err(failure) => {
            say(&format!("orbitr: {failure}"));
            return Exit::Usage.into();
        }
    };
    let welcome = match &args.stand_in {
        Some(run) => run.join("orbitr/welcome"),
        None => common.socket.clone().unwrap_or_else(default_socket).with_file_name("welcome"),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("orbitr: the program cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let shown = runtime.block_on(show(client, welcome, args));
    // The thread that reads keys may wait for one; nobody waits for it.
    runtime.shutdown_background();
    match shown {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            say(&format!("orbitr: the terminal cannot be used: {error}"));
            Exit::Failed.into()
        }
    }
}

async fn show(client: Client, welcome: PathBuf, args: &Args) -> io::Result<()> {
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let name = terminal::name();
    let look = look(args, name.as_deref());
    let mut console = Console::new(look, place(args, name.as_deref()));
    let (tell, mut told) = mpsc::channel::<Event>(WAITING);
    let look_again = Arc::new(Notify::new());
    let places = Places {
        run: args.stand_in.clone().unwrap_or_else(|| "/run".into()),
        state: "/var/lib/orbitr".into(),
        stands_in: args.stand_in.is_some(),
    };
    let works = Works::new(client, Bus::system(), places, welcome, name, tell, look_again.clone());
    let looking = tokio::spawn(facts::look(works.clone(), look_again.clone()));
    let listening = tokio::spawn(facts::listen(works.clone(), look_again.clone()));
    let mut keys = terminal::keys();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Kept over the turns of the loop: a second that ends with the minute would put it off for another one.
    let mut minute = next_minute();
    let mut screen = Screen::open()?;
    screen.draw(&console)?;
    loop {
        let asks = tokio::select! {
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
            input = keys.recv() => match input {
                Some(Input::Key(key)) => console.take(Event::Key(key)),
                Some(Input::Resized) => vec![Ask::Repaint],
                // The terminal is gone.
                None => break,
            },
            Some(event) = told.recv() => console.take(event),
            _ = seconds.tick(), if console.counts_down() => console.take(Event::Second),
            // The kernel writes onto the box's own terminals, and serial lines lose a letter now and then.
            () = sleep_until(minute) => {
                minute = next_minute();
                if args.leave { vec![Ask::Look] } else { vec![Ask::Look, Ask::Repaint] }
            }
        };
        if asks.contains(&Ask::Leave) {
            break;
        }
        for ask in asks {
            match ask {
                Ask::Repaint => screen.anew()?,
                ask => works.clone().take(ask),
            }
        }
        // What has come meanwhile is shown with the same picture.
        if told.is_empty() {
            screen.draw(&console)?;
        }
    }
    looking.abort();
    listening.abort();
    screen.close()
}

/// When the clock on the screen changes.
fn next_minute() -> Instant {
    let seconds = orbitr_model::Timestamp::now().as_second().rem_euclid(60);
    Instant::now() + Duration::from_secs(60 - seconds.unsigned_abs())
}

/// What the terminal can show. The machine's own screen knows block letters; what is at the other end of a serial line is
/// anybody's guess.
fn look(args: &Args, name: Option<&str>) -> Look {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let term = set("TERM");
    let serial =
        name.is_some_and(|name| name.starts_with("ttyS") || name.starts_with("ttyAMA") || name.starts_with("hvc"));
    let own =
        name.and_then(|name| name.strip_prefix("tty")).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(set).into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let utf8 = locale.to_ascii_uppercase().replace('-', "").contains("UTF8");
    let poor = ["", "dumb"].contains(&term.as_str()) || term.starts_with("vt");
    Look {
        signs: !args.ascii && !serial && (own || (utf8 && !poor)),
        colour: !args.no_colour && !poor && set("NO_COLOR").is_empty(),
    }
}

fn place(args: &Args, name: Option<&str>) -> Place {
    let image = machine::os_release().id == "orbitr" || args.stand_in.is_some();
    let writable = |dir: &PathBuf| fs::metadata(dir).is_ok_and(|meta| !meta.permissions().readonly());
    let here = || std::env::current_dir().ok().filter(writable).map(|dir| dir.display().to_string());
    let bundle = match (image, args.leave) {
        // By hand it goes where the person stands.
        (false, true) => here().map(BundlePlace::Folder),
        // On the image nothing can be written to. Root takes a bundle from the box's own screen only.
        (true, false) => Some(BundlePlace::Stick),
        _ => None,
    };
    Place {
        image,
        shell_on: name.filter(|name| image && SHELLS.contains(name)).map(str::to_owned),
        bundle,
        may_leave: args.leave,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn say(text: &str) {
    use std::io::Write as _;
    // Nobody can be told that nobody can be told.
    let _ = writeln!(io::stderr(), "{text}");
}
