//! Large pages of memory: a run goes through tens of megabytes, of which the processor knows the addresses of few small
//! pages at a time.

/// Bytes of a large page; what is smaller needs none.
pub const LARGE: usize = 1 << 21;

/// Asks the system for large pages where this memory is; it may do without.
#[cfg(all(target_os = "linux", not(miri)))]
pub fn ask<S>(memory: &mut [S]) {
    let range = memory.as_mut_ptr_range();
    let start = range.start.cast::<u8>();
    let skipped = start.align_offset(LARGE);
    let bytes = size_of_val(memory).saturating_sub(skipped) / LARGE * LARGE;
    if bytes > 0 {
        #[allow(unsafe_code)] // a call of the system
        // SAFETY: the range lies in the slice, begins at a page, and what it holds stays as it is.
        unsafe {
            libc::madvise(start.add(skipped).cast(), bytes, libc::MADV_HUGEPAGE);
        }
    }
}

/// Asks the system for large pages where this memory is; it may do without.
#[cfg(any(not(target_os = "linux"), miri))]
pub fn ask<S>(_: &mut [S]) {}
