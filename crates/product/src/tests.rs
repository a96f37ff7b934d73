mod definition;
mod expression;
mod product;
mod schedule;
mod simulation;

/// Every file of `examples/products`.
const EXAMPLES: &[(&str, &str)] = &[
    ("car-loan", include_str!("../../../examples/products/car-loan.yaml")),
    (
        "certificate-of-deposit",
        include_str!("../../../examples/products/certificate-of-deposit.yaml"),
    ),
    ("consumer-instalment", include_str!("../../../examples/products/consumer-instalment.yaml")),
    ("farm-harvest", include_str!("../../../examples/products/farm-harvest.yaml")),
    ("farm-loan", include_str!("../../../examples/products/farm-loan.yaml")),
    ("farm-season", include_str!("../../../examples/products/farm-season.yaml")),
    ("merchant-instalment", include_str!("../../../examples/products/merchant-instalment.yaml")),
    ("pay-in-3", include_str!("../../../examples/products/pay-in-3.yaml")),
    ("revolving-credit", include_str!("../../../examples/products/revolving-credit.yaml")),
    ("pay-later-account", include_str!("../../../examples/products/pay-later-account.yaml")),
    ("time-deposit", include_str!("../../../examples/products/time-deposit.yaml")),
    ("wallet", include_str!("../../../examples/products/wallet.yaml")),
];

fn example(name: &str) -> &'static str {
    EXAMPLES.iter().find(|(it, _)| *it == name).unwrap().1
}
