//! Tests of the sandbox need one.

/// Whether a test of the sandbox can go on. A machine without one fails it, unless it was said that
/// this is known: a test that is left out in silence proves nothing.
pub fn is_there(is_sandboxed: bool) -> bool {
    let known = std::env::var_os("CCS_TEST_WITHOUT_SANDBOX").is_some();
    assert!(
        is_sandboxed || known,
        "there is no sandbox here: install bubblewrap, or set CCS_TEST_WITHOUT_SANDBOX=1"
    );
    is_sandboxed
}
