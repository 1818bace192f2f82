//! Kernels compiled once per instruction set, and their dispatch: the only `unsafe` of this crate.
//!
//! A kernel is ordinary Rust over slices. [`vectorised!`] compiles it three times, with the features of
//! AVX-512, of AVX2 with FMA, and of the target as it is, where the compiler turns its loops into vector
//! instructions. Calling a function that needs features is `unsafe`, because a processor without them would
//! fault; the choice below is the proof that it has them. The tiles of products (`tile.rs`) are written in vector
//! instructions themselves; large pages of memory (`pages.rs`) are asked of the system.

pub(super) mod pages;
mod tile;

pub use tile::{Tile, Tiles};

use std::sync::OnceLock;

/// An instruction set that kernels are compiled for.
pub(super) trait Machine {
    /// Whether `a × b + c` is one instruction.
    const FMA: bool;
    /// Bytes of one vector register.
    const VECTOR: usize;
}

/// AVX-512, as in Intel's servers since 2017 and AMD's Zen 4.
pub(super) struct Avx512;
impl Machine for Avx512 {
    const FMA: bool = true;
    const VECTOR: usize = 64;
}

/// AVX2 with FMA, as in nearly every x86 since 2015.
pub(super) struct Avx2;
impl Machine for Avx2 {
    const FMA: bool = true;
    const VECTOR: usize = 32;
}

/// The guaranteed features of the target.
pub(super) struct Portable;
impl Machine for Portable {
    const FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
    const VECTOR: usize = 16;
}

/// The instruction sets by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// See [`Avx512`].
    Avx512,
    /// See [`Avx2`].
    Avx2,
    /// See [`Portable`].
    Portable,
}

/// An environment variable that selects a narrower instruction set than the machine's: `avx2`, or `portable`.
const NARROWER: &str = "AUTOGRAD_VECTORS";

/// The widest allowed instruction set of this machine; detected once.
#[inline]
pub(super) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let wanted = std::env::var(NARROWER);
        match (detect(), wanted.as_deref()) {
            (_, Ok("portable")) => Level::Portable,
            (Level::Avx512, Ok("avx2")) => Level::Avx2,
            (widest, _) => widest,
        }
    })
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    macro_rules! has {
        ($($feature:tt)*) => { $(is_x86_feature_detected!($feature))&&* };
    }
    let avx2 = has!("avx2" "fma" "bmi1" "bmi2" "lzcnt" "popcnt");
    if avx2 && has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl") {
        Level::Avx512
    } else if avx2 {
        Level::Avx2
    } else {
        Level::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Portable
}

/// Compiles a kernel `fn name<S, M>(..)`, generic in the scalar `S` and the instruction set `M`, for every
/// instruction set, and defines a safe function `name<S>` that calls the widest.
macro_rules! vectorised {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident<$S:ident, $M:ident>($($arg:ident: $type:ty),* $(,)?)
        $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name<$S: $crate::kernels::Real>($($arg: $type),*) $(-> $result)? {
            use $crate::kernels::machine;
            #[inline(always)]
            fn kernel<$S: $crate::kernels::Real, $M: machine::Machine>($($arg: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512<$S: $crate::kernels::Real>($($arg: $type),*) $(-> $result)? {
                kernel::<$S, machine::Avx512>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2<$S: $crate::kernels::Real>($($arg: $type),*) $(-> $result)? {
                kernel::<$S, machine::Avx2>($($arg),*)
            }
            #[allow(unsafe_code)] // calling a function whose features are known to be there
            match machine::level() {
                // SAFETY: `level` has found every feature that `avx512` enables.
                #[cfg(target_arch = "x86_64")]
                machine::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: `level` has found every feature that `avx2` enables.
                #[cfg(target_arch = "x86_64")]
                machine::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => kernel::<$S, machine::Portable>($($arg),*),
            }
        }
    )*};
}
pub(super) use vectorised;
