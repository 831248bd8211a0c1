//! The numbers of a private key, in PKCS#1.

use crate::der::{self, Reader};
use crypto_bigint::{BoxedUint, NonZero, Odd};
use zeroize::{Zeroize, Zeroizing};

/// The numbers of a key with two primes, big-endian, without leading zeros.
#[derive(Clone)]
pub struct Numbers {
    /// Modulus.
    pub n: Zeroizing<Vec<u8>>,
    /// Public exponent.
    pub e: Zeroizing<Vec<u8>>,
    /// Private exponent.
    pub d: Zeroizing<Vec<u8>>,
    /// First prime.
    pub p: Zeroizing<Vec<u8>>,
    /// Second prime.
    pub q: Zeroizing<Vec<u8>>,
    /// d mod (p - 1).
    pub dp: Zeroizing<Vec<u8>>,
    /// d mod (q - 1).
    pub dq: Zeroizing<Vec<u8>>,
    /// The inverse of q modulo p.
    pub qinv: Zeroizing<Vec<u8>>,
}

impl Numbers {
    /// Reads `RSAPrivateKey` of PKCS#1.
    pub fn from_pkcs1(der: &[u8]) -> Option<Self> {
        let mut reader = Reader::of_sequence(der).ok()?;
        // Version 0: two primes.
        if !reader.integer().ok()?.is_empty() {
            return None;
        }
        let mut next = || reader.integer().ok().map(|bytes| Zeroizing::new(bytes.to_vec()));
        let numbers = Self {
            n: next()?,
            e: next()?,
            d: next()?,
            p: next()?,
            q: next()?,
            dp: next()?,
            dq: next()?,
            qinv: next()?,
        };
        reader.is_empty().then_some(numbers)
    }

    /// The rest of a key from modulus, exponents and primes; none if they cannot be a key's.
    pub fn from_primes(n: &[u8], e: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> Option<Self> {
        let number = BoxedUint::from_be_slice_vartime;
        let (mut private, mut first, mut second) = (number(d), number(p), number(q));
        let modulus: Odd<BoxedUint> = Option::from(Odd::new(first.clone()))?;
        let less_one = |prime: &BoxedUint| -> Option<NonZero<BoxedUint>> {
            let one = BoxedUint::one_with_precision(prime.bits_precision());
            Option::from(NonZero::new(prime.wrapping_sub(&one)))
        };
        let mut dp = private.rem(&less_one(&first)?);
        let mut dq = private.rem(&less_one(&second)?);
        let reduced = second.rem(modulus.as_nz_ref());
        let mut qinv: BoxedUint = Option::from(reduced.invert_odd_mod(&modulus))?;
        let bytes = |number: &BoxedUint| Zeroizing::new(number.to_be_bytes_trimmed_vartime().to_vec());
        let own = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        let numbers = Self {
            n: own(n),
            e: own(e),
            d: own(d),
            p: own(p),
            q: own(q),
            dp: bytes(&dp),
            dq: bytes(&dq),
            qinv: bytes(&qinv),
        };
        for secret in [&mut private, &mut first, &mut second, &mut dp, &mut dq, &mut qinv] {
            secret.zeroize();
        }
        Some(numbers)
    }

    /// The numbers in PKCS#8.
    pub fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        super::pkcs8(&self.pkcs1())
    }

    /// The numbers as `RSAPrivateKey` of PKCS#1.
    pub fn pkcs1(&self) -> Zeroizing<Vec<u8>> {
        let zero = Zeroizing::new(Vec::new());
        let all = [&zero, &self.n, &self.e, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qinv];
        let all = all.map(|number| der::integer(number));
        let parts: Vec<&[u8]> = all.iter().map(|element| element.as_slice()).collect();
        der::sequence(&parts)
    }
}
