//! Keys in files, readable by their owner alone; the master key is made at the first start.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use party::MasterKey;
use zeroize::Zeroizing;

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
        write(&path, &hex::encode(system::seed())).with_context(named)?;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(read(&path)?.trim(), &mut bytes)
        .with_context(|| format!("{} is not 64 hexadecimal digits", named()))?;
    Ok(MasterKey::new(bytes))
}

/// The text of a key file; refused when others can read it.
pub(crate) fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let named = || path.display().to_string();
    let mode = fs::metadata(path).with_context(named)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others; run `chmod 600` on it", named());
    }
    Ok(Zeroizing::new(fs::read_to_string(path).with_context(named)?))
}

/// Written aside and renamed, so that a crash leaves no half a key.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let aside = path.with_added_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fs::File::open(directory)?.sync_all()?;
    Ok(())
}
