//! A short fingerprint of bytes, to tell whether data is unchanged.

use fnv::FnvHasher;
use std::hash::Hasher;

/// An incremental digest: FNV-1a of 64 bits (Fowler, Noll & Vo 1991). It detects accidental changes; it does not
/// resist deliberate collisions.
///
/// ```
/// use rnn::data::Digest;
///
/// assert_eq!(Digest::default().bytes(b"foobar").hex(), "85944171f73967e8"); // a test vector of its authors
/// assert_ne!(Digest::default().text("ab").text("c").hex(), Digest::default().text("a").text("bc").hex());
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "adding returns the new digest"]
pub struct Digest(u64);

impl Default for Digest {
    /// The digest of no bytes.
    fn default() -> Self {
        Self(FnvHasher::default().finish())
    }
}

impl Digest {
    /// Appends bytes.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut hasher = FnvHasher::with_key(self.0);
        hasher.write(bytes);
        Self(hasher.finish())
    }

    /// Appends a text and its length, so that boundaries between texts count.
    pub fn text(self, text: &str) -> Self {
        self.bytes(&(text.len() as u64).to_le_bytes()).bytes(text.as_bytes())
    }

    /// Appends numbers.
    pub fn numbers(self, numbers: &[f64]) -> Self {
        numbers.iter().fold(self, |digest, number| digest.bytes(&number.to_bits().to_le_bytes()))
    }

    /// As sixteen hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}
