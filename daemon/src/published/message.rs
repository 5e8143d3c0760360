//! A token as the contract writes it.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokend_core::Token;
use tokend_proto::v1;
use tokend_provider::{
    BodyRule, HeaderRule, Placement, Rejection, Rotation, RotationSource, Target,
};

use super::Presentation;
use crate::credential::Grant;

pub(super) fn message(token: &Token<Grant>, presentation: Presentation) -> v1::Token {
    let Presentation { placements, base_url, hosts, rejection, rotations, is_refreshed } =
        presentation;
    let grant = &token.payload;
    let extras = grant.extras.iter();
    v1::Token {
        value: grant.value.expose_secret().to_owned(),
        token_id: token.id.to_string(),
        token_type: grant.token_type.clone().unwrap_or_default(),
        issue_time: Some(timestamp(token.issued_at)),
        expire_time: token.expires_at.map(timestamp),
        refresh_time: token.refresh_at.filter(|_| is_refreshed).map(timestamp),
        extras: extras.map(|(k, v)| (k.clone(), v.expose_secret().to_owned())).collect(),
        placements: placements.into_iter().map(placement).collect(),
        hosts,
        base_url: base_url.unwrap_or_default(),
        rejection: Some(self::rejection(rejection)),
        rotations: rotations.into_iter().map(rotation).collect(),
    }
}

fn rotation(rotation: Rotation) -> v1::RotationRule {
    let source = match rotation.source {
        RotationSource::Header(name) => v1::rotation_rule::Source::Header(name),
        RotationSource::Cookie(name) => v1::rotation_rule::Source::Cookie(name),
        RotationSource::Body(path) => v1::rotation_rule::Source::Body(path),
    };
    v1::RotationRule {
        source: Some(source),
        strip_prefix: rotation.strip_prefix.unwrap_or_default(),
        extra: rotation.extra.unwrap_or_default(),
    }
}

fn rejection(rejection: Rejection) -> v1::Rejection {
    let statuses = |statuses: Vec<u16>| statuses.into_iter().map(u32::from).collect();
    let body = rejection.body.into_iter().map(|rule| {
        let BodyRule { path, values, other_than, contains, statuses: of } = rule;
        v1::rejection::BodyRule { path, values, other_than, contains, statuses: statuses(of) }
    });
    let headers = rejection.headers.into_iter().map(|rule| {
        let HeaderRule { name, contains, statuses: of } = rule;
        v1::rejection::HeaderRule { name, contains, statuses: statuses(of) }
    });
    v1::Rejection {
        statuses: statuses(rejection.statuses),
        body: body.collect(),
        headers: headers.collect(),
    }
}

fn placement(placement: Placement) -> v1::Placement {
    let target = match placement.target {
        Target::Header(name) => v1::placement::Target::Header(name),
        Target::Query(name) => v1::placement::Target::Query(name),
        Target::Cookie(name) => v1::placement::Target::Cookie(name),
        Target::Body(path) => v1::placement::Target::Body(path),
    };
    v1::Placement {
        target: Some(target),
        value: placement.value.expose_secret().to_owned(),
        writes_only: placement.writes_only,
    }
}

/// Returns a point in time as the contract writes it.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}
