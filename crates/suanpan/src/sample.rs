//! The example products and the sample applicants that come with the binary.
//!
//! The applicants are those of the Statlog German credit data (UCI Machine Learning Repository,
//! Hofmann 1994, doi 10.24432/C5NC77, CC BY 4.0): 1,000 real applications, anonymous in the
//! source. Names, identity numbers and phones are made here and marked as samples.

use jiff::ToSpan;
use money::{Amount, Currency, Money};
use party::{Kind, Mobile, Personal, Registration, ResidentId};
use serde::Deserialize;
use serde_json::{Value, json};
use stdx::{Date, Prng};

/// The example products, with the names they are published under.
pub(crate) const PRODUCTS: [(&str, &str); 12] = [
    ("pay-in-3", include_str!("../../../examples/products/pay-in-3.yaml")),
    ("consumer-instalment", include_str!("../../../examples/products/consumer-instalment.yaml")),
    ("merchant-instalment", include_str!("../../../examples/products/merchant-instalment.yaml")),
    ("car-loan", include_str!("../../../examples/products/car-loan.yaml")),
    ("farm-loan", include_str!("../../../examples/products/farm-loan.yaml")),
    ("farm-season", include_str!("../../../examples/products/farm-season.yaml")),
    ("farm-harvest", include_str!("../../../examples/products/farm-harvest.yaml")),
    ("revolving-credit", include_str!("../../../examples/products/revolving-credit.yaml")),
    ("pay-later-account", include_str!("../../../examples/products/pay-later-account.yaml")),
    ("wallet", include_str!("../../../examples/products/wallet.yaml")),
    ("time-deposit", include_str!("../../../examples/products/time-deposit.yaml")),
    (
        "certificate-of-deposit",
        include_str!("../../../examples/products/certificate-of-deposit.yaml"),
    ),
];

const APPLICANTS: &str = include_str!("../../../examples/data/germancredit.csv");

/// Yuan for a Deutsche Mark: brings loans of 1994 to the size of today's in China.
const YUAN_PER_MARK: i64 = 5;

/// One applicant.
#[derive(Clone, Debug)]
pub(crate) struct Applicant {
    /// From 0, in the order of the data.
    pub(crate) number: usize,
    /// Completed years.
    pub(crate) age: i16,
    /// The product that fits purpose, amount and duration.
    pub(crate) product: &'static str,
    /// How much.
    pub(crate) amount: Money,
    /// In how many instalments.
    pub(crate) term: u32,
    /// What the products ask: job, purpose, housing.
    pub(crate) facts: std::collections::BTreeMap<String, Value>,
    /// Whether the loan went bad. It decides how the applicant pays, and is never shown to a rule.
    pub(crate) bad: bool,
}

/// A row of the data: the columns that are used.
#[derive(Deserialize)]
struct Row {
    duration_in_month: u32,
    purpose: String,
    credit_amount: i64,
    age_in_years: i16,
    housing: String,
    job: String,
    creditability: String,
}

/// The applicants, in the order of the data.
pub(crate) fn applicants() -> anyhow::Result<Vec<Applicant>> {
    let mut reader = csv::Reader::from_reader(APPLICANTS.as_bytes());
    let rows = reader.deserialize::<Row>().enumerate();
    rows.map(|(number, row)| Ok(applicant(number, &row?))).collect()
}

fn applicant(number: usize, row: &Row) -> Applicant {
    let purpose = purpose(&row.purpose);
    let product = product(purpose, row.credit_amount, row.duration_in_month);
    let term = match product {
        "pay-in-3" => 3,
        "consumer-instalment" => row.duration_in_month.clamp(3, 36),
        _ => row.duration_in_month,
    };
    let minor = row.credit_amount * YUAN_PER_MARK * 100;
    let facts = [("job", job(&row.job)), ("purpose", purpose), ("housing", housing(&row.housing))];
    Applicant {
        number,
        age: row.age_in_years,
        product,
        amount: Money::new(Amount::from_minor(minor), Currency::CNY),
        term,
        facts: facts.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect(),
        bad: row.creditability == "bad",
    }
}

/// Small purchases in shops are split in three; what earns or repairs is a farm's; the rest is
/// consumption.
fn product(purpose: &str, marks: i64, months: u32) -> &'static str {
    let shop = matches!(purpose, "furniture" | "radio-tv" | "appliances" | "others");
    match purpose {
        _ if shop && marks <= 1_500 && months <= 12 => "pay-in-3",
        "business" | "repairs" | "retraining" => "farm-loan",
        _ if months > 36 => "farm-loan",
        _ => "consumer-instalment",
    }
}

fn purpose(text: &str) -> &'static str {
    match text {
        "car (new)" => "car-new",
        "car (used)" => "car-used",
        "furniture/equipment" => "furniture",
        "radio/television" => "radio-tv",
        "domestic appliances" => "appliances",
        "repairs" => "repairs",
        "education" => "education",
        "retraining" => "retraining",
        "business" => "business",
        _ => "others",
    }
}

fn job(text: &str) -> &'static str {
    match text.split(' ').next() {
        Some("skilled") => "skilled",
        Some("management/") => "management",
        Some("unskilled") => "unskilled",
        _ => "unskilled-non-resident",
    }
}

fn housing(text: &str) -> &'static str {
    match text {
        "own" => "own",
        "rent" => "rent",
        _ => "free",
    }
}

impl Applicant {
    /// The person behind the application, made up: the data names nobody.
    pub(crate) fn registration(
        &self,
        today: Date,
        prng: &mut Prng,
    ) -> anyhow::Result<Registration> {
        let days = i64::try_from(prng.below(365))?;
        let birth = today.checked_sub(self.age.years())?.checked_sub(days.days())?;
        let serial = u32::try_from(self.number)?;
        // Beijing, Shanghai, Guangdong, Sichuan: 朝阳, 浦东, 天河, 武侯.
        let region = prng.pick(&[110_105, 310_115, 440_106, 510_107]);
        let id = ResidentId::sample(*region, birth, u16::try_from(self.number % 1_000)?);
        Ok(Registration {
            kind: Kind::Person,
            name: Personal::new(format!("样例{:04}", self.number + 1)),
            id_number: Personal::new(id.reveal().to_owned()),
            mobile: Personal::new(Mobile::sample(serial).reveal().to_owned()),
            address: None,
            bank_card: None,
        })
    }
}
