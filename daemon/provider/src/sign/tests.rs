//! The keys here are made for these tests or stand in RFCs; nothing else knows them.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::json;

use super::pem::blocks;
use super::{Algorithm, Certificate, Key, KeyEncoding, KeyError, jwt};

mod certificate;
mod pems;

/// The payload of all examples of RFC 7515, encoded.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                       cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn read(algorithm: Algorithm, text: &str) -> Result<Key, KeyError> {
    Key::read(algorithm, text, Some("test"), KeyEncoding::Text)
}

fn verifier(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDsa => &ED25519,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => panic!("{algorithm}"),
    }
}

/// The public key that belongs to the key of a kind, as ring wants it.
fn public(algorithm: Algorithm) -> Vec<u8> {
    let der = |pem: &str| blocks(pem).last().unwrap().decode().unwrap();
    let tail = |pem: &str, length: usize| der(pem)[der(pem).len() - length..].to_vec();
    match algorithm {
        Algorithm::Es256 => tail(pems::P256, 65),
        Algorithm::Es384 => tail(pems::P384, 97),
        Algorithm::EdDsa => tail(pems::RFC8037_V2, 32),
        // What says that it is one of RSA stands before it.
        _ => der(pems::RSA_PUBLIC)[24..].to_vec(),
    }
}

fn signs(algorithm: Algorithm, text: &str) {
    let signature = read(algorithm, text).unwrap().sign(b"message").unwrap();
    let public = UnparsedPublicKey::new(verifier(algorithm), public(algorithm));
    assert_eq!(public.verify(b"message", &signature), Ok(()), "{algorithm} {text}");
    assert!(public.verify(b"massage", &signature).is_err());
}

