//! The customer statement (对账单) of an account or a loan over a period.

use money::{Amount, Currency, Money};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Bilingual, Contract, DocumentError, Issuer, Language, Party, Pdf,
    parts::{
        NOTE_MAX, amounts, check_rows, check_text, currency_name, figures, figures_or_dash,
        period_of, sum,
    },
    pdf,
    sheet::{Block, Column, Fact, Sheet, Table},
};

/// What happened on an account or a loan from one day to another, both included.
///
/// On an account a positive amount comes in and a negative one goes out. On a loan a positive
/// amount raises what is owed and a negative one lowers it, and balances are principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Who sends it.
    pub issuer: Issuer,
    /// To whom.
    pub party: Party,
    /// About what.
    pub contract: Contract,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// The day it is made.
    pub issued_on: Date,
    /// The balance before the first day.
    pub opening: Money,
    /// The balance at the end of the last day.
    pub closing: Money,
    /// What happened.
    pub content: Content,
}

/// The rows of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// Of an account or a wallet.
    Account {
        /// In the order they were booked.
        movements: Vec<Movement>,
    },
    /// Of a loan.
    Loan {
        /// In the order they were booked.
        movements: Vec<LoanMovement>,
        /// The instalments due in the period, and those before that are not paid.
        instalments: Vec<Instalment>,
    },
}

/// Something that moved the balance of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// The day it was booked.
    pub date: Date,
    /// The day from which it counts for interest.
    pub value_date: Date,
    /// What it was.
    pub kind: MovementKind,
    /// A word to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// In, or out when negative.
    pub amount: Money,
    /// The balance after it.
    pub balance: Money,
}

/// Something that changed what is owed on a loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoanMovement {
    /// The day it was booked.
    pub date: Date,
    /// The day from which it counts for interest.
    pub value_date: Date,
    /// What it was.
    pub kind: MovementKind,
    /// A word to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The sum of the parts.
    pub amount: Money,
    /// Of it, principal.
    pub principal: Money,
    /// Of it, interest.
    pub interest: Money,
    /// Of it, penalty interest.
    pub penalty: Money,
    /// Of it, fees.
    pub fees: Money,
    /// Of it, kept for what becomes due later: negative when put aside, positive when used.
    pub prepaid: Money,
    /// The principal owed after it.
    pub balance: Money,
}

/// An instalment of a loan, where it stands on the last day of the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instalment {
    /// From 1.
    pub number: u32,
    /// When it is due.
    pub due: Date,
    /// Where it stands.
    pub status: InstalmentStatus,
    /// Principal due.
    pub principal: Money,
    /// Interest due.
    pub interest: Money,
    /// Penalty interest on it.
    pub penalty: Money,
    /// Fees due.
    pub fees: Money,
    /// What of all that is paid.
    pub paid: Money,
    /// What is not.
    pub outstanding: Money,
}

/// What a movement was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "`name` says what each is called in both languages")]
pub enum MovementKind {
    Deposit,
    Withdrawal,
    TransferIn,
    TransferOut,
    Purchase,
    Refund,
    Interest,
    Tax,
    Fee,
    Penalty,
    Disbursal,
    Repayment,
    EarlyRepayment,
    Settlement,
    PrepaidApplied,
    Subsidy,
    Waiver,
    ChargeOff,
    Recovery,
    Reversal,
    Adjustment,
}

