//! Brings the tables of a database to what this binary needs.

use clap::Args;
use store::Store;

/// Brings the tables of a PostgreSQL database to what this version needs.
///
/// Run it before the first node of a new version starts; nodes of the version before go on beside
/// it. When the last of those has stopped, `--contract` removes what only they needed.
#[derive(Args)]
pub(crate) struct Migrate {
    /// The PostgreSQL database.
    #[arg(long, env = "SUANPAN_DATABASE", value_name = "URL", hide_env_values = true)]
    database: String,
    /// Removes what only older versions needed; refused while a node of one is there.
    #[arg(long)]
    contract: bool,
}

impl Migrate {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let done = Store::migrate_postgres(&self.database, self.contract)?;
        done.iter().for_each(|it| println!("{it}"));
        if done.is_empty() {
            println!("nothing to do");
        }
        Ok(())
    }
}
