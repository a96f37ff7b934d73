//! Who may have a product: rules over declared facts, and the reasons of a refusal.

use std::collections::BTreeMap;

use money::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    definition::{Definition, Fact, FactType, Text},
    expression::{Environment, Expression, Facts, Field, Type, Value},
    problem::{Problem, closest, join},
};

/// How well an applicant may be known, from not at all: the levels of a party.
pub const KYC_LEVELS: [&str; 4] = ["none", "declared", "verified", "face-to-face"];

/// What every applicant has. Amounts are in major units of the product's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// Completed years of age; years since founding for a company.
    pub age: u32,
    /// `person` or `company`.
    pub kind: &'static str,
    /// How well the applicant is known, one of [`KYC_LEVELS`].
    pub kyc_level: String,
    /// Principal owed to this institution, all loans.
    pub outstanding: Decimal,
    /// The worst days past due of today, all loans.
    pub days_past_due: u32,
}

/// Somebody asks for a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// How much, in major units.
    pub amount: Decimal,
    /// How many instalments; 1 where a product has none.
    pub term: u32,
    /// Who asks.
    pub applicant: Applicant,
    /// What the applicant declared beside.
    pub facts: BTreeMap<String, serde_json::Value>,
}

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The rule's code.
    pub code: String,
    /// What the applicant is told.
    pub reason: Text,
}

/// The compiled eligibility rules of a product.
#[derive(Clone, Debug)]
pub struct Eligibility {
    declared: BTreeMap<String, Fact>,
    environment: Environment,
    rules: Vec<(Expression, Failure)>,
}

/// The standard fields and the declared facts, as expressions see them. A fact whose name cannot
/// be written in an expression is left out.
pub fn environment(facts: &BTreeMap<String, Fact>) -> Environment {
    let standard = [
        Field::new("amount", Type::Number, "What is asked for, in major units."),
        Field::new("term", Type::Number, "How many instalments are asked for."),
        Field::new("applicant.age", Type::Number, "Completed years of age."),
        Field::one_of("applicant.kind", ["person", "company"], "A person or a company."),
        Field::one_of("applicant.kyc_level", KYC_LEVELS, "How well the applicant is known."),
        Field::new(
            "applicant.outstanding",
            Type::Number,
            "Principal owed to this institution, all loans, in major units.",
        ),
        Field::new("applicant.days_past_due", Type::Number, "The worst days past due of today."),
    ];
    let declared = facts.iter().filter(|(name, _)| is_fact_name(name)).map(|(name, fact)| {
        let (name, doc) = (format!("facts.{name}"), &fact.title.en);
        match fact.sort {
            FactType::Boolean => Field::new(name, Type::Bool, doc),
            FactType::Number => Field::new(name, Type::Number, doc),
            FactType::Text => Field::one_of(name, fact.values.iter().cloned(), doc),
        }
    });
    let fields = standard.into_iter().chain(declared);
    Environment::new(fields).expect("the names are distinct and well formed, and only texts choose")
}

/// A name that a rule can write behind `facts.`.
pub fn is_fact_name(name: &str) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    let field = || Environment::new([Field::new(format!("facts.{name}"), Type::Bool, "")]);
    name.bytes().all(plain) && field().is_ok()
}