impl MovementKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::Deposit,
        Self::Withdrawal,
        Self::TransferIn,
        Self::TransferOut,
        Self::Purchase,
        Self::Refund,
        Self::Interest,
        Self::Tax,
        Self::Fee,
        Self::Penalty,
        Self::Disbursal,
        Self::Repayment,
        Self::EarlyRepayment,
        Self::Settlement,
        Self::PrepaidApplied,
        Self::Subsidy,
        Self::Waiver,
        Self::ChargeOff,
        Self::Recovery,
        Self::Reversal,
        Self::Adjustment,
    ];

    /// What it is called.
    pub const fn name(self, language: Language) -> &'static str {
        match self {
            Self::Deposit => language.pick("存入", "Deposit"),
            Self::Withdrawal => language.pick("支取", "Withdrawal"),
            Self::TransferIn => language.pick("转入", "Transfer in"),
            Self::TransferOut => language.pick("转出", "Transfer out"),
            Self::Purchase => language.pick("消费", "Purchase"),
            Self::Refund => language.pick("退款", "Refund"),
            Self::Interest => language.pick("利息", "Interest"),
            Self::Tax => language.pick("代扣税", "Tax withheld"),
            Self::Fee => language.pick("费用", "Fee"),
            Self::Penalty => language.pick("罚息", "Penalty interest"),
            Self::Disbursal => language.pick("放款", "Disbursal"),
            Self::Repayment => language.pick("还款", "Repayment"),
            Self::EarlyRepayment => language.pick("提前还款", "Early repayment"),
            Self::Settlement => language.pick("结清", "Settlement"),
            Self::PrepaidApplied => language.pick("预存款抵扣", "Prepayment applied"),
            Self::Subsidy => language.pick("贴息", "Interest subsidy"),
            Self::Waiver => language.pick("减免", "Waiver"),
            Self::ChargeOff => language.pick("核销", "Charge-off"),
            Self::Recovery => language.pick("核销后收回", "Recovery"),
            Self::Reversal => language.pick("冲正", "Reversal"),
            Self::Adjustment => language.pick("调整", "Adjustment"),
        }
    }
}

/// Where an instalment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstalmentStatus {
    /// Fully paid (已还).
    Paid,
    /// Due, and not late (待还).
    Due,
    /// Late (逾期).
    Overdue,
    /// Not due yet (未到期).
    Future,
}

impl InstalmentStatus {
    fn label(self, language: Language) -> &'static str {
        match self {
            Self::Paid => language.pick("已还", "Paid"),
            Self::Due => language.pick("待还", "Due"),
            Self::Overdue => language.pick("逾期", "Overdue"),
            Self::Future => language.pick("未到期", "Not due"),
        }
    }
}

/// A statement as JSON: its data, and the sums a reader looks for first.
#[derive(Clone, Debug, Serialize)]
pub struct StatementJson<'a> {
    /// The data.
    #[serde(flatten)]
    pub statement: &'a Statement,
    /// The sums.
    pub totals: Totals,
}

/// What the rows of a statement come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Totals {
    /// Of an account.
    Account {
        /// All that came in.
        paid_in: Money,
        /// All that went out.
        paid_out: Money,
    },
    /// Of a loan: what movements of the period took off, and what stands open at its end.
    Loan {
        /// Principal paid.
        principal: Money,
        /// Interest paid.
        interest: Money,
        /// Penalty interest paid.
        penalty: Money,
        /// Fees paid.
        fees: Money,
        /// What is due and not paid.
        due: Money,
        /// Of it, what is late.
        overdue: Money,
    },
}

