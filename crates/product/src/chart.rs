//! The chart of accounts: which accounts an institution's books have.
//!
//! A chart is data. The one that comes with the platform ([`Chart::china`]) follows
//! 《企业会计准则——应用指南》(财会〔2006〕18号); an institution may bring its own in the same form.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The code of an account: four digits, then sub-accounts of two digits, such as `1132.01`.
///
/// Held as a number (1132.01 is 11320100), so it is small, ordered as accountants order it, and
/// can be stored wherever a ledger keeps an account's code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountCode(u32);

impl AccountCode {
    /// The code as a number of eight digits.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The code that is this number, if it is one.
    pub fn from_number(number: u32) -> Option<Self> {
        let code = Self(number);
        let gap = code.part(1) == 0 && code.part(2) != 0;
        ((10_000_000..100_000_000).contains(&number) && !gap).then_some(code)
    }

    /// The account this one is a part of, if it is a part: 1132 for 1132.01.
    pub fn parent(self) -> Option<Self> {
        match (self.part(1), self.part(2)) {
            (0, _) => None,
            (_, 0) => Some(Self(self.0 - self.0 % 10_000)),
            _ => Some(Self(self.0 - self.0 % 100)),
        }
    }

    /// The four digits (level 0) or the two digits of a sub-account (levels 1 and 2).
    const fn part(self, level: u32) -> u32 {
        match level {
            0 => self.0 / 10_000,
            1 => self.0 / 100 % 100,
            _ => self.0 % 100,
        }
    }
}

impl fmt::Display for AccountCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.part(0))?;
        for level in [1, 2].into_iter().filter(|level| self.part(*level) != 0) {
            write!(f, ".{:02}", self.part(level))?;
        }
        Ok(())
    }
}

impl fmt::Debug for AccountCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not the code of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACode;

impl fmt::Display for NotACode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account code is four digits and up to two parts of two, like 1132.01")
    }
}

impl std::error::Error for NotACode {}

impl FromStr for AccountCode {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let mut number = String::with_capacity(8);
        for (level, part) in text.split('.').enumerate() {
            let digits = if level == 0 { 4 } else { 2 };
            let zero = level > 0 && part == "00";
            if part.len() != digits || zero || !part.bytes().all(|it| it.is_ascii_digit()) {
                return Err(NotACode);
            }
            number.push_str(part);
        }
        let number = format!("{number:0<8}").parse().map_err(|_| NotACode)?;
        Self::from_number(number).ok_or(NotACode)
    }
}

impl Serialize for AccountCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccountCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What an account stands for in the statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// What the institution owns or is owed (资产).
    Asset,
    /// What it owes (负债).
    Liability,
    /// What belongs to its owners (所有者权益).
    Equity,
    /// What it earned (收入).
    Income,
    /// What it spent (费用).
    Expense,
}

/// The side on which an account grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// 借.
    Debit,
    /// 贷.
    Credit,
}

/// How many accounts with this code there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// One for every contract.
    Contract,
    /// One house account in every lane; reports sum them.
    Lane,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartAccount {
    /// Its code.
    pub code: AccountCode,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// What it stands for.
    pub class: Class,
    /// Its normal side. A contra account grows on the side its class does not.
    pub side: Side,
    /// How many there are.
    pub per: Per,
}

/// A chart of accounts: unique codes, every sub-account under an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    source: String,
    accounts: BTreeMap<AccountCode, ChartAccount>,
}

/// The file form of a chart.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChartFile {
    source: String,
    accounts: Vec<ChartAccount>,
}

/// Why a text is not a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartError {
    /// Not the form of a chart; the text says where.
    Malformed(String),
    /// Two accounts with one code.
    Duplicate(AccountCode),
    /// A sub-account without its account.
    NoParent(AccountCode),
}

impl fmt::Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Duplicate(code) => write!(f, "account {code} is there twice"),
            Self::NoParent(code) => write!(f, "account {code} is a part of an account not there"),
        }
    }
}

impl std::error::Error for ChartError {}

impl Chart {
    /// Reads a chart from YAML or JSON.
    ///
    /// # Errors
    /// [`ChartError`], the first that is found.
    pub fn parse(text: &str) -> Result<Self, ChartError> {
        let file: ChartFile = serde_saphyr::from_str(text)
            .map_err(|error| ChartError::Malformed(error.to_string()))?;
        let mut accounts = BTreeMap::new();
        for account in file.accounts {
            let code = account.code;
            if accounts.insert(code, account).is_some() {
                return Err(ChartError::Duplicate(code));
            }
        }
        let chart = Self { source: file.source, accounts };
        let orphan = chart.accounts.keys().find(|code| chart.lacks_parent(**code));
        orphan.map_or(Ok(()), |code| Err(ChartError::NoParent(*code)))?;
        Ok(chart)
    }

    /// The chart that comes with the platform, after 财会〔2006〕18号.
    ///
    /// # Panics
    /// Never: the data is a part of the program, and a test reads it.
    pub fn china() -> &'static Self {
        static CHINA: LazyLock<Chart> = LazyLock::new(|| {
            Chart::parse(include_str!("../data/chart-cn.yaml"))
                .expect("our own chart is well formed")
        });
        &CHINA
    }

    /// The rule the chart follows.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The account with a code.
    pub fn get(&self, code: AccountCode) -> Option<&ChartAccount> {
        self.accounts.get(&code)
    }

    /// All accounts, by code.
    pub fn accounts(&self) -> impl Iterator<Item = &ChartAccount> {
        self.accounts.values()
    }

    fn lacks_parent(&self, code: AccountCode) -> bool {
        code.parent().is_some_and(|parent| !self.accounts.contains_key(&parent))
    }
}
