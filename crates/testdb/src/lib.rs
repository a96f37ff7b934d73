//! A private PostgreSQL for tests: its own data, its own socket, nothing of it left afterwards.
//!
//! [`database`] gives a test an empty database on a cluster that all tests of a run share;
//! [`Postgres`] is a cluster of a test's own, to be killed, restarted and failed over.
//! What must be durable is: `fsync` is on, as PostgreSQL has it unless told otherwise.
//!
//! A server lives at most as long as the process that started it: it stops when a pipe from there
//! ends, which the operating system sees to however that process ended.

#[cfg(test)]
mod tests;

use std::{
    env,
    fs::{self, DirBuilder, OpenOptions},
    io::{BufRead as _, BufReader, Error, ErrorKind, Read, Result, Write as _},
    iter,
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

/// Names, in the environment, the folder with the socket of the cluster that tests shall share.
pub const SHARED: &str = "SUANPAN_TEST_POSTGRES";

/// The oldest major version the platform works with.
const VERSION_MIN: u32 = 15;
/// May do everything, row-level security or not.
const SUPERUSER: &str = "postgres";
/// Owns the databases, and may do nothing else.
const OWNER: &str = "suanpan";
/// How often a change of the configuration is looked for.
const RELOADS_MAX: usize = 1_000;

/// Beside PostgreSQL's own defaults. The folder of the socket is given at the start.
const CONFIGURATION: &str = "
listen_addresses = ''
max_connections = 300
";

/// Runs a server, `$1`, on the data in `$2/data` until its standard input ends. Removes `$2` then,
/// unless it read `keep`. Gives its standard error away, which so ends when the server does.
const KEEPER: &str = r#"
"$1" -D "$2/data" -k "$2" & server=$!
exec 2>/dev/null
read -r word
kill -QUIT "$server"
wait "$server"
[ "$word" = keep ] || rm -rf "$2"
"#;

/// The URL of a new, empty database on the cluster that [`SHARED`] names, or else on one of this
/// process.
///
/// # Errors
/// When there is no PostgreSQL, or it does not start.
pub fn database() -> Result<String> {
    static OWN: OnceLock<Result<Postgres>> = OnceLock::new();
    if let Some(folder) = env::var_os(SHARED) {
        return create_database(Path::new(&folder));
    }
    match OWN.get_or_init(Postgres::start) {
        Ok(own) => own.database(),
        Err(error) => Err(Error::new(error.kind(), error.to_string())),
    }
}

/// Whether there is a PostgreSQL that is new enough.
pub fn is_installed() -> bool {
    programs().is_ok()
}

/// A cluster of its own, stopped and removed when dropped.
pub struct Postgres {
    /// Holds the data and the socket.
    folder: PathBuf,
    server: Option<Server>,
}

impl Postgres {
    /// Makes an empty cluster and starts it, with a superuser and the ordinary role that owns the
    /// databases.
    ///
    /// # Errors
    /// When there is no PostgreSQL, or it does not start.
    pub fn start() -> Result<Self> {
        let mut made = Self::in_new_folder()?;
        let flags = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
        let mut initdb = program("initdb")?;
        run(initdb.args(flags).args(["--username", SUPERUSER, "-D"]).arg(made.data()))?;
        made.configure(CONFIGURATION)?;
        made.restart()?;
        run(client("createuser", &made.folder)?.arg(OWNER))?;
        Ok(made)
    }

    /// The folder with the socket, for [`SHARED`].
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The URL of a new, empty database, as the ordinary role that owns it.
    ///
    /// # Errors
    /// When the server is not running.
    pub fn database(&self) -> Result<String> {
        create_database(&self.folder)
    }

    /// The URL of the same database here.
    pub fn url(&self, database: &str) -> String {
        url(&[&self.folder], name_of(database))
    }

    /// The URL of the same database here or there, wherever it may be written.
    pub fn url_with(&self, other: &Self, database: &str) -> String {
        url(&[&self.folder, &other.folder], name_of(database))
    }

    /// Ends all processes of the server at once, as `kill -9` does.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        let server = self.server.take().ok_or_else(|| other("the server is not running"))?;
        let pid = self.pid()?;
        // Stopped, it cannot start another one while these are looked for.
        signal("STOP", &[pid])?;
        let all: Vec<u32> = children(pid)?.into_iter().chain([pid]).collect();
        signal("KILL", &all)?;
        server.end(true)?;
        // Until the last has left the memory they shared, the next server does not start.
        while all.iter().any(|it| is_alive(*it)) {
            thread::yield_now();
        }
        Ok(())
    }

    /// Starts it on the data it has; stops it in order before that, if it is running.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            self.control("stop", &["--mode=fast"])?;
            server.end(true)?;
        }
        self.server = Some(Server::start(&self.folder)?);
        Ok(())
    }

    /// A copy that follows this one; from now on a commit here is answered when it is durable in
    /// both.
    ///
    /// # Errors
    /// When this one is not running, or the copy does not start.
    pub fn standby(&self) -> Result<Self> {
        let mut made = Self::in_new_folder()?;
        made.follow(self)?;
        Ok(made)
    }

    /// Becomes a copy of another that is running, as [`Postgres::standby`] makes one; what it had
    /// is removed.
    ///
    /// # Errors
    /// When this one is running, or the other one is not.
    pub fn follow(&mut self, primary: &Self) -> Result<()> {
        if self.server.is_some() {
            return Err(other("the server is running"));
        }
        if self.data().exists() {
            fs::remove_dir_all(self.data())?;
        }
        let flags = ["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-D"];
        run(client("pg_basebackup", &primary.folder)?.args(flags).arg(self.data()))?;
        // Whom the other one waits for, this one shall not wait for when it takes over.
        self.configure("synchronous_standby_names = ''\n")?;
        self.restart()?;
        primary.configure("synchronous_standby_names = '*'\n")?;
        primary.control("reload", &[])?;
        let ask = |statement: &str| {
            let flags = ["--no-align", "--tuples-only", "--command", statement];
            run(client("psql", &primary.folder)?.args(flags))
        };
        for _ in 0..RELOADS_MAX {
            if ask("SHOW synchronous_standby_names")?.trim() == "*" {
                // Its commit waits until the copy has said for the first time that it has it.
                return ask(&format!("COMMENT ON ROLE {OWNER} IS 'followed'")).map(drop);
            }
        }
        Err(other("the server does not see its new configuration"))
    }

    /// Makes a copy take over.
    ///
    /// # Errors
    /// When it is not running, or not a copy.
    pub fn promote(&self) -> Result<()> {
        self.control("promote", &[])
    }

    fn in_new_folder() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("suanpan-postgres-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let made = Self { folder, server: None };
        if let Some((user, group)) = somebody_else()? {
            chown(&made.folder, Some(user), Some(group))?;
        }
        Ok(made)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn configure(&self, lines: &str) -> Result<()> {
        let path = self.data().join("postgresql.conf");
        OpenOptions::new().append(true).open(path)?.write_all(lines.as_bytes())
    }

    fn control(&self, what: &str, flags: &[&str]) -> Result<()> {
        let mut command = program("pg_ctl")?;
        run(command.arg(what).args(flags).arg("-D").arg(self.data())).map(drop)
    }

    /// The first process of the running server.
    fn pid(&self) -> Result<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let pid = text.lines().next().and_then(|it| it.parse().ok());
        pid.ok_or_else(|| other("no process in postmaster.pid"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for what is temporary.
        match self.server.take() {
            Some(server) => server.end(false).unwrap_or_default(),
            None => fs::remove_dir_all(&self.folder).unwrap_or_default(),
        }
    }
}

/// A running server, in the hands of [`KEEPER`].
struct Server(Child);

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let mut keeper = as_owner("sh")?;
        keeper.args(["-c", KEEPER, "sh"]).arg(programs()?.join("postgres")).arg(folder);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A group of its own: what ends ours reaches it by the pipe.
        let mut child = keeper.process_group(0).spawn()?;
        let log = child.stderr.take();
        let (tell, told) = mpsc::channel();
        // Reads to the end: a server that cannot write its log waits.
        thread::spawn(move || log.into_iter().for_each(|log| follow(log, &tell)));
        let mut lines = Vec::new();
        for line in told {
            if line.contains("ready to accept") {
                return Ok(Self(child));
            }
            lines.push(line);
        }
        Self(child).end(true)?;
        Err(other(&format!("PostgreSQL does not start:\n{}", lines.join("\n"))))
    }

    /// Ends the server and waits; `keep`s its data, or removes them.
    fn end(mut self, keep: bool) -> Result<()> {
        if let Some(mut input) = self.0.stdin.take() {
            input.write_all(if keep { b"keep\n" } else { b"\n" })?;
        }
        self.0.wait().map(drop)
    }
}

