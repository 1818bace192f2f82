//! Packs long tables as text: numbers as bytes, bytes as base64.

/// Whole numbers in variable length: seven bits per byte, low bits first, the eighth bit set on all but the last
/// (LEB128).
#[derive(Default)]
pub(super) struct Numbers(Vec<u8>);

impl Numbers {
    pub fn push(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.0.push(low_bits(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low_bits(number));
    }

    pub fn base64(&self) -> String {
        base64(&self.0)
    }
}

impl FromIterator<usize> for Numbers {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut table = Self::default();
        numbers.into_iter().for_each(|n| table.push(n));
        table
    }
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// Single-precision numbers, little-endian.
pub(super) fn floats(numbers: &[f32]) -> String {
    base64(&numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}

/// Double-precision numbers, little-endian.
pub(super) fn doubles(numbers: &[f64]) -> String {
    base64(&numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}

/// Bytes in the base64 alphabet of RFC 4648, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, k| bits << 8 | u32::from(three.get(k).copied().unwrap_or(0)));
        for k in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * k) & 0x3f) as usize];
            text.push(if k <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        let written = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|s| base64(s.as_bytes()));
        assert_eq!(written, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn leb128_as_in_dwarf() {
        let numbers: Numbers = [2, 127, 128, 129, 12857].into_iter().collect();
        assert_eq!(numbers.0, [2, 127, 0x80, 1, 0x81, 1, 0xb9, 0x64]);
    }
}
