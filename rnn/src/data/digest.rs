//! A short name for a long list of bytes, to tell whether data is the same.

/// A digest that bytes are added to: FNV-1a of 64 bits (Fowler, Noll & Vo 1991; RFC 9923). It tells changes by accident
/// from none; it is no defence against one who wants two files to look alike.
///
/// ```
/// use rnn::data::Digest;
///
/// assert_eq!(Digest::default().add(b"foobar").hex(), "85944171f73967e8"); // RFC 9923, appendix C
/// assert_ne!(Digest::default().text("ab").text("c").hex(), Digest::default().text("a").text("bc").hex());
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "adding returns the new digest"]
pub struct Digest(u64);

impl Default for Digest {
    /// That of no bytes.
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// With these bytes after those before.
    pub fn add(self, bytes: &[u8]) -> Self {
        let next = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(self.0, next))
    }

    /// With a text and its length, so that where one ends and the next begins counts too.
    pub fn text(self, text: &str) -> Self {
        self.add(&(text.len() as u64).to_le_bytes()).add(text.as_bytes())
    }

    /// With these numbers.
    pub fn numbers(self, numbers: &[f64]) -> Self {
        numbers.iter().fold(self, |digest, number| digest.add(&number.to_bits().to_le_bytes()))
    }

    /// As sixteen hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}