impl Statement {
    /// The statement for a program to read.
    ///
    /// # Errors
    /// Any [`DocumentError`].
    pub fn json(&self) -> Result<StatementJson<'_>, DocumentError> {
        self.check()?;
        Ok(StatementJson { statement: self, totals: self.totals()? })
    }

    /// The statement for a person to read.
    ///
    /// # Errors
    /// Any [`DocumentError`].
    pub fn pdf(&self, language: Language) -> Result<Pdf, DocumentError> {
        self.check()?;
        Ok(pdf::write(&self.sheet(language, self.totals()?)))
    }

    fn currency(&self) -> Currency {
        self.opening.currency
    }

    fn check(&self) -> Result<(), DocumentError> {
        self.issuer.check()?;
        self.party.check()?;
        self.contract.check()?;
        if self.from > self.to {
            return Err(DocumentError::OutOfPeriod { row: 0 });
        }
        let balance = match &self.content {
            Content::Account { movements } => self.check_account(movements)?,
            Content::Loan { movements, instalments } => {
                check_rows("instalments", instalments.len())?;
                for (index, instalment) in instalments.iter().enumerate() {
                    instalment.check(self.currency(), index + 1)?;
                }
                self.check_loan(movements)?
            }
        };
        let [closing] = amounts(self.currency(), [self.closing])?;
        if balance != closing {
            return Err(DocumentError::DoesNotAddUp { figure: "closing", row: 0 });
        }
        Ok(())
    }

    /// The balance the movements lead to.
    fn check_account(&self, movements: &[Movement]) -> Result<Amount, DocumentError> {
        check_rows("movements", movements.len())?;
        let mut before = (self.from, self.opening.amount);
        for (index, it) in movements.iter().enumerate() {
            let row = index + 1;
            self.check_day(it.date, before.0, row)?;
            check_note(it.note.as_deref())?;
            let [amount, balance] = amounts(self.currency(), [it.amount, it.balance])?;
            if sum([before.1, amount])? != balance {
                return Err(DocumentError::DoesNotAddUp { figure: "balance", row });
            }
            before = (it.date, balance);
        }
        Ok(before.1)
    }

    fn check_loan(&self, movements: &[LoanMovement]) -> Result<Amount, DocumentError> {
        check_rows("movements", movements.len())?;
        let mut before = (self.from, self.opening.amount);
        for (index, it) in movements.iter().enumerate() {
            let row = index + 1;
            self.check_day(it.date, before.0, row)?;
            check_note(it.note.as_deref())?;
            let [amount, balance] = amounts(self.currency(), [it.amount, it.balance])?;
            let parts = [it.principal, it.interest, it.penalty, it.fees, it.prepaid];
            let parts = amounts(self.currency(), parts)?;
            if sum(parts)? != amount {
                return Err(DocumentError::DoesNotAddUp { figure: "amount", row });
            }
            if sum([before.1, parts[0]])? != balance {
                return Err(DocumentError::DoesNotAddUp { figure: "balance", row });
            }
            before = (it.date, balance);
        }
        Ok(before.1)
    }

    fn check_day(&self, day: Date, before: Date, row: usize) -> Result<(), DocumentError> {
        let inside = before <= day && day <= self.to;
        if inside { Ok(()) } else { Err(DocumentError::OutOfPeriod { row }) }
    }

    fn totals(&self) -> Result<Totals, DocumentError> {
        let money = |amount| Money::new(amount, self.currency());
        match &self.content {
            Content::Account { movements } => {
                let all = || movements.iter().map(|it| it.amount.amount);
                Ok(Totals::Account {
                    paid_in: money(sum(all().filter(|it| !it.is_negative()))?),
                    paid_out: money(taken_off(all())?),
                })
            }
            Content::Loan { movements, instalments } => {
                let paid = |part: fn(&LoanMovement) -> Money| {
                    Ok(money(taken_off(movements.iter().map(|it| part(it).amount))?))
                };
                let open = |which: &[InstalmentStatus]| {
                    let rows = instalments.iter().filter(|it| which.contains(&it.status));
                    Ok(money(sum(rows.map(|it| it.outstanding.amount))?))
                };
                Ok(Totals::Loan {
                    principal: paid(|it| it.principal)?,
                    interest: paid(|it| it.interest)?,
                    penalty: paid(|it| it.penalty)?,
                    fees: paid(|it| it.fees)?,
                    due: open(&[InstalmentStatus::Due, InstalmentStatus::Overdue])?,
                    overdue: open(&[InstalmentStatus::Overdue])?,
                })
            }
        }
    }

    fn sheet(&self, language: Language, totals: Totals) -> Sheet<'_> {
        let currency = self.currency();
        let mut facts = self.party.facts(language);
        facts.extend(self.contract.facts(language));
        facts.extend([
            Fact::new(language.pick("对账期间", "Period"), period_of(self.from, self.to, language)),
            Fact::new(language.pick("币种", "Currency"), currency_name(currency, language)),
            Fact::new(language.pick("出单日期", "Issued on"), self.issued_on.to_string()),
        ]);
        let mut blocks = vec![Block::Facts(facts), Block::Cards(self.cards(language, totals))];
        match &self.content {
            Content::Account { movements } => {
                blocks.push(Block::Heading(language.pick("交易明细", "Transactions").to_owned()));
                blocks.push(account_table(movements, currency, language, totals));
            }
            Content::Loan { movements, instalments } => {
                if !instalments.is_empty() {
                    let heading = language.pick("还款计划执行情况", "Instalments");
                    blocks.push(Block::Heading(heading.to_owned()));
                    blocks.push(instalment_table(instalments, currency, language));
                }
                blocks.push(Block::Heading(language.pick("交易明细", "Transactions").to_owned()));
                blocks.push(loan_table(movements, currency, language));
                let signs = language.pick(
                    "正数为应还增加，负数为应还减少；余额为剩余本金。",
                    "Positive amounts raise what is owed, negative amounts lower it. The balance \
                     is the outstanding principal.",
                );
                blocks.push(Block::Paragraph(signs.to_owned()));
            }
        }
        let enquiry = language.pick(
            "请核对以上内容；如有疑问，请通过页脚所列方式与我们联系。",
            "Please check this statement and contact us, as given at the foot of the page, if \
             anything is unclear.",
        );
        if self.issuer.contact.is_some() {
            blocks.push(Block::Paragraph(enquiry.to_owned()));
        }
        let title = match self.content {
            Content::Account { .. } => Bilingual::new("账户对账单", "Account Statement"),
            Content::Loan { .. } => Bilingual::new("贷款对账单", "Loan Statement"),
        };
        let reference = self.contract.number.clone();
        let issued_on = self.issued_on;
        Sheet { language, issuer: &self.issuer, title, reference, issued_on, blocks }
    }

    fn cards(&self, language: Language, totals: Totals) -> Vec<Fact> {
        let card = |zh, en, money: Money| {
            Fact::new(language.pick(zh, en), figures(money.amount, money.currency))
        };
        match totals {
            Totals::Account { paid_in, paid_out } => vec![
                card("期初余额", "Opening balance", self.opening),
                card("收入合计", "Total in", paid_in),
                card("支出合计", "Total out", paid_out),
                card("期末余额", "Closing balance", self.closing),
            ],
            Totals::Loan { principal, interest, penalty, fees, due, overdue } => {
                let late = overdue.amount.is_zero();
                let mut cards = vec![
                    card("期初本金余额", "Opening principal", self.opening),
                    card("本期归还本金", "Principal paid", principal),
                    card("本期支付利息", "Interest paid", interest),
                ];
                let charges = [
                    card("本期支付罚息", "Penalty paid", penalty),
                    card("本期支付费用", "Fees paid", fees),
                ];
                let paid = charges.into_iter().zip([penalty, fees]);
                cards.extend(paid.filter(|(_, it)| !it.amount.is_zero()).map(|(card, _)| card));
                cards.push(if late {
                    card("到期未还", "Due, unpaid", due)
                } else {
                    card("逾期未还", "Overdue", overdue)
                });
                cards.push(card("期末本金余额", "Closing principal", self.closing));
                cards
            }
        }
    }
}

