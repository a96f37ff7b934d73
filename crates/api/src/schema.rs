//! Schemas of the enumerations that come from the domain: the names are those of their JSON.

use ledger::{AccountState, Balancing, Direction, Side, Window};
use lending::{Bucket, Status, application::ApplicantKind, view::InstalmentStatus};
use money::DayCount;
use party::{DocumentKind, Kind, KycLevel, Method as CheckMethod, Purpose};
use product::{
    kinds::instalment_loan::{Component, Method, PenaltyBase},
    life,
};
use serde::Serialize;
use utoipa::openapi::{Object, ObjectBuilder, schema::Type};

/// A text that is one of the names of these values.
fn names<T: Serialize>(all: impl IntoIterator<Item = T>) -> Object {
    let names = all.into_iter().filter_map(|it| serde_json::to_value(it).ok());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

pub(crate) fn party_kind() -> Object {
    names([Kind::Person, Kind::Company])
}

pub(crate) fn applicant_kind() -> Object {
    names([ApplicantKind::Person, ApplicantKind::Company])
}

pub(crate) fn kyc_level() -> Object {
    names([KycLevel::None, KycLevel::Declared, KycLevel::Verified, KycLevel::FaceToFace])
}

pub(crate) fn check_method() -> Object {
    use CheckMethod as M;
    names([M::Register, M::BankCard, M::MobileOperator, M::LiveVideo, M::InPerson])
}

pub(crate) fn document_kind() -> Object {
    use DocumentKind as K;
    names([K::ResidentIdCard, K::ResidencePermit, K::BusinessLicense, K::Supporting])
}

pub(crate) fn purpose() -> Object {
    names(Purpose::ALL)
}

pub(crate) fn product_status() -> Object {
    use life::Status as S;
    names([S::Draft, S::Checked, S::Approved, S::Published, S::Suspended, S::Retired])
}

pub(crate) fn loan_status() -> Object {
    names([Status::Signed, Status::Active, Status::Settled])
}

pub(crate) fn instalment_status() -> Object {
    use InstalmentStatus as S;
    names([S::Paid, S::Due, S::Overdue, S::Future, S::Dropped])
}

pub(crate) fn bucket() -> Object {
    names(Bucket::ALL.map(|(bucket, _)| bucket))
}

pub(crate) fn repayment_method() -> Object {
    use Method as M;
    names([M::EqualInstalment, M::EqualPrincipal, M::InterestFirst, M::Bullet, M::Flat])
}

pub(crate) fn day_count() -> Object {
    names(DayCount::ALL.map(|(name, _)| name))
}

pub(crate) fn component() -> Object {
    names([Component::Penalty, Component::Fee, Component::Interest, Component::Principal])
}

pub(crate) fn penalty_base() -> Object {
    names([PenaltyBase::OverduePrincipal, PenaltyBase::OverdueInstalment])
}

pub(crate) fn side() -> Object {
    names([Side::Debit, Side::Credit])
}

pub(crate) fn account_state() -> Object {
    use AccountState as S;
    names([S::Open, S::FrozenIn, S::FrozenOut, S::Frozen, S::Closed])
}

pub(crate) fn direction() -> Object {
    names([Direction::In, Direction::Out])
}

pub(crate) fn window() -> Object {
    names([Window::Day, Window::Month, Window::Year, Window::Lifetime])
}

pub(crate) fn balancing() -> Object {
    names([Balancing::None, Balancing::Debit, Balancing::Credit, Balancing::Both])
}

pub(crate) fn role() -> Object {
    names(bank::Role::TABLE.map(|(role, _, _)| role))
}

pub(crate) fn right() -> Object {
    names(bank::Right::TABLE.map(|(_, name)| name))
}
