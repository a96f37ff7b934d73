//! Persons and companies: identity numbers, KYC, consents, encryption, masking.
