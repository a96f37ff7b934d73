//! A product definition: the data one writes to make a product.
//!
//! YAML and JSON are the same thing. A text becomes a [`Document`] (a JSON value and the lines it
//! came from), a value is checked (see [`crate::check`]), and only what passed becomes a
//! [`Definition`]. So a `Definition` in hand is right in form and in meaning.

use std::collections::BTreeMap;

use money::Currency;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stdx::Date;

use crate::{
    accounting::PostingRule, chart::Chart, check, document::Document, problem::Problem, schema,
};

/// The most eligibility rules of a product.
pub const RULES_MAX: usize = 100;
/// The most rules of law a product names.
pub const PACKS_MAX: usize = 20;
/// The most facts an applicant may be asked for.
pub const FACTS_MAX: usize = 100;
/// The most values a fact may choose from.
pub const FACT_VALUES_MAX: usize = 200;
/// The most postings an event may make.
pub const POSTINGS_MAX: usize = 20;
/// The longest text of a name, a reason, a description, in characters.
pub const TEXT_MAX: usize = 2_000;
/// The longest code of a product, a rule, a fee, in characters.
pub const CODE_MAX: usize = 64;

/// A product: its head, what an applicant must be, the terms of its kind, its accounting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The name of the product in files, contracts and addresses.
    #[schemars(schema_with = "schema::code")]
    pub product: String,
    /// The version, from 1. A published version never changes; a change is the next version.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// The kind of product: it decides what `terms` holds.
    pub kind: String,
    /// What people call it.
    pub name: Text,
    /// What it is for, in a sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// The currency of every amount in it (ISO 4217).
    #[schemars(schema_with = "schema::currency")]
    pub currency: Currency,
    /// The first day on which a contract may be made under this version.
    #[schemars(schema_with = "schema::date")]
    pub effective: Date,
    /// The last such day; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date")]
    pub until: Option<Date>,
    /// What an applicant declares beside the standard fields, by name: `job` is read in a rule as
    /// `facts.job`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = FACTS_MAX))]
    pub facts: BTreeMap<String, Fact>,
    /// What must be true of an applicant. All must hold; those that do not are the reasons of the
    /// refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = RULES_MAX))]
    pub eligibility: Vec<Rule>,
    /// The rules of law it is made under, by pack and key: `rate-ceilings/microloan`. A product
    /// that breaks one is not published, and no contract under it breaks one either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::pack_rules")]
    pub packs: Vec<String>,
    /// The parameters of the kind.
    pub terms: Value,
    /// Where money goes, by event, where it differs from the kind's own accounting.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounting: BTreeMap<String, Vec<PostingRule>>,
}

/// A text in both languages of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    #[schemars(length(min = 1, max = TEXT_MAX))]
    pub en: String,
    /// Chinese (中文).
    #[schemars(length(min = 1, max = TEXT_MAX))]
    pub zh: String,
}

/// Something an applicant declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What sort of value it is.
    #[serde(rename = "type")]
    pub sort: FactType,
    /// For a text: the values to choose from. Without it any text will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = FACT_VALUES_MAX))]
    pub values: Vec<String>,
    /// What people call it.
    pub title: Text,
}

/// What sort of value a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FactType {
    /// A text.
    Text,
    /// A decimal number.
    Number,
    /// Yes or no.
    Boolean,
}

/// Something that must be true of an applicant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in decisions and statistics.
    #[schemars(schema_with = "schema::code")]
    pub code: String,
    /// An expression that is true or false, over `amount`, `term`, `applicant.*` and `facts.*`.
    #[schemars(schema_with = "schema::expression")]
    pub rule: String,
    /// What an applicant is told when it does not hold.
    pub reason: Text,
}

impl Definition {
    /// Reads a definition from YAML or JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file.
    pub fn parse(text: &str, chart: &Chart) -> Result<Self, Vec<Problem>> {
        Self::from_document(&Document::parse(text).map_err(|problem| vec![problem])?, chart)
    }

    /// The definition a value holds.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the value.
    pub fn from_value(value: Value, chart: &Chart) -> Result<Self, Vec<Problem>> {
        Self::from_document(&Document::from_value(value).map_err(|problem| vec![problem])?, chart)
    }

    /// The definition a document holds.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the document.
    pub fn from_document(document: &Document, chart: &Chart) -> Result<Self, Vec<Problem>> {
        let problems = check::check(document, chart);
        if !problems.is_empty() {
            return Err(problems);
        }
        let read = serde_json::from_value(document.value().clone());
        read.map_err(|error| vec![check::unforeseen("", &error)])
    }

    /// A contract may be made under this version on this day.
    pub fn in_force(&self, day: Date) -> bool {
        self.effective <= day && self.until.is_none_or(|until| day <= until)
    }
}