/// Tells the lines of a log for as long as somebody listens, and reads on.
fn follow(log: impl Read, tell: &mpsc::Sender<String>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        tell.send(line).unwrap_or_default();
    }
}

fn create_database(folder: &Path) -> Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    run(client("createdb", folder)?.args(["--owner", OWNER, &name]))?;
    Ok(url(&[folder], &name))
}

fn url(folders: &[&Path], database: &str) -> String {
    let hosts = folders.iter().map(|it| it.display().to_string().replace('/', "%2F"));
    format!("postgres://{OWNER}@{}/{database}", hosts.collect::<Vec<_>>().join(","))
}

/// The last part of a URL.
fn name_of(database: &str) -> &str {
    database.rsplit_once('/').map_or(database, |(_, name)| name)
}

/// A program that speaks to a server, as the superuser.
fn client(name: &str, folder: &Path) -> Result<Command> {
    let mut command = program(name)?;
    command.arg("--host").arg(folder).args(["--username", SUPERUSER]);
    Ok(command)
}

/// One of PostgreSQL's programs.
fn program(name: &str) -> Result<Command> {
    as_owner(programs()?.join(name))
}

/// A program as somebody who is not root, whom PostgreSQL refuses.
fn as_owner(name: impl AsRef<Path>) -> Result<Command> {
    let Some((user, group)) = somebody_else()? else {
        return Ok(Command::new(name.as_ref()));
    };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
    command.arg("--clear-groups").arg("--").arg(name.as_ref());
    // Where root stands may be closed to others.
    command.current_dir("/");
    Ok(command)
}

