//! Signed heads of the log, and proofs for somebody who has no access to it.
//!
//! `head`, `prove` and `export` read a data directory; `check` needs nothing but files and the
//! public key, so it can run anywhere.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use audit::{
    Chain, Check, Consistency, Edge, Fault, Head, Inclusion, Proof, PublicKey, Row, SignedHead,
    SigningKey, header,
};
use clap::{Args, Subcommand};
use ledger::{InstitutionId, TransferId};
use serde_json::value::RawValue;
use store::{LogRow, Sealed, Store, StoreError};

use crate::{data::Data, keyfile, system};

/// The file of the signing key in a data directory, when no other is named.
const KEY_FILE: &str = "audit.key";
/// How many rows are read at once: one may carry a megabyte of transfers.
const ROWS_AT_ONCE: usize = 32;
/// The most bytes of a file with a head or a proof, and of a line of an export: more than a row
/// with all that a commit may carry.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Signs heads of the log, makes proofs and checks them.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Makes the signing key when there is none, and prints its public key.
    Key(Key),
    /// Signs what an institution's log is now, and prints the head.
    Head(SignHead),
    /// Prints a proof that a row is in the log of a head, or that a head continues an earlier one.
    Prove(Prove),
    /// Prints all rows that a head counts, so that the whole history can be checked elsewhere.
    Export(Export),
    /// Checks heads, proofs and exports with nothing but the files and the public key.
    Check(CheckFiles),
}

#[derive(Args)]
struct Place {
    #[command(flatten)]
    data: Data,
    /// The file of the signing key; `audit.key` with the data when absent.
    #[arg(long, env = "SUANPAN_AUDIT_KEY")]
    signing_key: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Key {
    #[command(flatten)]
    place: Place,
    /// The name that a new key has in every signature.
    #[arg(long, default_value = "suanpan")]
    name: String,
}

#[derive(Args)]
pub(crate) struct SignHead {
    #[command(flatten)]
    place: Place,
    /// Whose log.
    #[arg(long)]
    institution: InstitutionId,
    /// The file of an earlier head: a log that does not continue it is not signed.
    #[arg(long)]
    after: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    data: Data,
    /// The file of the head that a row is proven to be in.
    #[arg(long, required_unless_present = "from", requires = "Which")]
    head: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// The file of an earlier head, to prove that a later one continues it.
    #[arg(long, requires = "to", conflicts_with_all = ["head", "Which"])]
    from: Option<PathBuf>,
    /// The file of the later head.
    #[arg(long, requires = "from")]
    to: Option<PathBuf>,
}

/// Which row.
#[derive(Args)]
#[group(multiple = false)]
struct Which {
    /// The row at this position of the log.
    #[arg(long, requires = "head")]
    position: Option<u64>,
    /// The row with this transfer.
    #[arg(long, requires = "head")]
    transfer: Option<TransferId>,
    /// The row of the command with this idempotency key.
    #[arg(long, requires = "head")]
    key: Option<String>,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    data: Data,
    /// The file of the head whose rows are exported.
    #[arg(long)]
    head: PathBuf,
}

#[derive(Args)]
pub(crate) struct CheckFiles {
    /// Files with a head or a proof each.
    #[arg(required_unless_present = "export")]
    files: Vec<PathBuf>,
    /// The key that must have signed, as `audit key` printed it.
    #[arg(long, env = "SUANPAN_AUDIT_PUBLIC_KEY")]
    public_key: PublicKey,
    /// The file of an export; its rows must also lead to each head among the files.
    #[arg(long)]
    export: Option<PathBuf>,
}

impl Audit {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        match self {
            Self::Key(command) => command.run(),
            Self::Head(command) => runtime.block_on(command.run()),
            Self::Prove(command) => runtime.block_on(command.run()),
            Self::Export(command) => runtime.block_on(command.run()),
            Self::Check(command) => command.run(),
        }
    }
}

impl Place {
    fn file(&self) -> PathBuf {
        self.signing_key.clone().unwrap_or_else(|| self.data.directory.join(KEY_FILE))
    }

    fn signing_key(&self) -> anyhow::Result<SigningKey> {
        let path = self.file();
        ensure!(path.exists(), "{} is missing; `suanpan audit key` makes one", path.display());
        let text = keyfile::read(&path)?;
        SigningKey::from_text(text.trim_end()).with_context(|| path.display().to_string())
    }
}

