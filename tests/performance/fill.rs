//! A store with many credentials, as the daemon would have written it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokend::{
    clock::SystemClock,
    credential::{Credential, CredentialId, Grant, Supply},
    entropy::SystemEntropy,
    ports::{Account, Clock as _, LONGEST_ISSUANCE, Reply, Reservation, Settled, Write},
    store::{Key, Store},
};
use tokend_core::{Cause, IssuanceId, Policy, Random as _, Token, TokenId, after};

use crate::support::{Place, canary};

/// How large a token is, in bytes.
pub(crate) const SIZE: usize = 400;

/// So many are written together.
const TOGETHER: u32 = 250;

const SECRET: &str = "s3cret-Horse_Battery";

pub(crate) fn name(number: u32) -> String {
    format!("c{number}")
}

/// A store that is written.
pub(crate) struct Filled {
    store: Store<SystemEntropy>,
    clock: SystemClock,
    /// The one whose token is replaced.
    credential: Option<CredentialId>,
}

impl Filled {
    pub(crate) fn new(place: &Place) -> Self {
        let key = Key::read(&place.state().join("key")).unwrap();
        let store = Store::open(&place.state(), None, &key, SystemEntropy::default()).unwrap();
        Self { store, clock: SystemClock::new().unwrap(), credential: None }
    }

    /// Writes so many credentials, each with a token that the ledger tells of.
    pub(crate) fn fill(mut self, url: &str, count: u32) {
        for first in (0..count).step_by(TOGETHER as usize) {
            let numbers = first..count.min(first + TOGETHER);
            let all: Vec<_> = numbers.map(|number| self.credential(url, number)).collect();
            let account = |credential: &Credential| format!("{url}|{}", credential.name);
            let reservations: Vec<_> =
                all.iter().map(|it| self.reservation(it.id, account(it))).collect();
            let tokens: Vec<_> =
                reservations.iter().map(|it| self.token(it.credential, it.issuance)).collect();
            let credentials = all.into_iter().map(|it| Write::Credential(Arc::new(it)));
            self.write(&credentials.collect::<Vec<_>>());
            self.write(&reservations.into_iter().map(Write::Reserve).collect::<Vec<_>>());
            self.write(&tokens);
        }
        self.store.close().unwrap();
    }

    /// Writes what comes before a request, and returns what comes after it.
    pub(crate) fn reserve(&mut self) -> Write {
        let id = self.credential.unwrap_or_else(|| {
            let credential = self.credential("http://127.0.0.1/token", 0);
            let id = credential.id;
            self.write(&[Write::Credential(Arc::new(credential))]);
            id
        });
        self.credential = Some(id);
        let reservation = self.reservation(id, "an account".to_owned());
        let issuance = reservation.issuance;
        self.write(&[Write::Reserve(reservation)]);
        self.token(id, issuance)
    }

    pub(crate) fn store(&mut self, token: Write) {
        self.write(&[token]);
    }

    fn write(&mut self, writes: &[Write]) {
        for result in self.store.write(writes) {
            assert!(matches!(result, Ok(Reply::Done | Reply::Reserved(_))), "{result:?}");
        }
    }

    fn credential(&self, url: &str, number: u32) -> Credential {
        let now = self.clock.now().wall;
        let variables = [("token_url", url.to_owned()), ("client_id", name(number))];
        Credential {
            id: CredentialId(draw()),
            name: name(number).parse().unwrap(),
            provider: "oauth2-client-credentials".to_owned(),
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
            secrets: [("client_secret".to_owned(), canary::real(SECRET).into())].into(),
            supply: Supply::default(),
            readers: Vec::new(),
            submitters: Vec::new(),
            refreshers: Vec::new(),
            policy: Policy::default(),
            limits: Vec::new(),
            declared_in: None,
            revision: 1,
            created_at: now,
            updated_at: now,
        }
    }

    fn reservation(&self, credential: CredentialId, name: String) -> Reservation {
        Reservation {
            issuance: IssuanceId(draw()),
            credential,
            account: Account { name, limits: Vec::new(), sharers: 1 },
            cause: Cause::Absent,
            replacements: 0,
            spends: None,
            within: LONGEST_ISSUANCE,
            at: self.clock.stamp(),
        }
    }

    /// A token that is fresh for hours.
    fn token(&self, credential: CredentialId, issuance: IssuanceId) -> Write {
        let at = self.clock.stamp();
        let later = |hours: u64| Some(after(at.moment.wall, Duration::from_secs(3_600 * hours)));
        let payload = Grant {
            value: format!("{:0SIZE$}", u128::from_be_bytes(draw())).into(),
            token_type: Some("Bearer".to_owned()),
            refresh_token: None,
            extras: BTreeMap::new(),
            secrets: BTreeMap::new(),
            proven: BTreeMap::new(),
        };
        let token = Token {
            id: TokenId(draw()),
            issued_at: at.moment.wall,
            expires_at: later(24),
            refresh_at: later(20),
            taken_up: None,
            refreshes: None,
            session: None,
            payload,
        };
        let settled = Settled {
            at,
            took: Duration::from_millis(100),
            quotas: Vec::new(),
            free: false,
            renewed: true,
        };
        Write::Token { credential, token: Arc::new(token), issuance, settled }
    }
}

fn draw() -> [u8; 16] {
    let mut bytes = [0; 16];
    SystemEntropy::default().fill(&mut bytes);
    bytes
}
