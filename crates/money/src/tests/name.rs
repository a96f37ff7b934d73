use std::fmt::{Debug, Display};

use serde::{Serialize, de::DeserializeOwned};

use crate::{DayCount, Roll, Rounding, UnknownName};

/// Text, JSON and the list agree on every name.
fn check<T>(all: &[(&'static str, T)])
where
    T: Copy + Debug + Display + PartialEq + Serialize + DeserializeOwned,
    T: std::str::FromStr<Err = UnknownName>,
{
    for (name, value) in all {
        let json = format!("\"{name}\"");
        assert_eq!(value.to_string(), *name);
        assert_eq!(name.parse(), Ok(*value));
        assert_eq!(serde_json::to_string(value).unwrap(), json);
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value);
    }
    let error = "nonsense".parse::<T>().unwrap_err();
    assert!(error.to_string().starts_with(&format!("`nonsense` is not one of: {}", all[0].0)));
    assert!(serde_json::from_str::<T>("\"nonsense\"").is_err());
}

#[test]
fn every_value_reads_and_writes_the_name_in_its_list() {
    check(&Rounding::ALL);
    check(&DayCount::ALL);
    check(&Roll::ALL);
}
