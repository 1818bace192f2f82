//! Tables that are not what they say, and functions that fail.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Errors that were destroyed.
static DESTROYED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn succeed(_: Handle) -> Handle {
    null_mut()
}

/// Its error is any pointer that is not null.
extern "C" fn fail(call: Handle) -> Handle {
    call
}

extern "C" fn destroy(_: Handle) {
    DESTROYED.fetch_add(1, SeqCst);
}

extern "C" fn say_nothing(_: Handle) {}

extern "C" fn say_why(call: Handle) {
    // SAFETY: it is called with this struct.
    let listed = unsafe { &mut (*call.cast::<Call<Listed<u8>>>()).body };
    (listed.first, listed.count) = (b"no room".as_ptr(), 7);
}

/// A table of functions that succeed.
fn table() -> Vec<usize> {
    let words = NEEDED / size_of::<usize>();
    let mut table = vec![succeed as Fallible as usize; words];
    table[..FIRST].copy_from_slice(&[NEEDED, 0, 24, 0, version(0, 77)]);
    table[FIRST] = destroy as Infallible as usize;
    table[FIRST + 1] = say_why as Infallible as usize;
    table
}

fn version(major: c_int, minor: c_int) -> usize {
    // SAFETY: both have eight bytes.
    unsafe { std::mem::transmute::<[c_int; 2], usize>([major, minor]) }
}

/// What is said of a changed table; the table is leaked, like that of a plugin.
fn opened(change: impl FnOnce(&mut Vec<usize>)) -> Result<Api, String> {
    let mut table = table();
    change(&mut table);
    // SAFETY: it lives forever; where it is shorter than needed, it says so.
    unsafe { Api::of(table.leak().as_ptr()) }
}

#[test]
fn a_table_is_checked_before_a_function_is_called() {
    assert!(opened(|_| ()).is_ok());
    assert!(opened(|table| table[4] = version(0, 1)).is_ok(), "minor versions only append functions");
    let refused = |change: fn(&mut Vec<usize>)| opened(change).unwrap_err();
    let short = refused(|table| {
        table.truncate(3);
        table[0] = 24;
    });
    assert_eq!(
        short,
        "its table of functions has 24 bytes, and 608 are needed: it is older than this program"
    );
    let by_one = refused(|table| table[0] -= 1);
    assert!(by_one.starts_with("its table of functions has 607 bytes"), "{by_one}");
    let other = refused(|table| table[4] = version(1, 3));
    assert_eq!(other, "it has version 1.3 of the PJRT API, and 0.x is needed");
    // SAFETY: null is allowed.
    assert_eq!(unsafe { Api::of(null()) }.unwrap_err(), "it has no table of functions");
    for Function(index, name) in function::ALL {
        let missing = opened(|table| table[FIRST + index] = 0).unwrap_err();
        assert_eq!(missing, format!("its table of functions has no {name}"));
    }
}

#[test]
fn a_function_that_fails_says_why() {
    let failed = |message: Infallible| {
        let api = opened(|table| {
            table[FIRST + function::EVENT_AWAIT.0] = fail as Fallible as usize;
            table[FIRST + function::ERROR_MESSAGE.0] = message as usize;
        });
        api.unwrap().call(function::EVENT_AWAIT, &mut Call::new(())).unwrap_err()
    };
    assert_eq!(failed(say_why), "no room");
    assert_eq!(failed(say_nothing), "PJRT_Event_Await failed without a message");
    assert_eq!(DESTROYED.load(SeqCst), 2);
}
