//! Schemas of the enumerations that come from the domain: the names are those of their JSON.

use ledger::AccountState as State;
use lending::view::InstalmentStatus as Instalment;
use money::DayCount as Days;
use party::{DocumentKind as Document, KycLevel as Level, Method as Check};
use product::{
    kinds::instalment_loan::{Component as Part, Method, PenaltyBase as Base},
    life::Status,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A text that is one of the names of these values.
fn names<T: Serialize>(all: impl IntoIterator<Item = T>, what: &str) -> RefOr<Schema> {
    let names = all.into_iter().filter_map(|it| serde_json::to_value(it).ok());
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(what));
    text.enum_values(Some(names)).build().into()
}

// A macro, since a schema is found by type and each of these would be the same three items.
macro_rules! schemas {
    ($($name:ident: $what:literal = $all:expr;)+) => {$(
        #[doc = $what]
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                names($all, $what)
            }
        }

        impl ToSchema for $name {}
    )+};
}

schemas! {
    PartyKind: "A person or a company." = [party::Kind::Person, party::Kind::Company];
    ApplicantKind: "A person or a company." = {
        use lending::application::ApplicantKind as Kind;
        [Kind::Person, Kind::Company]
    };
    KycLevel: "How far the identity of a party is established; each includes those before it." =
        [Level::None, Level::Declared, Level::Verified, Level::FaceToFace];
    CheckMethod: "How an identity was checked." = [
        Check::Register,
        Check::BankCard,
        Check::MobileOperator,
        Check::LiveVideo,
        Check::InPerson,
    ];
    DocumentKind: "What a document is." = [
        Document::ResidentIdCard,
        Document::ResidencePermit,
        Document::BusinessLicense,
        Document::Supporting,
    ];
    Purpose: "What a consent is for." = party::Purpose::ALL;
    ProductStatus: "Where a product version stands." = [
        Status::Draft,
        Status::Checked,
        Status::Approved,
        Status::Published,
        Status::Suspended,
        Status::Retired,
    ];
    GuaranteeKind: "When a guarantor has to pay." =
        product::kinds::instalment_loan::GuaranteeKind::ALL;
    CollateralKind: "What sort of thing is pledged." =
        product::kinds::instalment_loan::CollateralKind::ALL;
    ProposalStage: "Where a proposal stands." = lending::proposal::Stage::ALL;
    LoanStatus: "Where a loan stands." = [
        lending::Status::Signed,
        lending::Status::Active,
        lending::Status::Settled,
        lending::Status::ChargedOff,
        lending::Status::WrittenOff,
        lending::Status::Sold,
    ];
    LineStatus: "Where a credit line stands." = {
        use lending::line::LineStatus as Line;
        [Line::Open, Line::Frozen, Line::Closed]
    };
    LineAccountStatus: "Where the account of a line stands." = {
        use lending::cycle::Status as Account;
        [Account::Active, Account::Closed, Account::ChargedOff, Account::WrittenOff]
    };
    StatementLineKind: "What a line of a statement is." = {
        use lending::cycle::LineKind as Line;
        [
            Line::Purchase,
            Line::Cash,
            Line::Fee,
            Line::Repayment,
            Line::MerchantRefund,
            Line::Refund,
            Line::Waiver,
            Line::Interest,
            Line::Penalty,
        ]
    };
    LimitHoldStatus: "What became of a hold." = {
        use lending::line::HoldStatus as Hold;
        [Hold::Live, Hold::Captured, Hold::Released]
    };
    LoanCategory: "How likely a loan is to be paid back (五级分类)." =
        compliance::classification::Category::ALL;
    MigrationStatus: "Where a migration stands." = bank::migrations::MigrationStatus::ALL;
    Harm: "A way in which a borrower is worse off." = bank::migrations::Harm::ALL;
    Became: "What became of a loan that was to move." = ["moved", "refused", "rolled-back"];
    MovementKind: "What a row of a statement was." = {
        use documents::statement::MovementKind as Kind;
        Kind::ALL
    };
    StatementStatus: "Where an instalment of a statement stands." = {
        use documents::statement::InstalmentStatus as Status;
        [Status::Paid, Status::Due, Status::Overdue, Status::Future]
    };
    DisclosedMethod: "How a loan is repaid (还款方式)." = {
        use documents::disclosure::Method;
        [
            Method::EqualInstalment,
            Method::EqualPrincipal,
            Method::InterestFirst,
            Method::Bullet,
            Method::Flat,
            Method::Planned,
        ]
    };
    FeeTime: "When a fee is taken." = {
        use documents::disclosure::FeeTime as Time;
        [Time::Disbursal, Time::Instalment, Time::Overdue, Time::EarlySettlement]
    };
    Keep: "What stays as it was when a part is repaid early." = {
        use product::kinds::instalment_loan::Keep;
        [Keep::Term, Keep::Instalment]
    };
    ReschedulingKind: "What a new plan is, for reports." = {
        use lending::fact::ReschedulingKind as Kind;
        [
            Kind::Extension,
            Kind::ReAging,
            Kind::ReAmortisation,
            Kind::RateReduction,
            Kind::Restructuring,
        ]
    };
    PlannedComponent: "What of an instalment is explained." =
        product::schedule::explain::Component::ALL;
    InstalmentStatus: "Where an instalment stands." = [
        Instalment::Paid,
        Instalment::Due,
        Instalment::Overdue,
        Instalment::Future,
        Instalment::Dropped,
    ];
    AccountStatus: "Where a current account stands." = {
        use deposits::Status as Account;
        [Account::Active, Account::Dormant, Account::Closed]
    };
    FreezeScope: "What a freeze shuts: what comes in, what goes out, or both." = {
        use deposits::Scope;
        [Scope::In, Scope::Out, Scope::Whole]
    };
    DepositStage: "Where a term deposit stands." = {
        use deposits::Stage;
        [Stage::Running, Stage::Matured, Stage::Closed]
    };
    Rollover: "What of a term deposit begins another tenor at maturity." = {
        use deposits::Rollover as Then;
        [Then::None, Then::Principal, Then::PrincipalAndInterest]
    };
    Bucket: "Days past due, by class." = lending::Bucket::ALL.map(|(bucket, _)| bucket);
    RepaymentMethod: "How principal and interest spread (还款方式)." = [
        Method::EqualInstalment,
        Method::EqualPrincipal,
        Method::InterestFirst,
        Method::Bullet,
        Method::Flat,
    ];
    DayCount: "How days become years." = Days::ALL.map(|(name, _)| name);
    Component: "A part of what a borrower owes." =
        [Part::Penalty, Part::Fee, Part::Interest, Part::Principal];
    PenaltyBase: "What a penalty is taken on." = [Base::OverduePrincipal, Base::OverdueInstalment];
    Side: "A side of the books: 借, 贷." = [ledger::Side::Debit, ledger::Side::Credit];
    AccountState: "What may be done with an account." =
        [State::Open, State::FrozenIn, State::FrozenOut, State::Frozen, State::Closed];
    Direction: "Towards the account's own side, or away from it." =
        [ledger::Direction::In, ledger::Direction::Out];
    Window: "A span of business dates." = {
        use ledger::Window as W;
        [W::Day, W::Month, W::Year, W::Lifetime]
    };
    Balancing: "Which account a transfer may bring to zero but not beyond." = {
        use ledger::Balancing as B;
        [B::None, B::Debit, B::Credit, B::Both]
    };
    AccountClass: "What an account stands for in the statements." = {
        use product::chart::Class as C;
        [C::Asset, C::Liability, C::Common, C::Equity, C::Income, C::Expense, C::Memo]
    };
    AccountPer: "How many accounts of a code there are." = {
        use product::chart::Per;
        [Per::Contract, Per::Lane]
    };
    Suspense: "What becomes of a period while something is in suspense." = {
        use bank::periods::Suspense as S;
        [S::MustBeZero, S::MayHang]
    };
    Role: "What a key is to the institution." = bank::Role::TABLE.map(|(role, _, _)| role);
    Right: "What a key may do." = bank::Right::TABLE.map(|(_, name)| name);
}
