//! JSON Schema (draft 2020-12) of definitions, from the Rust types and their documentation.
//!
//! One source serves three readers: the checker walks the schema, forms are drawn from it, and
//! the reference prints it. What JSON Schema cannot say alone is a `format`, and each of ours is
//! in [`FORMATS`] with the function that checks it.

use money::{Currency, DayCount, Decimal, Period, Roll, Rounding};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};
use stdx::Date;

use crate::{
    chart::AccountCode,
    definition::{CODE_MAX, Definition, PACKS_MAX},
    expression::limits::SOURCE_BYTES,
    kinds::{Kind, instalment_loan::YEAR_DAYS_MAX},
    schedule::YearDay,
};

/// A text whose form a JSON Schema names but cannot describe.
pub struct Format {
    /// The value of `format`.
    pub name: &'static str,
    /// What a problem with it is called.
    pub code: &'static str,
    /// The text has the form.
    pub is: fn(&str) -> bool,
    /// What the form is, to follow "write".
    pub how: &'static str,
}

/// Every format used in a definition.
pub const FORMATS: &[Format] = &[
    Format {
        name: "account-code",
        code: "malformed-account-code",
        is: |text| text.parse::<AccountCode>().is_ok(),
        how: "four digits and parts of two, in quotes, like \"1132.01\"",
    },
    Format {
        name: "code",
        code: "malformed-code",
        is: is_code,
        how: "lower-case letters, digits and `-`, like `service-fee`",
    },
    Format {
        name: "currency",
        code: "unknown-currency",
        is: |text| text.parse::<Currency>().is_ok(),
        how: "a code of ISO 4217 that has a minor unit, like `CNY`",
    },
    Format {
        name: "date",
        code: "malformed-date",
        is: is_date,
        how: "year-month-day, like `2025-01-31`",
    },
    Format {
        name: "decimal",
        code: "malformed-decimal",
        is: |text| is_decimal(text) && Decimal::from_str_exact(text).is_ok(),
        how: "digits with a point, at most 28, like `0.096`",
    },
    // What an expression means is checked where its environment is known.
    Format {
        name: "expression",
        code: "empty-expression",
        is: |text| !text.trim().is_empty(),
        how: "an expression, like `applicant.age >= 18`",
    },
    // Whether there is such a rule is not known here.
    Format {
        name: "pack-rule",
        code: "malformed-pack-rule",
        is: |text| text.split_once('/').is_some_and(|(pack, key)| is_code(pack) && is_code(key)),
        how: "the name of a pack and a key in it, like `rate-ceilings/microloan`",
    },
    Format {
        name: "period",
        code: "malformed-period",
        is: |text| text.parse::<Period>().is_ok(),
        how: "a number and a unit, like `1 month` or `2 weeks`",
    },
    Format {
        name: "year-day",
        code: "malformed-year-day",
        is: |text| text.parse::<YearDay>().is_ok(),
        how: "a month and a day that every year has, like `03-15`",
    },
];

fn is_code(text: &str) -> bool {
    let part = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
    };
    text.len() <= CODE_MAX && text.split('-').all(part)
}

fn is_date(text: &str) -> bool {
    // `Date` also reads forms such as 20250131 and times behind the date.
    text.len() == 10 && text.parse::<Date>().is_ok_and(|date| date.to_string() == text)
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    numeric(whole) && numeric(fraction)
}

/// A code: lower-case letters, digits, hyphens.
pub fn code(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "format": "code", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
        "maxLength": CODE_MAX,
    })
}

/// A currency of ISO 4217.
pub fn currency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "currency", "pattern": "^[A-Z]{3}$" })
}

/// A calendar day.
pub fn date(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date" })
}

/// An exact decimal, as a number or as a text.
pub fn decimal(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["number", "string"], "format": "decimal", "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
    })
}

/// Days of every year.
pub fn year_days(_: &mut SchemaGenerator) -> Schema {
    let day = json!({ "type": "string", "format": "year-day", "pattern": "^[0-9]{2}-[0-9]{2}$" });
    json_schema!({ "type": "array", "items": day, "minItems": 1, "maxItems": YEAR_DAYS_MAX })
}

/// Rules of law, by pack and key.
pub fn pack_rules(_: &mut SchemaGenerator) -> Schema {
    let rule = json!({
        "type": "string", "format": "pack-rule",
        "pattern": "^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$",
    });
    json_schema!({ "type": "array", "items": rule, "maxItems": PACKS_MAX })
}

/// An expression.
pub fn expression(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "expression", "maxLength": SOURCE_BYTES })
}

/// A length of time.
pub fn period(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "format": "period", "pattern": "^[1-9][0-9]* (day|week|month|year)s?$",
    })
}

/// The code of an account of the chart.
pub fn account_code(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "format": "account-code", "pattern": "^[0-9]{4}(\\.[0-9]{2}){0,2}$",
    })
}

/// A day count.
pub fn day_count(_: &mut SchemaGenerator) -> Schema {
    names(&DayCount::ALL)
}

/// A rounding mode.
pub fn rounding(_: &mut SchemaGenerator) -> Schema {
    names(&Rounding::ALL)
}

/// A business-day convention.
pub fn roll(_: &mut SchemaGenerator) -> Schema {
    names(&Roll::ALL)
}

fn names<T>(all: &[(&'static str, T)]) -> Schema {
    let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    json_schema!({ "type": "string", "enum": names })
}

/// The schema of the terms of a kind: what [`Kind::terms_schema`] is for a type `T`.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The schema of every definition of a kind, complete in itself.
pub fn schema(kind: &Kind) -> Value {
    // A field that may be absent is absent: `null` is not another way to say so.
    let settings =
        SchemaSettings::draft2020_12().with_transform(schemars::transform::RecursiveTransform(
            // `additionalProperties: false` is a schema too, and stays as it is.
            |schema: &mut Schema| schema.as_object_mut().map_or((), without_null),
        ));
    let mut generator = settings.into_generator();
    let terms = (kind.terms_schema)(&mut generator);
    let mut schema = generator.into_root_schema_for::<Definition>().to_value();
    let properties = schema["properties"].as_object_mut().expect("a struct has properties");
    describe(properties, "kind", json!({ "const": kind.name }));
    describe(properties, "terms", terms.to_value());
    describe(properties, "accounting", accounting(kind));
    schema["title"] = json!(kind.title.en);
    schema["description"] = json!(kind.summary);
    schema
}

/// Replaces a property's schema and keeps its description.
fn describe(properties: &mut Map<String, Value>, name: &str, mut schema: Value) {
    let before = properties.get(name).and_then(|it| it.get("description")).cloned();
    if let Some(description) = before {
        schema["description"] = description;
    }
    properties.insert(name.to_owned(), schema);
}

/// One optional list of postings for each event of the kind.
fn accounting(kind: &Kind) -> Value {
    let events = kind.events.iter().map(|event| {
        let rules = json!({
            "type": "array",
            "title": event.title.en,
            "items": { "$ref": "#/$defs/PostingRule" },
            "maxItems": crate::definition::POSTINGS_MAX,
        });
        (event.name.to_owned(), rules)
    });
    let events: Map<String, Value> = events.collect();
    json!({ "type": "object", "properties": events, "additionalProperties": false })
}

fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|it| it.get("type").is_none_or(|it| it != "null"));
        if let [only] = &choices[..] {
            let only = only.clone();
            schema.remove("anyOf");
            schema.extend(only.as_object().cloned().unwrap_or_default());
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}
