//! Starting other programs, visibly.

use std::{
    fmt,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Error, Result};

/// Where programs are started.
pub(crate) struct Shell {
    directory: PathBuf,
}

impl Shell {
    /// In a directory.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where the caller is.
    pub(crate) fn here() -> Self {
        Self::at(PathBuf::from("."))
    }

    /// Whether a program is there and answers a question well. Prints nothing.
    pub(crate) fn answers(&self, words: &[&str]) -> bool {
        let status = self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|it| it.success())
    }

    /// Prints the words, runs them and waits.
    ///
    /// # Errors
    /// When the program is missing, or with [`Failed`] when it says that it failed.
    pub(crate) fn run(&self, words: &[&str]) -> Result<()> {
        let line = announce(words);
        let status =
            self.command(words).status().with_context(|| format!("cannot run `{line}`"))?;
        if status.success() {
            return Ok(());
        }
        Err(Failed { line, code: status.code() }.into())
    }

    /// Prints the words and becomes that program: its last output is the last, its exit code
    /// and its signals are its own. Returns only when it cannot be started.
    pub(crate) fn exec(&self, words: &[&str]) -> Error {
        let line = announce(words);
        Error::new(self.command(words).exec()).context(format!("cannot run `{line}`"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(&self.directory);
        command
    }
}

fn announce(words: &[&str]) -> String {
    let line = words.join(" ");
    eprintln!("\n$ {line}");
    line
}

/// A program ran and said that it failed.
#[derive(Debug)]
pub(crate) struct Failed {
    line: String,
    code: Option<i32>,
}

impl Failed {
    /// The program's own exit code, or 1 when a signal ended it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let code = self.code.and_then(|it| u8::try_from(it).ok());
        code.map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "`{}` failed with exit code {code}", self.line),
            None => write!(f, "`{}` was ended by a signal", self.line),
        }
    }
}

impl std::error::Error for Failed {}
