//! The chart of accounts: which accounts an institution's books have.
//!
//! A chart is data. The one that comes with the platform ([`Chart::china`]) follows
//! 《企业会计准则——应用指南》(财会〔2006〕18号); an institution may bring its own in the same form.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The most accounts of a chart.
pub const CHART_ACCOUNTS_MAX: usize = 5_000;
/// The most bytes of a name of an account.
pub const NAME_LEN_MAX: usize = 200;

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

    /// 0 for the four digits alone, 1 or 2 for a sub-account.
    pub const fn level(self) -> u8 {
        match (self.part(1), self.part(2)) {
            (0, _) => 0,
            (_, 0) => 1,
            _ => 2,
        }
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
    /// The one or the other, by the side of the balance (共同).
    Common,
    /// What belongs to its owners (所有者权益).
    Equity,
    /// What it earned (收入).
    Income,
    /// What it spent (费用).
    Expense,
    /// What is noted and neither owned nor owed (表外). Moves only against its like.
    Memo,
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
    /// Takes what is not assigned yet (挂账): to be zero when a period closes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspense: bool,
    /// Whether its code and name were found in what the chart follows.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub verified: bool,
}

const fn yes() -> bool {
    true
}

/// A chart of accounts: unique codes, every sub-account under an account of its class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ChartFile", into = "ChartFile")]
pub struct Chart {
    source: String,
    profit: AccountCode,
    retained: AccountCode,
    accounts: BTreeMap<AccountCode, ChartAccount>,
}

/// The file form of a chart.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChartFile {
    source: String,
    profit: AccountCode,
    retained: AccountCode,
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
    /// A sub-account of another class than its account.
    OtherClass(AccountCode),
    /// The result of a year goes through this account, so it must be there, equity, and one in
    /// each lane.
    NotForResult(AccountCode),
    /// A name that is empty or longer than [`NAME_LEN_MAX`].
    Name(AccountCode),
    /// More than [`CHART_ACCOUNTS_MAX`] accounts.
    TooMany,
}

impl ChartError {
    /// The stable code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "chart-malformed",
            Self::Duplicate(_) => "chart-account-twice",
            Self::NoParent(_) => "chart-account-without-parent",
            Self::OtherClass(_) => "chart-account-of-other-class",
            Self::NotForResult(_) => "chart-account-not-for-result",
            Self::Name(_) => "chart-account-name",
            Self::TooMany => "chart-too-large",
        }
    }
}

impl fmt::Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Duplicate(code) => write!(f, "account {code} is there twice"),
            Self::NoParent(code) => write!(f, "account {code} is a part of an account not there"),
            Self::OtherClass(code) => write!(f, "account {code} is not of its account's class"),
            Self::NotForResult(code) => {
                write!(f, "account {code} is not an equity account with one in each lane")
            }
            Self::Name(code) => {
                write!(f, "a name of account {code} is empty or above {NAME_LEN_MAX} bytes")
            }
            Self::TooMany => write!(f, "more than {CHART_ACCOUNTS_MAX} accounts"),
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
        file.try_into()
    }

    /// The chart that comes with the platform, after 财会〔2006〕18号.
    ///
    /// # Panics
    /// Never: the data is a part of the program, and a test reads it.
    pub fn china() -> &'static Arc<Self> {
        static CHINA: LazyLock<Arc<Chart>> = LazyLock::new(|| {
            let chart = Chart::parse(include_str!("../data/chart-cn.yaml"));
            Arc::new(chart.expect("our own chart is well formed"))
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

    /// Where the year-end close brings income and expense together (本年利润).
    pub fn profit(&self) -> AccountCode {
        self.profit
    }

    /// Where it takes the result to (未分配利润).
    pub fn retained(&self) -> AccountCode {
        self.retained
    }

    /// The account with a code, or the nearest one above it: 1132 for a 1132.77 that is not there.
    pub fn nearest(&self, code: AccountCode) -> Option<&ChartAccount> {
        let above = std::iter::successors(Some(code), |it| it.parent());
        above.into_iter().find_map(|it| self.get(it))
    }

    fn check(&self) -> Result<(), ChartError> {
        for (code, account) in &self.accounts {
            let names = [&account.zh, &account.en];
            if names.iter().any(|it| it.trim().is_empty() || it.len() > NAME_LEN_MAX) {
                return Err(ChartError::Name(*code));
            }
            let Some(parent) = code.parent() else { continue };
            let parent = self.get(parent).ok_or(ChartError::NoParent(*code))?;
            if parent.class != account.class {
                return Err(ChartError::OtherClass(*code));
            }
        }
        for code in [self.profit, self.retained] {
            let fits = |it: &&ChartAccount| it.class == Class::Equity && it.per == Per::Lane;
            self.get(code).filter(fits).ok_or(ChartError::NotForResult(code))?;
        }
        Ok(())
    }
}

impl TryFrom<ChartFile> for Chart {
    type Error = ChartError;

    fn try_from(file: ChartFile) -> Result<Self, ChartError> {
        let ChartFile { source, profit, retained, accounts: listed } = file;
        if listed.len() > CHART_ACCOUNTS_MAX {
            return Err(ChartError::TooMany);
        }
        let mut accounts = BTreeMap::new();
        for account in listed {
            let code = account.code;
            if accounts.insert(code, account).is_some() {
                return Err(ChartError::Duplicate(code));
            }
        }
        let chart = Self { source, profit, retained, accounts };
        chart.check()?;
        Ok(chart)
    }
}

impl From<Chart> for ChartFile {
    fn from(chart: Chart) -> Self {
        let Chart { source, profit, retained, accounts } = chart;
        Self { source, profit, retained, accounts: accounts.into_values().collect() }
    }
}
