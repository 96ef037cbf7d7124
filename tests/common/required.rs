//! What tests may not do without.

/// Whether `REPRO_TEST_REQUIRE` names a program: then its tests fail where it is missing, instead of being skipped.
pub fn required(name: &str) -> bool {
    std::env::var("REPRO_TEST_REQUIRE").is_ok_and(|list| list.split([',', ' ']).any(|one| one == name))
}
