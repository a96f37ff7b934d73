//! The master key in a file: made at first start, readable by its owner alone.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use party::MasterKey;

use crate::system;

/// The file of the key in a data directory.
pub(crate) const NAME: &str = "master.key";

/// The key in `directory`, made when the store beside it is `new`.
///
/// Data whose key is lost is lost: so a missing key beside older data is an error, not a reason
/// to make another.
pub(crate) fn open(directory: &Path, new: bool) -> anyhow::Result<MasterKey> {
    let path = directory.join(NAME);
    let named = || path.display().to_string();
    if !path.exists() {
        ensure!(new, "{} is missing, and the data beside it needs it; restore it", named());
        create(directory, &path).with_context(named)?;
    }
    let mode = fs::metadata(&path).with_context(named)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others; run `chmod 600` on it", named());
    }
    let mut bytes = [0; 32];
    let text = fs::read_to_string(&path).with_context(named)?;
    hex::decode_to_slice(text.trim(), &mut bytes)
        .with_context(|| format!("{} is not 64 hexadecimal digits", named()))?;
    Ok(MasterKey::new(bytes))
}

/// Written aside and renamed, so that a crash leaves no half a key.
fn create(directory: &Path, path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let aside = directory.join("master.key.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    writeln!(file, "{}", hex::encode(system::seed()))?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fs::File::open(directory)?.sync_all()?;
    Ok(())
}
