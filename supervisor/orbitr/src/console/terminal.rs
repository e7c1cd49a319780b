//! The terminal: keys from it, pictures onto it, and as it was when it is left.

use std::{fs, io, thread};

use crossterm::{
    cursor, event,
    event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, terminal as raw,
};
use orbitr_console::{Console, Key};
use ratatui::{Terminal, TerminalOptions, Viewport, layout::Rect};
use ratatui_crossterm::CrosstermBackend;
use tokio::sync::mpsc;

/// What a terminal that does not say how large it is has: those of old, and most that stand in for them.
const USUAL: (u16, u16) = (80, 24);
/// Larger than any terminal; more would only take memory.
const LARGEST: (u16, u16) = (500, 200);

/// The terminal's name, for example `tty1` or `pts/3`.
pub(super) fn name() -> Option<String> {
    let path = fs::read_link("/proc/self/fd/0").ok()?;
    Some(path.strip_prefix("/dev").ok()?.display().to_string())
}

/// What comes from the terminal.
pub(super) enum Input {
    Key(Key),
    Resized,
}

/// Reads keys on a thread of its own, which sleeps until there is one. Ends when the terminal is gone.
pub(super) fn keys() -> mpsc::Receiver<Input> {
    let (tell, keys) = mpsc::channel(64);
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            let input = match event {
                event::Event::Key(key) => match of(key) {
                    Some(key) => Input::Key(key),
                    None => continue,
                },
                event::Event::Resize(..) => Input::Resized,
                _ => continue,
            };
            if tell.blocking_send(input).is_err() {
                return;
            }
        }
    });
    keys
}

fn of(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if control => Key::Interrupt,
        KeyCode::Char('l') if control => Key::Repaint,
        // What Backspace sends on some serial lines.
        KeyCode::Char('h') if control => Key::Backspace,
        KeyCode::Char(_) if control || key.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Tab => Key::Tab,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

/// The terminal while the menu is on it; as it was before when this is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    open: bool,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        raw::enable_raw_mode()?;
        let opened = execute!(io::stdout(), raw::EnterAlternateScreen, raw::Clear(raw::ClearType::All), cursor::Hide);
        if let Err(error) = opened {
            raw::disable_raw_mode()?;
            return Err(error);
        }
        Ok(Self { terminal: terminal()?, open: true })
    }

    pub(super) fn draw(&mut self, console: &Console) -> io::Result<()> {
        self.terminal.draw(|frame| console.draw(frame)).map(drop)
    }

    /// Everything once more: the size is another one, or something else has written onto the terminal.
    ///
    /// Not with `Terminal::clear`: that asks the terminal where its cursor is, and a serial line often has nobody who
    /// answers.
    pub(super) fn anew(&mut self) -> io::Result<()> {
        execute!(io::stdout(), raw::Clear(raw::ClearType::All))?;
        self.terminal = terminal()?;
        Ok(())
    }

    pub(super) fn close(mut self) -> io::Result<()> {
        self.leave()
    }

    fn leave(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        execute!(io::stdout(), cursor::Show, raw::LeaveAlternateScreen)?;
        raw::disable_raw_mode()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone, and then nobody needs it as it was.
        let _ = self.leave();
    }
}

fn area() -> Rect {
    let (width, height) = match raw::size() {
        Ok((width, height)) if width > 0 && height > 0 => (width, height),
        _ => USUAL,
    };
    Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1))
}

fn terminal() -> io::Result<Terminal<CrosstermBackend<io::Stdout>>> {
    // Fixed: a serial line does not know its size, and asking for it with each picture would not make it known.
    let options = TerminalOptions { viewport: Viewport::Fixed(area()) };
    Terminal::with_options(CrosstermBackend::new(io::stdout()), options)
}
