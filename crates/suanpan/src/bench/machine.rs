//! What the kernel counts for this process (Linux `proc(5)`); null elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::figures::{ratio, seconds};

/// Processor time is counted in hundredths of a second on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// What was counted up to a moment.
pub(crate) struct Machine {
    at: Instant,
    process: Cpu,
    threads: BTreeMap<String, Cpu>,
    /// Bytes this process made dirty in files that are on a disk.
    written: Option<u64>,
    /// Flushes of the disk's cache by anybody.
    flushes: Option<u64>,
    /// Processor time that a host gave to other machines while somebody here wanted it.
    stolen: Option<Duration>,
    disk: Option<PathBuf>,
}

/// What was counted between two moments.
pub(crate) struct Spent {
    pub(crate) time: Duration,
    pub(crate) written: Option<u64>,
    pub(crate) flushes: Option<u64>,
    stolen: Option<Duration>,
    process: Cpu,
    threads: BTreeMap<String, Cpu>,
}

/// Processor time.
#[derive(Clone, Copy, Default)]
struct Cpu {
    user: Duration,
    system: Duration,
}

impl Machine {
    /// Counts up to now; flushes are those of the disk `directory` is on.
    pub(crate) fn now(directory: &Path) -> Self {
        let disk = disk(directory);
        Self {
            at: Instant::now(),
            process: cpu(Path::new("/proc/self/stat")).map_or(Cpu::default(), |it| it.1),
            threads: threads(),
            written: written(),
            flushes: disk.as_deref().and_then(flushes),
            stolen: stolen(),
            disk,
        }
    }

    /// What was counted since.
    pub(crate) fn spent(&self) -> Spent {
        let difference = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        let process = cpu(Path::new("/proc/self/stat")).map_or(Cpu::default(), |it| it.1);
        let threads = threads().into_iter().map(|(name, now)| {
            let before = self.threads.get(&name).copied().unwrap_or_default();
            (name, now.since(before))
        });
        Spent {
            time: self.at.elapsed(),
            written: difference(written(), self.written),
            flushes: difference(self.disk.as_deref().and_then(flushes), self.flushes),
            stolen: stolen().zip(self.stolen).map(|(now, before)| now.saturating_sub(before)),
            process: process.since(self.process),
            threads: threads.collect(),
        }
    }
}

impl Spent {
    /// Seconds of processor time, in all and by the name of the thread.
    pub(crate) fn cpu(&self) -> Value {
        let threads = self.threads.iter().filter(|(_, cpu)| !cpu.all().is_zero());
        let threads: BTreeMap<_, _> =
            threads.map(|(name, cpu)| (name, seconds(cpu.all()))).collect();
        json!({
            "seconds": seconds(self.time),
            "user_s": seconds(self.process.user),
            "system_s": seconds(self.process.system),
            "stolen_s": self.stolen.map(seconds),
            "threads_s": threads,
        })
    }

    /// Processor time in all.
    pub(crate) fn processor(&self) -> Duration {
        self.process.all()
    }

    /// Processor time as a share of one processor.
    pub(crate) fn load(&self) -> Option<f64> {
        let micros = |it: Duration| u64::try_from(it.as_micros()).unwrap_or(u64::MAX);
        ratio(micros(self.process.all()), micros(self.time))
    }
}

impl Cpu {
    fn all(self) -> Duration {
        self.user + self.system
    }

    fn plus(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }

    fn since(self, before: Self) -> Self {
        let user = self.user.saturating_sub(before.user);
        Self { user, system: self.system.saturating_sub(before.system) }
    }
}

/// Bytes of memory this process holds.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// Name and time of a process or a thread.
fn cpu(stat: &Path) -> Option<(String, Cpu)> {
    let stat = fs::read_to_string(stat).ok()?;
    // The name stands in brackets and may hold any character.
    let (name, rest) = (stat.split_once('(')?.1).rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let mut time = || fields.next()?.parse::<u32>().ok().map(|ticks| TICK * ticks);
    Some((name.to_owned(), Cpu { user: time()?, system: time()? }))
}

/// The eighth number of all processors' time.
fn stolen() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_whitespace().nth(7)?.parse::<u32>().ok().map(|ticks| TICK * ticks)
}

/// The threads that are running, those of one name together.
fn threads() -> BTreeMap<String, Cpu> {
    let mut threads = BTreeMap::<String, Cpu>::new();
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for (name, time) in tasks.filter_map(|task| cpu(&task.path().join("stat"))) {
        let sum = threads.entry(name).or_default();
        *sum = sum.plus(time);
    }
    threads
}

fn written() -> Option<u64> {
    let io = fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}

/// Where the kernel tells about the disk that a directory is on.
fn disk(directory: &Path) -> Option<PathBuf> {
    let device = fs::metadata(directory).ok()?.dev();
    // As `makedev(3)` has it.
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    let device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    // Only whole disks count flushes.
    let partition = device.join("partition").exists();
    if partition { device.parent().map(Path::to_owned) } else { Some(device) }
}

/// The sixteenth number of a disk's `stat` (Linux 5.5).
fn flushes(disk: &Path) -> Option<u64> {
    let stat = fs::read_to_string(disk.join("stat")).ok()?;
    stat.split_whitespace().nth(15)?.parse().ok()
}
