//! The generated pages of `docs/reference`: what the code says of itself.

use std::{fs, path::PathBuf};

use clap::Args;
use product::kinds::{self, Kind};

/// Writes the generated reference pages.
#[derive(Args)]
pub(crate) struct Reference {
    /// Where they go.
    #[arg(long, default_value = "docs/reference")]
    out: PathBuf,
}

impl Reference {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        for (name, text) in pages()? {
            let path = self.out.join(name);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, text)?;
            println!("{}", path.display());
        }
        Ok(())
    }
}

/// Every page with its place.
pub(crate) fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let mut pages = vec![
        ("ledger-rejects.md".to_owned(), ledger::Reject::reference()),
        ("expressions.md".to_owned(), product::expression::reference()),
        ("openapi.json".to_owned(), api::openapi()),
        ("authorization.md".to_owned(), api::authorization()),
        ("packs.md".to_owned(), compliance::reference()),
    ];
    for kind in kinds::ALL {
        let schema = serde_json::to_string_pretty(&product::schema::schema(kind))? + "\n";
        pages.push((format!("kinds/{}.md", kind.name), page(kind)));
        pages.push((format!("kinds/{}.schema.json", kind.name), schema));
    }
    Ok(pages)
}

fn page(kind: &Kind) -> String {
    let Kind { name, title, summary, example, .. } = kind;
    let events: String = kind
        .events
        .iter()
        .map(|event| {
            let postings = event.postings.iter();
            let postings: Vec<_> = postings
                .map(|(amount, debit, credit)| format!("{amount}: {debit} ← {credit}"))
                .collect();
            let (en, zh) = (event.title.en, event.title.zh);
            format!("| `{}` | {en} {zh} | {} |\n", event.name, postings.join("<br>"))
        })
        .collect();
    format!(
        "# {} ({})\n\nGenerated from `{name}` in `product::kinds`: do not edit.\n\n{summary}\n\n\
        The complete schema is [`{name}.schema.json`]({name}.schema.json).\n\n\
        ## Events and how they are booked\n\n\
        Debit ← credit, on the default chart of accounts. A definition may book an event \
        otherwise, under `accounting`.\n\n\
        | event | meaning | postings |\n| --- | --- | --- |\n{events}\n\
        ## Example\n\n```yaml\n{}\n```\n",
        title.en,
        title.zh,
        example.trim_end()
    )
}
