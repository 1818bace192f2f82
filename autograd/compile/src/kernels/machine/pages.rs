//! Huge pages: a run touches tens of megabytes, more than the TLB covers with small pages.

/// Bytes of a huge page; smaller arrays need none.
pub const LARGE: usize = 1 << 21;

/// Advises the system to use huge pages for this memory.
#[cfg(all(target_os = "linux", not(miri)))]
pub fn ask<S>(memory: &mut [S]) {
    let range = memory.as_mut_ptr_range();
    let start = range.start.cast::<u8>();
    let skipped = start.align_offset(LARGE);
    let bytes = size_of_val(memory).saturating_sub(skipped) / LARGE * LARGE;
    if bytes > 0 {
        #[allow(unsafe_code)] // a call of the system
        // SAFETY: the range is inside the slice and starts at a page, and the advice does not change its contents.
        unsafe {
            libc::madvise(start.add(skipped).cast(), bytes, libc::MADV_HUGEPAGE);
        }
    }
}

/// Advises the system to use huge pages for this memory.
#[cfg(any(not(target_os = "linux"), miri))]
pub fn ask<S>(_: &mut [S]) {}