/// The user and the group that PostgreSQL's package made, for those who are root.
fn somebody_else() -> Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let number = |flag| -> Result<u32> {
        let text = run(Command::new("id").args([flag, SUPERUSER]))?;
        text.trim().parse().map_err(|_| other("`id` printed no number"))
    };
    Ok(Some((number("-u")?, number("-g")?)))
}

/// The folder with PostgreSQL's programs: the newest of Debian's, or that of `pg_config`.
fn programs() -> Result<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|entry| {
        let path = entry.ok()?.path();
        let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
        Some((version, path.join("bin")))
    });
    let found = debian.chain(iter::once_with(configured).flatten());
    let found = found.filter(|(version, bin)| {
        *version >= VERSION_MIN && ["initdb", "psql"].iter().all(|it| bin.join(it).exists())
    });
    let newest = found.max_by_key(|(version, _)| *version).map(|(_, bin)| bin);
    newest.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("no PostgreSQL {VERSION_MIN} or later"))
    })
}

/// What `pg_config` says, where there is one.
fn configured() -> Option<(u32, PathBuf)> {
    let ask = |flag| run(Command::new("pg_config").arg(flag)).ok();
    let version = ask("--version")?;
    let number = version.split([' ', '.']).nth(1)?.parse().ok()?;
    Some((number, PathBuf::from(ask("--bindir")?.trim())))
}

/// What a program prints; what it complains about when it fails.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let name = command.get_program().display();
    Err(other(&format!("{name}: {}", String::from_utf8_lossy(&output.stderr))))
}

fn signal(name: &str, pids: &[u32]) -> Result<()> {
    let mut command = Command::new("kill");
    run(command.arg(format!("-{name}")).args(pids.iter().map(u32::to_string))).map(drop)
}

/// The processes that a process started.
fn children(parent: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_str().and_then(|it| it.parse().ok());
        found.extend(pid.filter(|it| status(*it).is_some_and(|(_, of)| of == parent)));
    }
    Ok(found)
}

fn is_alive(pid: u32) -> bool {
    status(pid).is_some_and(|(state, _)| state != 'Z')
}

/// The state of a process and the process that started it.
fn status(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

fn other(message: &str) -> Error {
    Error::other(message)
}
