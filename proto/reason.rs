//! The reasons that tokend gives in `google.rpc.ErrorInfo`, for programs to
//! match on.
//!
//! Which call answers with which reason and gRPC code is said at each method of
//! the services.

/// The credential's name isn't one: `[a-z0-9][a-z0-9_-]{0,62}`.
pub const INVALID_NAME: &str = "INVALID_NAME";
/// `min_ttl` is negative or out of range.
pub const INVALID_MIN_TTL: &str = "INVALID_MIN_TTL";
/// A report that a token was refused doesn't say which.
pub const INVALID_REJECTION: &str = "INVALID_REJECTION";
/// A newer token that was handed over can't be one, or it isn't said of which it takes
/// the place.
pub const INVALID_ROTATION: &str = "INVALID_ROTATION";
/// No answer of this API brings a newer token, as its provider definition has it.
pub const ROTATION_UNSUPPORTED: &str = "ROTATION_UNSUPPORTED";
/// Another token has taken that one's place already.
pub const TOKEN_SUPERSEDED: &str = "TOKEN_SUPERSEDED";
/// This user hands over newer tokens faster than they are written.
pub const TOO_MANY_ROTATIONS: &str = "TOO_MANY_ROTATIONS";
/// This user has had the token replaced as often as may be.
pub const TOO_MANY_REFRESHES: &str = "TOO_MANY_REFRESHES";
/// A user has as many streams of tokens as may be.
pub const TOO_MANY_WATCHES: &str = "TOO_MANY_WATCHES";
/// A user has as many calls open as may be.
pub const TOO_MANY_CALLS: &str = "TOO_MANY_CALLS";
/// A request didn't come to its end in time.
pub const REQUEST_UNFINISHED: &str = "REQUEST_UNFINISHED";
/// A variable or a secret is missing, unknown or malformed.
pub const INVALID_INPUT: &str = "INVALID_INPUT";
/// A reader is malformed, or no such user or group exists.
pub const INVALID_PRINCIPAL: &str = "INVALID_PRINCIPAL";
/// The socket has no such service or method, or health knows no such name.
pub const SERVICE_UNKNOWN: &str = "SERVICE_UNKNOWN";
/// tokend itself failed; its log says more.
pub const INTERNAL: &str = "INTERNAL";
/// A page token wasn't one of ours.
pub const INVALID_PAGE_TOKEN: &str = "INVALID_PAGE_TOKEN";
/// There is no such credential, or the caller may not read it.
pub const CALLER_NOT_PERMITTED: &str = "CALLER_NOT_PERMITTED";
/// There is no such credential.
pub const CREDENTIAL_NOT_FOUND: &str = "CREDENTIAL_NOT_FOUND";
/// A credential of that name exists already.
pub const CREDENTIAL_EXISTS: &str = "CREDENTIAL_EXISTS";
/// Stored rows of the credential can't be opened.
pub const CREDENTIAL_DAMAGED: &str = "CREDENTIAL_DAMAGED";
/// The provider refused the credential; a person has to act.
pub const CREDENTIAL_REJECTED: &str = "CREDENTIAL_REJECTED";
/// What a person's login left behind isn't accepted any more.
pub const LOGIN_NEEDED: &str = "LOGIN_NEEDED";
/// The provider definition knows no login, or not the one that was asked for.
pub const LOGIN_UNSUPPORTED: &str = "LOGIN_UNSUPPORTED";
/// Someone logs in for this credential already.
pub const LOGIN_UNDER_WAY: &str = "LOGIN_UNDER_WAY";
/// The person said no at the provider.
pub const LOGIN_DECLINED: &str = "LOGIN_DECLINED";
/// The person didn't log in in time.
pub const LOGIN_EXPIRED: &str = "LOGIN_EXPIRED";
/// The credential's provider definition is gone, broken, or doesn't take what is
/// stored.
pub const DEFINITION_UNUSABLE: &str = "DEFINITION_UNUSABLE";
/// A text that declares credentials has mistakes.
pub const INVALID_DECLARATION: &str = "INVALID_DECLARATION";
/// A file declares the credential, and would undo the change.
pub const CREDENTIAL_DECLARED: &str = "CREDENTIAL_DECLARED";
/// There is such a credential of another provider.
pub const CREDENTIAL_OF_ANOTHER_PROVIDER: &str = "CREDENTIAL_OF_ANOTHER_PROVIDER";
/// What a secret is referred to by can't be read.
pub const SECRET_NOT_SUPPLIED: &str = "SECRET_NOT_SUPPLIED";
/// The credential changed since its etag was read.
pub const ETAG_MISMATCH: &str = "ETAG_MISMATCH";
/// The credential went away while the call was under way.
pub const CREDENTIAL_REMOVED: &str = "CREDENTIAL_REMOVED";
/// There is no provider definition of that name.
pub const PROVIDER_NOT_FOUND: &str = "PROVIDER_NOT_FOUND";
/// The reader has no access that could be taken away.
pub const READER_NOT_FOUND: &str = "READER_NOT_FOUND";
/// There is no such user.
pub const USER_NOT_FOUND: &str = "USER_NOT_FOUND";
/// The provider fails, throttles or can't be reached.
pub const PROVIDER_UNAVAILABLE: &str = "PROVIDER_UNAVAILABLE";
/// The issuance limits allow no issuance now.
pub const ISSUANCE_BUDGET_EXHAUSTED: &str = "ISSUANCE_BUDGET_EXHAUSTED";
/// The store was never restored from a backup, so nobody needs to say what was used since.
pub const STORE_NOT_RESTORED: &str = "STORE_NOT_RESTORED";
/// What is to be restored is no backup of a store, isn't whole, or is of a newer tokend.
pub const BACKUP_UNUSABLE: &str = "BACKUP_UNUSABLE";
/// A key source is none, or its key can't be read or made, or doesn't open the store.
pub const KEY_UNUSABLE: &str = "KEY_UNUSABLE";
/// No credential uses such an account at a provider.
pub const ACCOUNT_NOT_FOUND: &str = "ACCOUNT_NOT_FOUND";
/// The provider's tokens never live as long as was asked for.
pub const MIN_TTL_UNSATISFIABLE: &str = "MIN_TTL_UNSATISFIABLE";
/// The provider refused what it was asked for, which isn't a token to be kept.
pub const PROVIDER_REFUSED: &str = "PROVIDER_REFUSED";
/// No token is held, and this needs one.
pub const NO_TOKEN: &str = "NO_TOKEN";
/// The provider definition says no way to revoke the token that is held.
pub const REVOCATION_UNSUPPORTED: &str = "REVOCATION_UNSUPPORTED";
/// The token is served to no one any more, and its provider hasn't ended it yet; tokend
/// goes on trying.
pub const REVOCATION_PENDING: &str = "REVOCATION_PENDING";
/// No such revocation is pending.
pub const REVOCATION_NOT_FOUND: &str = "REVOCATION_NOT_FOUND";
/// As many operations are under way at providers as may be.
pub const TOO_MANY_OPERATIONS: &str = "TOO_MANY_OPERATIONS";
/// A text isn't a provider definition.
pub const INVALID_DEFINITION: &str = "INVALID_DEFINITION";
/// The disk that holds the store is full.
pub const STORE_FULL: &str = "STORE_FULL";
/// The machine lacks what it takes to ask the provider: another thread, say.
pub const MACHINE_EXHAUSTED: &str = "MACHINE_EXHAUSTED";
/// The store can't be written.
pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
/// The store waits for its passphrase, and nothing is served until an operator gives it.
pub const STORE_LOCKED: &str = "STORE_LOCKED";
/// The store is open already, and so no passphrase is looked at.
pub const STORE_NOT_LOCKED: &str = "STORE_NOT_LOCKED";
/// That isn't the store's passphrase.
pub const WRONG_PASSPHRASE: &str = "WRONG_PASSPHRASE";
/// After wrong passphrases no other is tried for a while.
pub const TOO_MANY_PASSPHRASES: &str = "TOO_MANY_PASSPHRASES";
/// The daemon is about to end.
pub const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
