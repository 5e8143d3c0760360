//! Finds the private key in a text, whatever it is wrapped in.

use pkcs8::der::Decode;
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::error::KeyError;
use super::form::Form;
use super::kind::Kind;
use super::{decryption, pem};

/// A private key out of its wrappings.
pub(super) struct Private {
    pub(super) kind: Kind,
    /// As its kind has it inside PKCS#8, in DER.
    pub(super) key: Zeroizing<Vec<u8>>,
    /// The public key, if it stands outside of that.
    pub(super) public: Option<Vec<u8>>,
}

impl Private {
    /// Reads PEM or base64, and decrypts it if need be.
    pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let der = pem::private_key(text)?;
        match Form::of(&der).ok_or(KeyError::NotAKey)? {
            Form::Encrypted => {
                let opened = decryption::decrypt(&der, passphrase)?;
                // By chance it can be a sequence, but not a key.
                let form = Form::of(opened.as_bytes()).ok_or(KeyError::WrongPassphrase)?;
                Self::unwrap(&form, opened.as_bytes())
            }
            form => Self::unwrap(&form, &der),
        }
    }

    fn unwrap(form: &Form<'_>, der: &[u8]) -> Result<Self, KeyError> {
        let (kind, key, public) = match form {
            Form::Pkcs8 { algorithm, private, public } => (Kind::of(algorithm), *private, *public),
            Form::Pkcs1 => (Kind::Rsa, der, None),
            Form::Sec1 => (curve(der), der, None),
            Form::Dsa => (Kind::Dsa, der, None),
            Form::Encrypted => return Err(KeyError::UnsupportedEncryption),
            Form::Pkcs12 => return Err(KeyError::Pkcs12),
            Form::PublicKey => return Err(KeyError::PublicKey),
            Form::Certificate => return Err(KeyError::Certificate),
        };
        let key = Zeroizing::new(key.to_vec());
        Ok(Self { kind, key, public: public.map(<[u8]>::to_vec) })
    }
}

/// Tells the kind of an `ECPrivateKey` by itself.
fn curve(der: &[u8]) -> Kind {
    match EcPrivateKey::from_der(der) {
        Ok(key) => {
            key.parameters.and_then(EcParameters::named_curve).map_or(Kind::UnnamedCurve, Kind::on)
        }
        // Parameters that are written out aren't read.
        Err(_) => Kind::OtherCurve,
    }
}
