// Serves oidc-provider over https and keeps a log of what its token endpoint is
// asked and answers: `GET /log`. The only argument is a JSON file:
//
//   cert, key   PEM files of the server's certificate
//   scope       all scopes, separated by spaces
//   clients     id -> { secret, auth, life }, the life of its tokens in seconds
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import Provider from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const lifeOf = (client) => settings.clients[client.clientId].life;

const configuration = {
  clients: Object.entries(settings.clients).map(([id, { secret, auth }]) => ({
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: auth,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: settings.scope,
  })),
  scopes: settings.scope.split(' '),
  ttl: { ClientCredentials: (_context, _token, client) => lifeOf(client) },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource, client) => ({
        audience: resource,
        scope: settings.scope,
        accessTokenFormat: 'jwt',
        accessTokenTTL: lifeOf(client),
      }),
    },
  },
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
};

// The provider's issuer holds the port, which is known once the server listens.
const server = createServer({
  cert: readFileSync(settings.cert),
  key: readFileSync(settings.key),
});
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  const log = [];
  provider.use(async (context, next) => {
    const time = Date.now() / 1000;
    await next();
    if (context.path === '/token') log.push(entry(time, context));
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/log') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(log));
    } else {
      answer(request, response);
    }
  });
  console.log(`serving ${issuer}`);
});

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
}

function entry(time, context) {
  const [, basic] = /^Basic (.+)$/.exec(context.get('authorization')) ?? [];
  const params = context.oidc?.params ?? {};
  const id = basic ? Buffer.from(basic, 'base64').toString().split(':')[0] : params.client_id;
  return {
    time,
    client: id && decodeURIComponent(id),
    auth: basic ? 'client_secret_basic' : 'client_secret_post',
    status: context.status,
    scope: params.scope,
    access_token: context.body?.access_token ?? null,
    error: context.body?.error ?? null,
  };
}
