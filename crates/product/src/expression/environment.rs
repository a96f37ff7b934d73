//! What an expression can speak about: declared fields, and facts for them.

use std::{fmt, sync::Arc};

use money::Decimal;
use stdx::Date;

use crate::problem::closest;

/// The type of a field or of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// An exact decimal number.
    Number,
    /// A text.
    Text,
    /// A day of the calendar.
    Date,
    /// A list whose items are all of one type.
    List(Box<Type>),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::Text => f.write_str("text"),
            Self::Date => f.write_str("date"),
            Self::List(item) => write!(f, "list of {item}"),
        }
    }
}

/// A value of an expression or of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// See [`Type::Bool`].
    Bool(bool),
    /// See [`Type::Number`].
    Number(Decimal),
    /// See [`Type::Text`].
    Text(String),
    /// See [`Type::Date`].
    Date(Date),
    /// See [`Type::List`].
    List(Vec<Value>),
}

impl Value {
    /// Whether it is a value of that type. The empty list is one of every list type.
    pub fn is_a(&self, of: &Type) -> bool {
        match (self, of) {
            (Self::Bool(_), Type::Bool)
            | (Self::Number(_), Type::Number)
            | (Self::Text(_), Type::Text)
            | (Self::Date(_), Type::Date) => true,
            (Self::List(items), Type::List(of)) => items.iter().all(|item| item.is_a(of)),
            _ => false,
        }
    }

    /// The truth value, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number, when it is one.
    pub fn as_number(&self) -> Option<Decimal> {
        if let Self::Number(value) = self { Some(*value) } else { None }
    }
}

/// As it is written in an expression.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Date(value) => write!(f, "date(\"{value}\")"),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Self::Number(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Date> for Value {
    fn from(value: Date) -> Self {
        Self::Date(value)
    }
}

/// A declared field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its dotted name, such as `applicant.age`.
    pub name: String,
    /// The type of its values.
    pub of: Type,
    /// The values a text may have; none listed, any value.
    pub allowed: Vec<String>,
    /// What it means and in what unit, for the author of an expression.
    pub doc: String,
}

impl Field {
    /// A field that may have any value of its type.
    pub fn new(name: impl Into<String>, of: Type, doc: impl Into<String>) -> Self {
        Self { name: name.into(), of, allowed: Vec::new(), doc: doc.into() }
    }

    /// A text that has one of a few values.
    pub fn one_of<T: Into<String>>(
        name: impl Into<String>,
        allowed: impl IntoIterator<Item = T>,
        doc: impl Into<String>,
    ) -> Self {
        let allowed = allowed.into_iter().map(Into::into).collect();
        Self { allowed, ..Self::new(name, Type::Text, doc) }
    }

    /// Whether the field may have that text.
    pub(super) fn allows(&self, text: &str) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|allowed| allowed == text)
    }
}

/// The fields an expression may use. A clone is the same environment and costs nothing.
#[derive(Clone, Debug)]
pub struct Environment {
    /// By name; the index of a field is its slot.
    fields: Arc<[Field]>,
}

/// Why fields make no environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentError {
    /// A name that cannot be written in an expression.
    MalformedName(String),
    /// Two fields of one name.
    DuplicateName(String),
    /// Allowed values for something else than a text.
    AllowedWithoutText(String),
}

impl EnvironmentError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MalformedName(_) => "malformed-field-name",
            Self::DuplicateName(_) => "duplicate-field-name",
            Self::AllowedWithoutText(_) => "allowed-without-text",
        }
    }
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedName(name) => {
                write!(f, "`{name}` is no field name: write words of a-z, 0-9, _ joined by dots")
            }
            Self::DuplicateName(name) => write!(f, "`{name}` is declared twice"),
            Self::AllowedWithoutText(name) => {
                write!(f, "`{name}` lists allowed values, which only a text has")
            }
        }
    }
}

impl std::error::Error for EnvironmentError {}

