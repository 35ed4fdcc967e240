//! What the verifier makes of the program.

use crate::kernel::Kernel;

/// At most half of the limit of 1,000,000, so that the program loads on other kernels than this one, too.
#[test]
fn the_program_is_far_from_the_verifiers_limit() {
    let verified = Kernel::load().verified_instructions();
    println!("verified instructions: {verified}");
    assert!(verified < 500_000, "{verified}");
}
