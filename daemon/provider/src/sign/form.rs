//! The forms in which keys are written in DER, told apart by their elements
//! rather than by a label, which is wrong at times.

use pkcs8::AlgorithmIdentifierRef;
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode, Reader, SliceReader, Tag, Tagged};

/// A form, with what it has of use.
pub(super) enum Form<'a> {
    /// PKCS#8, `OneAsymmetricKey` (RFC 5958 §2).
    Pkcs8 {
        algorithm: AlgorithmIdentifierRef<'a>,
        private: &'a [u8],
        public: Option<&'a [u8]>,
    },
    /// PKCS#8, `EncryptedPrivateKeyInfo` (RFC 5958 §3).
    Encrypted,
    /// `RSAPrivateKey` (RFC 8017 §A.1.2).
    Pkcs1,
    /// `ECPrivateKey` (RFC 5915 §3).
    Sec1,
    /// OpenSSL's own for DSA.
    Dsa,
    /// `PFX` (RFC 7292 §4).
    Pkcs12,
    PublicKey,
    Certificate,
}

impl<'a> Form<'a> {
    /// Tells the form; `None` if it is none of a key.
    pub(super) fn of(der: &'a [u8]) -> Option<Self> {
        let elements = elements(der)?;
        let tags: Vec<Tag> = elements.iter().map(Tagged::tag).collect();
        Some(match tags.as_slice() {
            [Tag::Integer, Tag::Sequence, ..] if elements[0].value() == [3] => Self::Pkcs12,
            [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Self::Pkcs8 {
                algorithm: elements[1].decode_as().ok()?,
                private: elements[2].value(),
                public: elements[3..].iter().find_map(|element| public(*element)),
            },
            [Tag::Integer, Tag::OctetString, ..] => Self::Sec1,
            [Tag::Integer, Tag::Integer] => Self::PublicKey,
            tags if tags == [Tag::Integer; 6] => Self::Dsa,
            [Tag::Integer, Tag::Integer, ..] => Self::Pkcs1,
            [Tag::Sequence, Tag::OctetString] => Self::Encrypted,
            [Tag::Sequence, Tag::BitString] => Self::PublicKey,
            [Tag::Sequence, Tag::Sequence, Tag::BitString] => Self::Certificate,
            _ => return None,
        })
    }
}

/// Lists the elements of a sequence; `None` if the bytes aren't just one.
pub(super) fn elements(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut elements = Vec::new();
    let sequence = AnyRef::from_der(der).ok().filter(|any| any.tag() == Tag::Sequence)?;
    let mut reader = SliceReader::new(sequence.value()).ok()?;
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(elements)
}

/// Reads the public key of PKCS#8's second version, whose first byte says that
/// none of the last one's bits are unused.
fn public(element: AnyRef<'_>) -> Option<&[u8]> {
    const PUBLIC_KEY: u8 = 0x81;
    let bytes = (element.tag().octet() == PUBLIC_KEY).then(|| element.value())?;
    bytes.strip_prefix(&[0])
}