impl Environment {
    /// An environment of these fields, in any order.
    ///
    /// # Errors
    /// See [`EnvironmentError`]; the first one found.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Result<Self, EnvironmentError> {
        let mut fields: Vec<Field> = fields.into_iter().collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        for field in &fields {
            if !is_name(&field.name) {
                return Err(EnvironmentError::MalformedName(field.name.clone()));
            }
            if !field.allowed.is_empty() && field.of != Type::Text {
                return Err(EnvironmentError::AllowedWithoutText(field.name.clone()));
            }
        }
        if let Some(pair) = fields.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(EnvironmentError::DuplicateName(pair[0].name.clone()));
        }
        Ok(Self { fields: fields.into() })
    }

    /// The fields, by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A field and its slot.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Field)> {
        let slot = self.fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        Some((slot, &self.fields[slot]))
    }

    /// The field somebody who wrote `name` probably meant.
    pub(super) fn suggest(&self, name: &str) -> Option<&str> {
        let names = || self.fields.iter().map(|field| field.name.as_str());
        let is_last_word = |it: &str| it.rsplit('.').next() == Some(name);
        let is_group = |it: &str| name.strip_prefix(it).is_some_and(|rest| rest.starts_with('.'));
        closest(name, names()).or_else(|| names().find(|it| is_last_word(it) || is_group(it)))
    }
}

/// The same fields with the same slots.
impl PartialEq for Environment {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.fields, &other.fields) || self.fields == other.fields
    }
}

impl Eq for Environment {}

/// Words of CEL's grammar, which cannot name a field.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Whether a field of this name can be written in an expression.
fn is_name(name: &str) -> bool {
    name.split('.').all(|word| {
        !RESERVED.contains(&word)
            && word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Values for the fields of an environment. A field without a value is missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    environment: Environment,
    slots: Vec<Option<Value>>,
}

/// Names the fields that have a value and never shows one: it may be personal.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.environment.fields.iter().zip(&self.slots);
        let stated = fields.filter(|(_, value)| value.is_some()).map(|(field, _)| &field.name);
        f.debug_set().entries(stated).finish()
    }
}

/// Why a value is no fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactError {
    /// No such field.
    UnknownField {
        /// The name given.
        name: String,
        /// A field of nearly that name.
        suggestion: Option<String>,
    },
    /// The field is of another type.
    WrongType {
        /// The field.
        name: String,
        /// What it should be.
        expected: Type,
    },
    /// The field does not allow that text.
    NotAllowed {
        /// The field.
        name: String,
        /// An allowed text near to the one given.
        suggestion: Option<String>,
    },
}

impl FactError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownField { .. } => "unknown-field",
            Self::WrongType { .. } => "wrong-type",
            Self::NotAllowed { .. } => "value-not-allowed",
        }
    }
}

/// Never shows the value: it may be personal.
impl fmt::Display for FactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suggestion = match self {
            Self::UnknownField { name, suggestion } => {
                write!(f, "there is no field `{name}`")?;
                suggestion
            }
            Self::WrongType { name, expected } => {
                write!(f, "`{name}` is a {expected}")?;
                &None
            }
            Self::NotAllowed { name, suggestion } => {
                write!(f, "`{name}` does not allow this value")?;
                suggestion
            }
        };
        suggestion.iter().try_for_each(|it| write!(f, "; did you mean `{it}`?"))
    }
}

impl std::error::Error for FactError {}

impl Facts {
    /// No facts yet.
    pub fn new(environment: &Environment) -> Self {
        let slots = vec![None; environment.fields.len()];
        Self { environment: environment.clone(), slots }
    }

    /// The environment the facts belong to.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// States a fact, in place of an earlier one for the same field.
    ///
    /// # Errors
    /// See [`FactError`]; nothing is changed then.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), FactError> {
        let value = value.into();
        let Some((slot, field)) = self.environment.find(name) else {
            let suggestion = self.environment.suggest(name).map(str::to_owned);
            return Err(FactError::UnknownField { name: name.to_owned(), suggestion });
        };
        if !value.is_a(&field.of) {
            let expected = field.of.clone();
            return Err(FactError::WrongType { name: name.to_owned(), expected });
        }
        if let Value::Text(text) = &value
            && !field.allows(text)
        {
            let allowed = field.allowed.iter().map(String::as_str);
            let suggestion = closest(text, allowed).map(str::to_owned);
            return Err(FactError::NotAllowed { name: name.to_owned(), suggestion });
        }
        self.slots[slot] = Some(value);
        Ok(())
    }

    /// The value of a field, when it is declared and has one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let (slot, _) = self.environment.find(name)?;
        self.slots[slot].as_ref()
    }

    /// The value in a slot of the environment.
    pub(super) fn slot(&self, slot: usize) -> Option<&Value> {
        self.slots.get(slot)?.as_ref()
    }
}
