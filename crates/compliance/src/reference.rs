//! The page `docs/reference/packs.md`: every number with its source.

use std::fmt::Display;

use crate::{Pack, cn};

/// The page.
pub fn reference() -> String {
    let head = "# Packs 合规数据包\n\nGenerated from `crates/compliance/packs`: do not edit.\n\n\
        Numbers set by law or by the central bank. Each holds from its day until the next of the \
        same key.\nVerified means that the numbers and the day were read in a publication; \
        [SOURCES.md](../../crates/compliance/packs/SOURCES.md) says in which. What is not verified \
        must be looked up before it is relied on.\n";
    let sections = [
        section(cn::account_classes()),
        section(cn::amounts()),
        section(cn::benchmark_rates()),
        section(cn::classification_credit_cards()),
        section(cn::classification_loans()),
        section(cn::limits()),
        section(cn::lpr()),
        section(cn::non_accrual()),
        section(cn::provisions()),
        section(cn::rate_ceilings()),
    ];
    format!("{head}{}", sections.concat())
}

fn section<T: Display>(pack: &Pack<T>) -> String {
    let Pack { name, title, version, jurisdiction, effective, .. } = pack;
    let through = pack.through.map(|it| format!(", known through {it}")).unwrap_or_default();
    let rows: String = pack
        .entries()
        .map(|entry| {
            let article = entry.article.iter().map(|it| format!("，{it}")).collect::<String>();
            let verified = if entry.verified { "yes" } else { "**no**" };
            let note = entry.note.as_deref().unwrap_or_default();
            format!(
                "| `{}` | {} | {} | {}{article} | {verified} | {} |\n",
                entry.key,
                entry.from,
                entry.value,
                entry.source,
                note.trim_end()
            )
        })
        .collect();
    format!(
        "\n## {title}\n\n`{name}` of {jurisdiction}, version {version}, from \
        {effective}{through}.\n\n\
        | key | from | value | source | verified | note |\n\
        | --- | --- | --- | --- | --- | --- |\n{rows}"
    )
}
