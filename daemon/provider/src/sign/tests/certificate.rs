//! Certificates are read from whatever people paste.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::pems;
use crate::sign::{Certificate, CertificateError, KeyEncoding};

#[test]
fn a_certificate_has_the_thumbprints_that_openssl_tells() {
    let base64: String = pems::CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [
        pems::CERTIFICATE.to_owned(),
        pems::CERTIFICATE.replace('\n', "\\n"),
        format!("{}subject=CN = tokend test\n{}", pems::RSA, pems::CERTIFICATE),
        base64.clone(),
    ] {
        let certificate = Certificate::read(&text).unwrap();
        let bytes = |hex| KeyEncoding::Hex.decode(hex).unwrap();
        assert_eq!(
            certificate.sha1_thumbprint(),
            BASE64_URL_SAFE_NO_PAD.encode(bytes(pems::CERTIFICATE_SHA1))
        );
        assert_eq!(
            certificate.sha256_thumbprint(),
            BASE64_URL_SAFE_NO_PAD.encode(bytes(pems::CERTIFICATE_SHA256))
        );
        assert_eq!(certificate.chain(), [base64.as_str()]);
    }
}

#[test]
fn a_chain_keeps_its_order() {
    let chain = Certificate::read(&pems::CERTIFICATE.repeat(2)).unwrap();
    assert_eq!(chain.chain().len(), 2);
    let broken = format!("{}{}", pems::CERTIFICATE, &pems::CERTIFICATE[..500]);
    assert_eq!(Certificate::read(&broken), Err(CertificateError::Damaged(2)));
}

#[test]
fn what_is_no_certificate_says_what_it_is() {
    for (text, error) in [
        ("", CertificateError::NotACertificate),
        ("hunter2", CertificateError::NotACertificate),
        (pems::RSA, CertificateError::OnlyAKey),
        ("-----BEGIN CERTIFICATE REQUEST-----\n-----END ", CertificateError::OnlyARequest),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END ", CertificateError::Damaged(1)),
    ] {
        assert_eq!(Certificate::read(text), Err(error), "{text}");
    }
}
