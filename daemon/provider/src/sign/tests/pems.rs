//! Test keys, made by openssl or out of RFCs. The passphrase is `test`.

pub(crate) const RSA: &str = include_str!("rsa.pem");
pub(crate) const RSA_PUBLIC: &str = include_str!("rsa-public.pem");
pub(crate) const RSA_PKCS1: &str = include_str!("rsa-pkcs1.pem");
pub(crate) const RSA_ENCRYPTED: &str = include_str!("rsa-encrypted.pem");
pub(crate) const RSA_PSS: &str = include_str!("rsa-pss.pem");
pub(crate) const RSA_1024: &str = include_str!("rsa-1024.pem");

pub(crate) const P256: &str = include_str!("p256.pem");
pub(crate) const P256_SEC1: &str = include_str!("p256-sec1.pem");
pub(crate) const P256_NO_PUBLIC: &str = include_str!("p256-no-public.pem");
/// With scrypt.
pub(crate) const P256_ENCRYPTED: &str = include_str!("p256-encrypted.pem");
pub(crate) const P256_LEGACY: &str = include_str!("p256-legacy.pem");
pub(crate) const P256_DES3: &str = include_str!("p256-des3.pem");
pub(crate) const P256_PBES1: &str = include_str!("p256-pbes1.pem");

pub(crate) const P384: &str = include_str!("p384.pem");
pub(crate) const P384_SEC1: &str = include_str!("p384-sec1.pem");

/// RFC 7515 §A.2.
pub(crate) const RFC7515_RSA: &str = include_str!("rfc7515-rsa.pem");
/// RFC 7515 §A.3.
pub(crate) const RFC7515_P256: &str = include_str!("rfc7515-p256.pem");
/// RFC 8037 §A.1, in both versions of PKCS#8.
pub(crate) const RFC8037_V1: &str = include_str!("rfc8037-v1.pem");
pub(crate) const RFC8037_V2: &str = include_str!("rfc8037-v2.pem");

/// Of the RSA key.
pub(crate) const CERTIFICATE: &str = include_str!("certificate.pem");
pub(crate) const CERTIFICATE_SHA1: &str =
    "73:5B:8B:5F:35:0F:D1:7C:5D:FA:B2:4A:57:BC:3D:3A:FB:45:23:7F";
pub(crate) const CERTIFICATE_SHA256: &str = "2A:48:15:41:CA:E6:65:54:66:36:46:6C:A4:A8:AC:0F:\
                                             3B:B6:D0:0D:26:7C:BE:AE:47:2F:D6:D7:11:27:D7:50";