impl Key {
    fn run(self) -> anyhow::Result<()> {
        let path = self.place.file();
        if !path.exists() {
            let key = SigningKey::new(&self.name, &system::seed())?;
            keyfile::write(&path, &key.to_text()).with_context(|| path.display().to_string())?;
        }
        println!("{}", self.place.signing_key()?.public());
        Ok(())
    }
}

impl SignHead {
    async fn run(self) -> anyhow::Result<()> {
        let key = self.place.signing_key()?;
        let store = self.place.data.store_that_is()?;
        // What is signed is what is sealed, and what does not follow is not sealed.
        let sealed = store.seal(self.institution).await?;
        if let Some(path) = &self.after {
            let named = || path.display().to_string();
            let earlier = read_head(path)?.check(&key.public()).with_context(named)?;
            ensure!(earlier.institution == self.institution.cast(), Fault::OtherInstitution);
            leads_to(&store, sealed, &earlier).await.with_context(named)?;
        }
        let (institution, Sealed { size, root }) = (self.institution.cast(), sealed);
        print!("{}", Head { institution, size, root, at: system::now() }.sign(&key));
        Ok(())
    }
}

impl Prove {
    async fn run(self) -> anyhow::Result<()> {
        let store = self.data.store_that_is()?;
        let proof = match (&self.head, &self.from, &self.to) {
            (Some(head), ..) => Proof::Inclusion(self.which.proof(&store, head).await?),
            (None, Some(from), Some(to)) => Proof::Consistency(continued(&store, from, to).await?),
            _ => bail!("name a head and a row, or two heads"),
        };
        print!("{proof}");
        Ok(())
    }
}

impl Which {
    /// Proves that the row is in the log of a head.
    async fn proof(&self, store: &Store, path: &Path) -> anyhow::Result<Inclusion> {
        let head = read_head(path)?;
        let Head { institution, size, .. } = head.claimed();
        let of = institution.cast();
        let sealed = store.seal(of).await?;
        leads_to(store, sealed, &head.claimed())
            .await
            .with_context(|| path.display().to_string())?;
        let row = match self.position(store, of).await? {
            Some(position) => store.sealed_row(of, position).await?,
            None => None,
        };
        let (row, before, index) = row
            .filter(|(_, _, index)| *index < size)
            .with_context(|| format!("none of the {size} rows of the head is that one"))?;
        let path = store.inclusion(of, size, index).await?;
        let proof = Inclusion { row: audited(row)?, before, index, path, head };
        // A row that was changed after it was sealed.
        proof.check_row()?;
        Ok(proof)
    }

    async fn position(&self, store: &Store, of: InstitutionId) -> Result<Option<u64>, StoreError> {
        match (self.position, self.transfer, &self.key) {
            (Some(position), ..) => Ok(Some(position)),
            (_, Some(id), _) => store.position_of_transfer(of, id).await,
            (_, _, Some(key)) => store.position_of_key(of, key).await,
            _ => Ok(None),
        }
    }
}

/// Proves that a later head continues an earlier one.
async fn continued(store: &Store, from: &Path, to: &Path) -> anyhow::Result<Consistency> {
    let heads = (read_head(from)?, read_head(to)?);
    let (earlier, later) = (heads.0.claimed(), heads.1.claimed());
    ensure!(earlier.institution == later.institution, Fault::OtherInstitution);
    ensure!(earlier.size <= later.size, Fault::NotContinued);
    let of = later.institution.cast();
    let sealed = store.seal(of).await?;
    for (path, head) in [(from, earlier), (to, later)] {
        leads_to(store, sealed, &head).await.with_context(|| path.display().to_string())?;
    }
    let path = store.consistency(of, earlier.size, later.size).await?;
    Ok(Consistency { from: heads.0, to: heads.1, path })
}

/// Checks that a log begins with the rows of a head.
async fn leads_to(store: &Store, sealed: Sealed, head: &Head) -> anyhow::Result<()> {
    let (of, size) = (head.institution.cast(), head.size);
    let leads = size <= sealed.size && store.sealed_root(of, size).await? == head.root;
    ensure!(leads, Fault::OtherHistory { size });
    Ok(())
}

