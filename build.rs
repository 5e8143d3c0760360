//! Compiles the contract with protox, so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 8] = [
    "tokend/v1/admin.proto",
    "tokend/v1/backup.proto",
    "tokend/v1/credential.proto",
    "tokend/v1/event.proto",
    "tokend/v1/provider.proto",
    "tokend/v1/reachability.proto",
    "tokend/v1/revocation.proto",
    "tokend/v1/token.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/tokend");
    let descriptors = protox::compile(FILES, ["proto"])?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("tokend.binpb"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .build_transport(false)
        .btree_map(".")
        // Their derived `Debug` would print secrets; proto/lib.rs has one that doesn't.
        .skip_debug([
            ".tokend.v1.Token",
            ".tokend.v1.Placement",
            ".tokend.v1.ApplyCredentialsRequest",
            ".tokend.v1.CreateCredentialRequest",
            ".tokend.v1.LoginCredentialRequest",
            ".tokend.v1.LoginCredentialResponse.OpenUrl",
            ".tokend.v1.LoginCredentialResponse.EnterCode",
            ".tokend.v1.ReplaceSecretsRequest",
            ".tokend.v1.SubmitRotationRequest",
            ".tokend.v1.RunRemoteOperationResponse",
            ".tokend.v1.TryDefinitionRequest",
            ".tokend.v1.UnlockRequest",
            ".tokend.v1.RotateDataKeyRequest",
            ".tokend.v1.ChangeKeySourceRequest",
            ".tokend.v1.RestoreBegin",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