#[test]
fn the_shared_secret_of_rfc_7515_signs_as_it_says() {
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = Key::read(Algorithm::Hs256, key, None, KeyEncoding::Base64).unwrap();
    let message = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
    assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn the_rsa_key_of_rfc_7515_signs_as_it_says() {
    let key = read(Algorithm::Rs256, pems::RFC7515_RSA).unwrap();
    let message = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
    assert_eq!(
        signature,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W\
         2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS\
         jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv\
         Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
}

#[test]
fn the_ec_key_of_rfc_7515_signs_what_verifies_as_its_example_does() {
    let public = blocks(pems::RFC7515_P256).last().unwrap().decode().unwrap();
    let public = &public[public.len() - 65..];
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
    let message = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}");
    let example = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-\
                   Kg6NU1Q";
    let example = BASE64_URL_SAFE_NO_PAD.decode(example).unwrap();
    assert_eq!(public.verify(message.as_bytes(), &example), Ok(()));

    let key = read(Algorithm::Es256, pems::RFC7515_P256).unwrap();
    let signature = key.sign(message.as_bytes()).unwrap();
    assert_eq!(signature.len(), example.len());
    assert_eq!(public.verify(message.as_bytes(), &signature), Ok(()));
}

#[test]
fn the_ed25519_key_of_rfc_8037_signs_as_it_says() {
    for pem in [pems::RFC8037_V1, pems::RFC8037_V2] {
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = read(Algorithm::EdDsa, pem).unwrap().sign(message).unwrap();
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.encode(signature),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }
}

#[test]
fn keys_are_read_from_every_form_that_people_have() {
    use Algorithm::{Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    for algorithm in [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512] {
        signs(algorithm, pems::RSA);
    }
    for pem in [pems::RSA_PKCS1, pems::RSA_ENCRYPTED] {
        signs(Rs256, pem);
    }
    for pem in [pems::P256, pems::P256_SEC1, pems::P256_ENCRYPTED] {
        signs(Es256, pem);
    }
    for pem in [pems::P384, pems::P384_SEC1] {
        signs(Es384, pem);
    }
}

#[test]
fn keys_survive_what_is_done_to_them_on_the_way() {
    let key = pems::P256;
    let base64: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [
        key.trim_end().to_owned(),
        key.replace('\n', "\r\n"),
        key.replace('\n', "\\n"),
        key.replace('\n', "\\\\n"),
        key.replace('\n', " "),
        format!("\u{feff}{key}"),
        format!(
            "{{\"type\": \"service_account\", \"private_key\": \"{}\"}}",
            key.replace('\n', "\\n")
        ),
        format!("Bag Attributes\n    friendlyName: tokend\n{key}{}", pems::CERTIFICATE),
        format!("{}{key}", pems::CERTIFICATE),
        key.replace("PRIVATE", "EC PRIVATE"),
        base64.clone(),
        base64.replace('+', "-").replace('/', "_").replace('=', ""),
        BASE64_STANDARD.encode(key),
    ] {
        signs(Algorithm::Es256, &text);
    }
}

#[test]
fn an_ec_key_that_names_no_curve_is_on_that_of_its_public_key() {
    // PKCS#8 has the name outside of the key.
    let inner = &blocks(pems::P256).last().unwrap().decode().unwrap()[29..];
    let text = BASE64_STANDARD.encode(inner);
    signs(Algorithm::Es256, &text);
    assert!(matches!(read(Algorithm::Es384, &text), Err(KeyError::Refused(_))));
    let error = read(Algorithm::Rs256, &text).unwrap_err();
    let message = "RS256 needs an RSA key, this is an EC key that doesn't name its curve";
    assert_eq!(error.to_string(), message);
}

#[test]
fn keys_for_rsa_pss_sign_with_nothing_else() {
    assert!(read(Algorithm::Ps256, pems::RSA_PSS).unwrap().sign(b"message").is_ok());
    let error = read(Algorithm::Rs256, pems::RSA_PSS).unwrap_err();
    assert_eq!(error.to_string(), "RS256 needs an RSA key, this is an RSA key for RSA-PSS only");
}

#[test]
fn what_does_not_fit_says_what_it_is() {
    use Algorithm::{EdDsa, Es256, Es384, Rs256};
    for (algorithm, text, message) in [
        (Rs256, pems::P256, "RS256 needs an RSA key, this is an EC key on P-256"),
        (Rs256, pems::P384_SEC1, "RS256 needs an RSA key, this is an EC key on P-384"),
        (Es256, pems::P384, "ES256 needs an EC key on P-256, this is an EC key on P-384"),
        (Es384, pems::RSA_PKCS1, "ES384 needs an EC key on P-384, this is an RSA key"),
        (EdDsa, pems::RSA, "EdDSA needs an Ed25519 key, this is an RSA key"),
        (Es256, pems::RFC8037_V1, "ES256 needs an EC key on P-256, this is an Ed25519 key"),
    ] {
        assert_eq!(read(algorithm, text).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_cannot_sign_says_how_to_mend_it() {
    use Algorithm::{Es256, Rs256};
    let rsa_public: String =
        pems::RSA_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    for (algorithm, text, error) in [
        (Rs256, "", KeyError::Empty),
        (Rs256, " \n", KeyError::Empty),
        (Rs256, "hunter2", KeyError::NotAKey),
        (Rs256, "aHVudGVyMg==", KeyError::NotAKey),
        (Rs256, "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", KeyError::NotAKey),
        (Rs256, &pems::RSA[..500], KeyError::CutOff),
        (Rs256, "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END ", KeyError::OpenSsh),
        (Rs256, "MAcCAQMwADAA", KeyError::Pkcs12),
        (Rs256, pems::RSA_PUBLIC, KeyError::PublicKey),
        (Rs256, &rsa_public, KeyError::PublicKey),
        (Rs256, pems::CERTIFICATE, KeyError::Certificate),
        (Rs256, pems::RSA_1024, KeyError::RsaTooShort { bits: 1024 }),
        (Es256, pems::P256_LEGACY, KeyError::LegacyEncryption),
        (Es256, pems::P256_DES3, KeyError::UnsupportedEncryption),
        (Es256, pems::P256_PBES1, KeyError::UnsupportedEncryption),
        (Es256, pems::P256_NO_PUBLIC, KeyError::NoPublicKey),
    ] {
        assert_eq!(read(algorithm, text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn an_encrypted_key_wants_its_own_passphrase() {
    for (passphrase, error) in [
        (None, KeyError::PassphraseNeeded),
        (Some(""), KeyError::PassphraseNeeded),
        (Some("Test"), KeyError::WrongPassphrase),
    ] {
        for (algorithm, pem) in
            [(Algorithm::Rs256, pems::RSA_ENCRYPTED), (Algorithm::Es256, pems::P256_ENCRYPTED)]
        {
            let read = Key::read(algorithm, pem, passphrase, KeyEncoding::Text);
            assert_eq!(read.unwrap_err(), error, "{algorithm} {passphrase:?}");
        }
    }
}

#[test]
fn a_key_shows_nothing_of_itself() {
    let key = read(Algorithm::Hs256, "hunter2").unwrap();
    assert_eq!(format!("{key:?}"), "Key(HS256, [redacted])");
}

#[test]
fn a_token_has_a_header_in_order_and_is_signed_as_a_whole() {
    let key = read(Algorithm::Hs256, "hunter2").unwrap();
    let decode =
        |part: &str| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    for (parameters, header) in [
        (vec![], r#"{"alg":"HS256","typ":"JWT"}"#),
        (vec![("kid", json!("k1"))], r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#),
        (
            vec![("x5c", json!(["a"])), ("alg", json!("none")), ("typ", json!("at+jwt"))],
            r#"{"alg":"HS256","typ":"at+jwt","x5c":["a"]}"#,
        ),
    ] {
        let own = |(name, value): (&str, _)| (name.to_owned(), value);
        let parameters: Vec<_> = parameters.into_iter().map(own).collect();
        let token = jwt(&key, &parameters, br#"{"iss":"me"}"#).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (head, claims) = message.split_once('.').unwrap();
        assert_eq!((&*decode(head), &*decode(claims)), (header, r#"{"iss":"me"}"#));
        let expected = key.sign(message.as_bytes()).unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(), expected);
    }
}

/// Texts that come far: DER with some bytes changed, with and without armour.
fn damaged() -> impl Strategy<Value = String> {
    // Whatever needs no key derivation, so that there is time for many.
    let pems = [
        pems::RSA,
        pems::RSA_PKCS1,
        pems::P256,
        pems::P256_SEC1,
        pems::P384_SEC1,
        pems::RFC8037_V1,
        pems::RFC8037_V2,
        pems::P256_DES3,
        pems::P256_PBES1,
        pems::CERTIFICATE,
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(pems.to_vec()), changes, any::<bool>()).prop_map(
        |(pem, changes, bare)| {
            let mut der = blocks(pem).last().unwrap().decode().unwrap().to_vec();
            for (index, byte) in changes {
                let index = index.index(der.len());
                der[index] = byte;
            }
            let base64 = BASE64_STANDARD.encode(der);
            if bare {
                base64
            } else {
                format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----")
            }
        },
    )
}

proptest! {
    #[test]
    fn no_text_whatsoever_breaks_the_reader(
        text in prop_oneof![
            any::<String>(),
            "(-----BEGIN (EC |RSA |OPENSSH |ENCRYPTED )?(PRIVATE KEY|CERTIFICATE)-----)?[\\\\nA-Za-z0-9+/=: é-]{0,80}(-----END )?",
            damaged(),
        ],
        algorithm in prop::sample::select(&Algorithm::ALL[..]),
        encoding in prop::sample::select(&[KeyEncoding::Text, KeyEncoding::Base64, KeyEncoding::Hex][..]),
    ) {
        if let Ok(key) = Key::read(algorithm, &text, None, encoding) {
            let _ = key.sign(b"message");
        }
        let _ = Certificate::read(&text);
    }
}
