// Serves oidc-provider over https. The only argument is a JSON file:
//
//   cert, key     PEM files of the server's certificate
//   authority     a PEM file: who vouches for the clients' certificates
//   scope         all scopes of APIs, separated by spaces
//   resources     all that tokens can be asked for (RFC 8707)
//   clients       id -> { life, code_life, public_key, certificate, metadata }: how many seconds
//                 its tokens and devices' codes live, PEM files, and what it is registered with
//
// `/control/..` is the suite's own, see control.mjs.
import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import Provider, { errors } from 'oidc-provider';

import { Control } from './control.mjs';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const lifeOf = (client) => settings.clients[client.clientId].life;

const configuration = {
  clients: Object.entries(settings.clients).map(([id, client]) => ({
    client_id: id,
    redirect_uris: [],
    response_types: [],
    ...client.metadata,
    ...keysOf(client),
  })),
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_jwt',
    'client_secret_post',
    'private_key_jwt',
    'tls_client_auth',
    'self_signed_tls_client_auth',
    'none',
  ],
  // Not every client knows RFC 7636.
  pkce: { required: (_context, client) => client.clientId !== 'no-pkce' },
  scopes: [...settings.scope.split(' '), 'openid', 'offline_access'],
  rotateRefreshToken: true,
  ttl: {
    AccessToken: (_context, _token, client) => lifeOf(client),
    DeviceCode: (_context, _token, client) => settings.clients[client.clientId].code_life,
    ClientCredentials: (_context, _token, client) => lifeOf(client),
    Grant: 86400,
    RefreshToken: 86400,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      tlsClientAuth: true,
      getCertificate: (context) => context.socket.getPeerX509Certificate(),
      certificateAuthorized: (context) => context.socket.authorized,
      certificateSubjectMatches: (context, _property, expected) =>
        context.socket.getPeerX509Certificate().subjectAltName === `DNS:${expected}`,
    },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource, client) => {
        if (!settings.resources.includes(resource)) throw new errors.InvalidTarget();
        return {
          audience: resource,
          scope: settings.scope,
          accessTokenFormat: 'jwt',
          accessTokenTTL: lifeOf(client),
        };
      },
    },
  },
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
};

// The provider's issuer holds the port, which is known once the server listens.
const server = createServer({
  cert: readFileSync(settings.cert),
  key: readFileSync(settings.key),
  ca: readFileSync(settings.authority),
  // Who has a certificate shows it; whether it will do is the provider's to say.
  requestCert: true,
  rejectUnauthorized: false,
});
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  const control = new Control();
  provider.use((context, next) =>
    context.path === '/token' ? control.around(context, next) : next(),
  );
  provider.on('grant.error', (context, error) => {
    context.state.entry.reused = error.error_detail === 'refresh token already used';
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    const told = await control.answer(new URL(request.url, issuer), provider);
    if (told === undefined) {
      if (control.fails(request, response)) return;
      answer(request, response);
    } else {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(told));
    }
  });
  console.log(`serving ${issuer}`);
});

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
}

function keysOf({ public_key: key, certificate: file }) {
  const certificate = file && new X509Certificate(readFileSync(file));
  const x5c = certificate && { x5c: [certificate.raw.toString('base64')] };
  const known = certificate?.publicKey ?? (key && createPublicKey(readFileSync(key)));
  return known && { jwks: { keys: [{ ...known.export({ format: 'jwk' }), ...x5c }] } };
}
