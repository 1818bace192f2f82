//! A short name for a long list of bytes, to tell whether data is the same.

use fnv::FnvHasher;
use std::hash::Hasher;

/// A digest that bytes are added to: FNV-1a of 64 bits (Fowler, Noll & Vo 1991). It tells data that was changed from data
/// that was not; it is no defence against one who wants two files to look alike.
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
    /// That of no bytes.
    fn default() -> Self {
        Self(FnvHasher::default().finish())
    }
}

impl Digest {
    /// With these bytes after those before.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut hasher = FnvHasher::with_key(self.0);
        hasher.write(bytes);
        Self(hasher.finish())
    }

    /// With a text and its length, so that where one ends and the next begins counts too.
    pub fn text(self, text: &str) -> Self {
        self.bytes(&(text.len() as u64).to_le_bytes()).bytes(text.as_bytes())
    }

    /// With these numbers.
    pub fn numbers(self, numbers: &[f64]) -> Self {
        numbers.iter().fold(self, |digest, number| digest.bytes(&number.to_bits().to_le_bytes()))
    }

    /// As sixteen hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}
