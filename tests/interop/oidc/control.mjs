// What the suite knows and decides of token requests: a log of them, and a gate at
// which one is held, before the provider looks at it or before its answer goes out.

export class Control {
  #entries = [];
  #gate = null;
  #failure = null;
  #pending = null;
  #open = 0;
  #waiting = [];

  // Stands between a client and the token endpoint.
  async around(context, next) {
    const entry = { number: this.#entries.length, time: Date.now() / 1000, reused: false };
    context.req.body = await whole(context.req);
    Object.assign(entry, asked(context), { status: null, access_token: null });
    this.#entries.push(entry);
    context.state.entry = entry;
    this.#open += 1;
    try {
      if (!(await this.#pass('request', entry))) return context.req.socket.destroy();
      await next();
      const { access_token = null, refresh_token = null, error = null } = context.body ?? {};
      Object.assign(entry, { status: context.status, access_token, refresh_token, error });
      if (!(await this.#pass('answer', entry))) context.req.socket.destroy();
    } finally {
      this.#open -= 1;
      this.#wake();
    }
  }

  // Fails in the provider's place, once, if that is wanted of this path: with a status, or
  // by hanging up.
  fails(request, response) {
    if (this.#failure?.path !== request.url) return false;
    const { status, client } = this.#failure;
    // Others' tokens end while the suite runs, and are refreshed meanwhile.
    const asks = named(request.headers.authorization);
    if (client && asks !== undefined && asks !== client) return false;
    this.#failure = null;
    if (status) {
      response.writeHead(Number(status)).end();
    } else {
      request.socket.destroy();
    }
    return true;
  }

  // Answers what the suite wants to know or have done; undefined if it isn't the suite.
  async answer(url, provider) {
    const query = Object.fromEntries(url.searchParams);
    switch (url.pathname) {
      case '/control/log':
        return this.#entries.slice(Number(query.since ?? 0));
      case '/control/hold':
        this.#gate = query;
        return {};
      case '/control/fail':
        this.#failure = query;
        return {};
      case '/control/held':
        await this.#until(() => this.#pending);
        return {};
      case '/control/release':
        this.#gate = null;
        this.#pending?.(query.drop !== 'true');
        this.#pending = null;
        return {};
      case '/control/idle':
        await this.#until(() => this.#open === 0);
        return {};
      case '/control/grant':
        return { refresh_token: await grant(provider, query.client, query.scope) };
      default:
        return undefined;
    }
  }

  // False if what is asked is never to be done or answered.
  async #pass(point, { client }) {
    if (this.#gate?.point !== point || this.#gate.client !== client) return true;
    this.#gate = null;
    return new Promise((go) => {
      this.#pending = go;
      this.#wake();
    });
  }

  async #until(look) {
    while (!look()) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

async function whole(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

// Returns the client that a head names (RFC 6749, section 2.3.1).
function named(authorization) {
  const [, basic] = /^Basic (.+)$/.exec(authorization ?? '') ?? [];
  return basic && decodeURIComponent(Buffer.from(basic, 'base64').toString().split(':')[0]);
}

function asked(context) {
  const params = Object.fromEntries(new URLSearchParams(context.req.body));
  const basic = named(context.get('authorization'));
  const [head, claims] = (params.client_assertion ?? '..').split('.', 2).map(json);
  return {
    client: basic ?? decodeURIComponent(params.client_id ?? claims.sub ?? ''),
    auth: basic ? 'client_secret_basic' : params.client_secret ? 'client_secret_post' : 'none',
    signed: head.alg ?? null,
    grant: params.grant_type,
    scope: params.scope,
    resource: params.resource,
    sent: params.refresh_token ?? null,
    verified: Boolean(params.code_verifier),
  };
}

function json(part) {
  return JSON.parse(Buffer.from(part, 'base64url').toString() || '{}');
}

// Lets a client act for a user, as a login would.
async function grant(provider, clientId, scope) {
  const grant = new provider.Grant({ accountId: 'ann', clientId });
  grant.addOIDCScope(scope);
  const token = new provider.RefreshToken({
    accountId: 'ann',
    client: await provider.Client.find(clientId),
    grantId: await grant.save(),
    gty: 'authorization_code',
    scope,
  });
  return token.save();
}