impl Instalment {
    fn check(&self, currency: Currency, row: usize) -> Result<(), DocumentError> {
        let parts = amounts(currency, self.parts())?;
        let settled = amounts(currency, [self.paid, self.outstanding])?;
        if sum(parts)? != sum(settled)? {
            return Err(DocumentError::DoesNotAddUp { figure: "outstanding", row });
        }
        Ok(())
    }

    fn parts(&self) -> [Money; 4] {
        [self.principal, self.interest, self.penalty, self.fees]
    }
}

/// The sum of the negative amounts, without the sign.
fn taken_off(amounts: impl Iterator<Item = Amount>) -> Result<Amount, DocumentError> {
    let sum = sum(amounts.filter(|it| it.is_negative()))?;
    sum.checked_neg().ok_or(DocumentError::AmountTooLarge)
}

fn check_note(note: Option<&str>) -> Result<(), DocumentError> {
    note.map_or(Ok(()), |it| check_text(it, "note", NOTE_MAX))
}

/// The columns that every list of movements begins with.
fn movement_columns(language: Language) -> Vec<Column> {
    vec![
        Column::short(language.pick("记账日", "Date")),
        Column::short(language.pick("起息日", "Value date")),
        Column::text(language.pick("摘要", "Description")),
    ]
}

fn description(kind: MovementKind, note: Option<&str>, language: Language) -> String {
    let label = kind.name(language);
    note.map_or_else(|| label.to_owned(), |it| format!("{label} · {it}"))
}

