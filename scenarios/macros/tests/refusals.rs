//! What the compiler says of scenarios that cannot be, as golden files: each points at the user's own line and says the remedy.

#[test]
fn every_refusal_points_at_its_line_and_says_the_remedy() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
