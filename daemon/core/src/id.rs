//! Opaque identifiers of issuances, tokens and revocations.

use std::fmt::{Debug, Display, Formatter};

use crate::Random;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Draws a new id.
            pub fn draw(random: &mut impl Random) -> Self {
                let mut bytes = [0; 16];
                random.fill(&mut bytes);
                Self(bytes)
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl Debug for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                Display::fmt(self, f)
            }
        }
    };
}

opaque_id! {
    /// One run of a provider's dance; the id of its row in the ledger.
    IssuanceId
}

opaque_id! {
    /// One generation of a credential's token. It tells nothing about the value.
    TokenId
}

opaque_id! {
    /// A token that is being ended at its provider.
    RevocationId
}