fn nothing_happened(language: Language) -> Block {
    let text = language.pick("本期无交易。", "Nothing happened in this period.");
    Block::Paragraph(text.to_owned())
}

fn account_table(
    movements: &[Movement],
    currency: Currency,
    language: Language,
    totals: Totals,
) -> Block {
    if movements.is_empty() {
        return nothing_happened(language);
    }
    let mut columns = movement_columns(language);
    columns.extend([
        Column::amount(language.pick("收入", "In")),
        Column::amount(language.pick("支出", "Out")),
        Column::amount(language.pick("余额", "Balance")),
    ]);
    let row = |it: &Movement| {
        let amount = figures(it.amount.amount, currency);
        let (paid_in, paid_out) = match amount.strip_prefix('-') {
            Some(out) => (String::new(), out.to_owned()),
            None => (amount, String::new()),
        };
        vec![
            it.date.to_string(),
            it.value_date.to_string(),
            description(it.kind, it.note.as_deref(), language),
            paid_in,
            paid_out,
            figures(it.balance.amount, currency),
        ]
    };
    let total = match totals {
        Totals::Account { paid_in, paid_out } => Some(vec![
            language.pick("合计", "Total").to_owned(),
            String::new(),
            String::new(),
            figures(paid_in.amount, currency),
            figures(paid_out.amount, currency),
            String::new(),
        ]),
        Totals::Loan { .. } => None,
    };
    Block::Table(Table { columns, rows: movements.iter().map(row).collect(), total })
}

fn loan_table(movements: &[LoanMovement], currency: Currency, language: Language) -> Block {
    if movements.is_empty() {
        return nothing_happened(language);
    }
    let mut columns = movement_columns(language);
    columns.extend([
        Column::amount(language.pick("金额", "Amount")),
        Column::amount(language.pick("本金", "Principal")),
        Column::amount(language.pick("利息", "Interest")),
        Column::amount(language.pick("罚息", "Penalty")),
        Column::amount(language.pick("费用", "Fees")),
        Column::amount(language.pick("预存", "Prepaid")),
        Column::amount(language.pick("余额", "Balance")),
    ]);
    let row = |it: &LoanMovement| {
        let part = |part: Money| figures_or_dash(part.amount, currency);
        vec![
            it.date.to_string(),
            it.value_date.to_string(),
            description(it.kind, it.note.as_deref(), language),
            figures(it.amount.amount, currency),
            part(it.principal),
            part(it.interest),
            part(it.penalty),
            part(it.fees),
            part(it.prepaid),
            figures(it.balance.amount, currency),
        ]
    };
    let rows = movements.iter().map(row).collect();
    Block::Table(Table { columns, rows, total: None }.without_empty_columns())
}

fn instalment_table(instalments: &[Instalment], currency: Currency, language: Language) -> Block {
    let columns = vec![
        Column::short(language.pick("期数", "No.")),
        Column::short(language.pick("应还日", "Due date")),
        Column::short(language.pick("状态", "Status")),
        Column::amount(language.pick("本金", "Principal")),
        Column::amount(language.pick("利息", "Interest")),
        Column::amount(language.pick("罚息", "Penalty")),
        Column::amount(language.pick("费用", "Fees")),
        Column::amount(language.pick("已还", "Paid")),
        Column::amount(language.pick("未还", "Outstanding")),
    ];
    let row = |it: &Instalment| {
        let part = |part: Money| figures_or_dash(part.amount, currency);
        vec![
            it.number.to_string(),
            it.due.to_string(),
            it.status.label(language).to_owned(),
            figures(it.principal.amount, currency),
            part(it.interest),
            part(it.penalty),
            part(it.fees),
            part(it.paid),
            part(it.outstanding),
        ]
    };
    let rows = instalments.iter().map(row).collect();
    Block::Table(Table { columns, rows, total: None }.without_empty_columns())
}