impl Eligibility {
    /// Compiles the rules of a definition.
    ///
    /// # Errors
    /// Every rule that does not compile; none for a definition that was checked.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Problem>> {
        let declared = definition.facts.clone();
        let environment = environment(&declared);
        let mut rules = Vec::with_capacity(definition.eligibility.len());
        let mut problems = Vec::new();
        for (index, it) in definition.eligibility.iter().enumerate() {
            match Expression::compile(&it.rule, &environment, Type::Bool) {
                Ok(rule) => {
                    let failure = Failure { code: it.code.clone(), reason: it.reason.clone() };
                    rules.push((rule, failure));
                }
                Err(wrong) => problems.extend(wrong.into_iter().map(|it| {
                    Problem::new(format!("/eligibility/{index}/rule"), it.code, it.reason, it.fix)
                })),
            }
        }
        if problems.is_empty() { Ok(Self { declared, environment, rules }) } else { Err(problems) }
    }

    /// The rules an applicant fails; none is a yes.
    ///
    /// # Errors
    /// Those of [`Eligibility::facts`].
    pub fn decide(&self, application: &Application) -> Result<Vec<Failure>, Vec<Problem>> {
        Ok(self.failures(&self.facts(application)?))
    }

    /// What the rules read, from an application.
    ///
    /// # Errors
    /// Every declared fact that is missing or malformed, and every fact that is not declared; the
    /// paths are `/facts/…`.
    pub fn facts(&self, application: &Application) -> Result<Facts, Vec<Problem>> {
        let mut facts = Facts::new(&self.environment);
        let Applicant { age, kind, kyc_level, outstanding, days_past_due } = &application.applicant;
        let standard: [(&str, Value); 7] = [
            ("amount", application.amount.into()),
            ("term", Decimal::from(application.term).into()),
            ("applicant.age", Decimal::from(*age).into()),
            ("applicant.kind", (*kind).into()),
            ("applicant.kyc_level", kyc_level.clone().into()),
            ("applicant.outstanding", (*outstanding).into()),
            ("applicant.days_past_due", Decimal::from(*days_past_due).into()),
        ];
        let mut problems = Vec::new();
        for (name, value) in standard {
            if let Err(error) = facts.set(name, value) {
                let reason = format!("{error}.");
                problems.push(Problem::new("", error.code(), reason, "Correct the applicant."));
            }
        }
        problems.extend(self.declare(&application.facts, &mut facts));
        if problems.is_empty() { Ok(facts) } else { Err(problems) }
    }

    /// The rules that do not hold. A rule that has no value for these facts (it divides by a zero
    /// among them) does not hold: a doubt is never a yes.
    pub fn failures(&self, facts: &Facts) -> Vec<Failure> {
        let holds = |rule: &Expression| {
            rule.evaluate(facts).ok().and_then(|value| value.as_bool()).unwrap_or(false)
        };
        let failed = self.rules.iter().filter(|(rule, _)| !holds(rule));
        failed.map(|(_, failure)| failure.clone()).collect()
    }

    fn declare(
        &self,
        given: &BTreeMap<String, serde_json::Value>,
        facts: &mut Facts,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for name in given.keys().filter(|name| !self.declared.contains_key(*name)) {
            let near = closest(name, self.declared.keys().map(String::as_str));
            let fix =
                near.map_or_else(|| "Remove it.".to_owned(), |it| format!("Did you mean `{it}`?"));
            let reason = format!("The product asks for no fact `{name}`.");
            problems.push(Problem::new(join("/facts", name), "unknown-fact", reason, fix));
        }
        for (name, fact) in &self.declared {
            let place = join("/facts", name);
            let Some(value) = given.get(name) else {
                let reason = format!("The fact `{name}` is missing.");
                let fix = format!("Add it: {}.", fact.title.en);
                problems.push(Problem::new(place, "missing-fact", reason, fix));
                continue;
            };
            let value = fact_value(fact, value);
            let stated = value.map(|value| facts.set(&format!("facts.{name}"), value));
            if !matches!(stated, Some(Ok(()))) {
                let reason = format!("`{name}` does not have a value it may have.");
                problems.push(Problem::new(place, "malformed-fact", reason, how(fact)));
            }
        }
        problems
    }
}

/// The value a fact has, when it is of its type.
fn fact_value(fact: &Fact, value: &serde_json::Value) -> Option<Value> {
    match fact.sort {
        FactType::Text => value.as_str().map(Value::from),
        FactType::Boolean => value.as_bool().map(Value::from),
        FactType::Number => serde_json::from_value::<Decimal>(value.clone()).ok().map(Value::from),
    }
}

fn how(fact: &Fact) -> String {
    match fact.sort {
        FactType::Boolean => "Write true or false.".to_owned(),
        FactType::Number => "Write a number.".to_owned(),
        FactType::Text if fact.values.is_empty() => "Write a text.".to_owned(),
        FactType::Text => format!("Write one of: {}.", fact.values.join(", ")),
    }
}
