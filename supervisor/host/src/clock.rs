//! The machine's clocks: the battery-backed one, and hearing when somebody sets the other.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};
use tokio::io::unix::AsyncFd;

/// A day that no timer reaches: 2^40 seconds after 1970, which the kernel still takes.
const NEVER: Duration = Duration::from_secs(1 << 40);

/// The battery-backed clock, in seconds since 1970; none when the machine has none that works.
#[must_use]
pub fn battery_backed() -> Option<i64> {
    let text = std::fs::read_to_string("/sys/class/rtc/rtc0/since_epoch").ok()?;
    text.trim().parse().ok().filter(|seconds| *seconds > 0)
}

/// Which boot of the machine this is: an id that the kernel makes anew each time. Empty when it does not say.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// How long the machine runs, by a clock that nobody can set and that goes on while it sleeps.
///
/// # Errors
/// The kernel does not have that clock.
pub fn since_boot() -> io::Result<Duration> {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)?;
    Ok(Duration::from(now))
}

/// Whether systemd runs this machine (sd_booted(3)).
#[must_use]
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Hears of the clock being set: by a person, by timesyncd, by a hypervisor. Slow corrections are none.
#[derive(Debug)]
pub struct Steps {
    timer: AsyncFd<Timer>,
}

#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Steps {
    /// From now on. Call it on a tokio runtime.
    ///
    /// # Errors
    /// The kernel gives no such timer.
    #[expect(
        deprecated,
        reason = "its successor is unsafe code; the timer is owned here for as long as it is registered"
    )]
    pub fn listen() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        arm(&timer)?;
        Ok(Self { timer: AsyncFd::new(Timer(timer))? })
    }

    /// Waits until the clock is set.
    ///
    /// # Errors
    /// The timer cannot be read or set again.
    pub async fn next(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            // It is not waited for; a timer that was cancelled by the clock being set says so at once.
            match ready.get_inner().0.wait() {
                Err(Errno::ECANCELED) => {
                    arm(&ready.get_inner().0)?;
                    ready.clear_ready();
                    return Ok(());
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Ok(()) => arm(&ready.get_inner().0)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A timer that never ends, but is cancelled when the clock is set (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`).
fn arm(timer: &TimerFd) -> io::Result<()> {
    let never = Expiration::OneShot(TimeSpec::from_duration(NEVER));
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    Ok(timer.set(never, flags)?)
}
