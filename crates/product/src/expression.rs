//! Expressions of product definitions: eligibility rules, fees, decisions.
//!
//! The syntax is that of CEL (the Common Expression Language, <https://cel.dev>), read by the
//! parser of the `cel` crate. What is read means only what this module says: an expression is
//! checked against the declared fields of an [`Environment`] and compiled to a small tree of our
//! own. Why not the interpreter beside the parser: it finds type errors while a customer waits,
//! and it counts in binary floats. Here
//! - a mistake is found when a product is checked, all mistakes at once ([`Problem`]);
//! - a number is an exact [`money::Decimal`], exactly as written;
//! - an expression is total: it gives a value or a named [`EvaluationError`], and never panics;
//! - an expression is bounded by named [`limits`]: no loops, each part runs at most once.
//!
//! Suggested reading order: `environment` (fields, values), `functions` (the one table of what
//! can be written), `scan` (what the parser may see), `check` (types), `node` (evaluation).

mod check;
mod environment;
mod functions;
mod node;
mod scan;

use std::{fmt, sync::Arc};

use cel::parser::Parser;
pub use environment::{Environment, EnvironmentError, FactError, Facts, Field, Type, Value};
pub use functions::{FUNCTIONS, Function, reference};
use node::Node;

/// How large an expression may be. What a limit refuses names the limit.
///
/// The limits keep the parser, the check and the evaluation well within 2 MiB of stack: the
/// parser takes about 12 KB for each bracket it is within.
pub mod limits {
    /// Bytes of source text.
    pub const SOURCE_BYTES: usize = 8_192;
    /// Words, numbers, texts and signs; so also the nodes of the tree.
    pub const TOKENS: usize = 1_024;
    /// Brackets of any sort open at once.
    pub const NESTING: usize = 24;
    /// Operations within each other, `1 + 2 + 3` being two.
    pub const DEPTH: usize = 96;
    /// Items of a list literal.
    pub const LIST_ITEMS: usize = 256;

    /// Every limit with its name in messages.
    pub const ALL: [(&str, usize); 5] = [
        ("bytes of source", SOURCE_BYTES),
        ("tokens", TOKENS),
        ("open brackets", NESTING),
        ("operations within each other", DEPTH),
        ("items of a list", LIST_ITEMS),
    ];
}

/// A checked, compiled expression. It keeps its source; two are equal when their sources are.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    environment: Environment,
    node: Arc<Node>,
}

impl Expression {
    /// Checks and compiles `source`, which must give a value of type `expected`.
    ///
    /// # Errors
    /// All problems at once, by offset. A syntax error comes alone: what follows it is a guess.
    pub fn compile(
        source: &str,
        environment: &Environment,
        expected: Type,
    ) -> Result<Self, Vec<Problem>> {
        let tokens = scan::scan(source)?;
        // Our own limits are stricter than the parser's, and are named.
        let parser = Parser::new().max_recursion_depth(u16::MAX);
        let (tree, positions) = parser
            .parse_with_source_info(source)
            .map_err(|errors| vec![scan::syntax_problem(source, &tokens, &errors)])?;
        let node = check::check(source, environment, &expected, &tree, &positions)?;
        Ok(Self { source: source.into(), environment: environment.clone(), node: Arc::new(node) })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value, of the type it was compiled for.
    ///
    /// Evaluation goes left to right; `&&`, `||` and `?:` evaluate what they need and no more.
    ///
    /// # Errors
    /// See [`EvaluationError`].
    pub fn evaluate(&self, facts: &Facts) -> Result<Value, EvaluationError> {
        if *facts.environment() != self.environment {
            return Err(EvaluationError::ForeignFacts);
        }
        self.node.evaluate(facts).map(Into::into)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// One thing that is wrong with the text of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of source before it.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
    /// What sort of problem, stable and kebab-case.
    pub code: &'static str,
    /// What is wrong: a sentence.
    pub reason: String,
    /// What to do about it: a sentence.
    pub fix: String,
}

impl Problem {
    fn new(
        source: &str,
        offset: usize,
        code: &'static str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let offset = source.floor_char_boundary(offset);
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            code,
            reason: reason.into(),
            fix: fix.into(),
        }
    }
}

/// `line:column: reason fix (code)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, reason, fix, code, .. } = self;
        write!(f, "{line}:{column}: {reason} {fix} ({code})")
    }
}

/// Why an expression has no value for some facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationError {
    /// A declared field the evaluation came to has no value.
    MissingFact {
        /// The field.
        name: String,
    },
    /// `/` or `%` by zero.
    DivisionByZero,
    /// A number beyond ±79,228,162,514,264,337,593,543,950,335, the largest exact one.
    Overflow,
    /// `round` to something else than 0 to 28 whole digits.
    InvalidDigits,
    /// The facts were made for another environment than the expression was compiled for.
    ForeignFacts,
}

impl EvaluationError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingFact { .. } => "missing-fact",
            Self::DivisionByZero => "division-by-zero",
            Self::Overflow => "overflow",
            Self::InvalidDigits => "invalid-digits",
            Self::ForeignFacts => "foreign-facts",
        }
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingFact { name } => write!(f, "`{name}` has no value"),
            Self::DivisionByZero => write!(f, "division by zero"),
            Self::Overflow => write!(f, "a number has more digits than an exact decimal holds"),
            Self::InvalidDigits => write!(f, "`round` takes 0 to 28 whole digits"),
            Self::ForeignFacts => write!(f, "the facts belong to another environment"),
        }
    }
}

impl std::error::Error for EvaluationError {}