impl Export {
    async fn run(self) -> anyhow::Result<()> {
        let named = || self.head.display().to_string();
        let head = read_head(&self.head)?;
        let Head { institution, size, .. } = head.claimed();
        let of = institution.cast();
        let store = self.data.store_that_is()?;
        leads_to(&store, store.seal(of).await?, &head.claimed()).await.with_context(named)?;
        let mut out = BufWriter::new(io::stdout().lock());
        writeln!(out, "{}", header(&head))?;
        // Rows may have been changed after they were sealed: the first one is named.
        let (mut chain, mut edge, mut next) = (Chain::default(), Edge::default(), Some(0));
        while let Some(after) = next.filter(|_| edge.size() < size) {
            let page = store.log(of, after, ROWS_AT_ONCE).await?;
            for row in page.data {
                if edge.size() < size {
                    let row = audited(row)?;
                    chain.follow(&row)?;
                    edge.append(row.leaf(), |_, _| {});
                    writeln!(out, "{}", row.to_line())?;
                }
            }
            next = page.next;
        }
        ensure!(edge.root() == head.claimed().root, Fault::OtherHistory { size });
        Ok(out.flush()?)
    }
}

/// A row as an auditor gets it.
fn audited(row: LogRow) -> anyhow::Result<Row> {
    let position = row.position;
    let body = String::from_utf8(row.body).map_err(anyhow::Error::from);
    let body = body.and_then(|it| Ok(RawValue::from_string(it)?));
    Ok(Row {
        position,
        institution: row.institution.cast(),
        lane: row.lane.cast(),
        seq: row.seq,
        at: row.at,
        actor: row.actor,
        command: row.command,
        key: row.key,
        digest: row.digest,
        body: body.with_context(|| format!("the body of the row at position {position}"))?,
        transfers: row.transfers,
        root: row.root,
    })
}

impl CheckFiles {
    fn run(self) -> anyhow::Result<()> {
        let mut unproven = 0;
        let mut report = |path: &Path, checked: anyhow::Result<String>| {
            let said = checked.unwrap_or_else(|error| {
                unproven += 1;
                format!("NOT PROVEN: {error:#}")
            });
            println!("{}: {said}", path.display());
        };
        let mut known = Vec::new();
        for path in &self.files {
            report(path, self.check_file(path, &mut known));
        }
        if let Some(path) = &self.export {
            report(path, self.check_export(path, &known));
        }
        ensure!(unproven == 0, "{unproven} not proven");
        Ok(())
    }

    /// Checks a head or a proof; a head is added to those known.
    fn check_file(&self, path: &Path, known: &mut Vec<Head>) -> anyhow::Result<String> {
        let text = read(path)?;
        if !text.starts_with('{') {
            let head = text.parse::<SignedHead>()?.check(&self.public_key)?;
            known.push(head);
            return Ok(described(&head));
        }
        Ok(match text.parse()? {
            Proof::Inclusion(proof) => {
                let head = proof.check(&self.public_key)?;
                let Row { position, command, actor, at, .. } = &proof.row;
                format!("`{command}` by {actor} at {at}, position {position}, {}", described(&head))
            }
            Proof::Consistency(proof) => {
                let (from, to) = proof.check(&self.public_key)?;
                format!("{}, continues {} rows at {}", described(&to), from.size, from.at)
            }
        })
    }

    fn check_export(&self, path: &Path, known: &[Head]) -> anyhow::Result<String> {
        let mut lines = Lines { file: BufReader::new(File::open(path)?), number: 0 };
        let first = lines.next()?.context("an empty file")?;
        let mut check = Check::begin(&first, &self.public_key, known).context("line 1")?;
        while let Some(line) = lines.next()? {
            check.row(&line).with_context(|| format!("line {}", lines.number))?;
        }
        Ok(format!("all of {}", described(&check.end()?)))
    }
}

fn described(head: &Head) -> String {
    let Head { institution, size, at, .. } = head;
    format!("the log of {institution}, {size} rows at {at}")
}

/// The lines of an export; every one has its end.
struct Lines {
    file: BufReader<File>,
    /// Of the newest line, from 1.
    number: u64,
}

impl Lines {
    fn next(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = String::new();
        self.number += 1;
        let named = || format!("line {}", self.number);
        let mut file = (&mut self.file).take(LINE_BYTES_MAX);
        if file.read_line(&mut line).with_context(named)? == 0 {
            return Ok(None);
        }
        ensure!(line.pop() == Some('\n'), "line {} has no end", self.number);
        Ok(Some(line))
    }
}

fn read_head(path: &Path) -> anyhow::Result<SignedHead> {
    read(path)?.parse().with_context(|| path.display().to_string())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let named = || path.display().to_string();
    let bytes = fs::metadata(path).with_context(named)?.len();
    ensure!(bytes <= LINE_BYTES_MAX, "{} is no head or proof: it is too large", named());
    fs::read_to_string(path).with_context(named)
}
