// oidc-provider on loopback. The first line on stdin is its configuration; each
// further line is keys that replace the old ones while it runs.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

URL.parse ??= (...args) => { try { return new URL(...args); } catch { return null; } }; // Node 18 lacks it

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const { port, store, scope, clients, ...first } = await next();

// Tokens survive a restart, as they do in a database.
const stored = new Map(existsSync(store) ? readFileSync(store, 'utf8').trim().split('\n').map((l) => JSON.parse(l)) : []);
class Store {
  constructor(model) { this.model = model; }
  async find(id) { return stored.get(`${this.model}:${id}`); }
  async upsert(id, payload) {
    const entry = [`${this.model}:${id}`, payload];
    stored.set(...entry);
    appendFileSync(store, `${JSON.stringify(entry)}\n`);
  }
}

const provider = (keys) => new Provider(`http://127.0.0.1:${port}`, {
  adapter: Store,
  clients: clients.map((c) => ({ grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope, id_token_signed_response_alg: 'ES384', ...c })),
  jwks: { keys },
  scopes: scope.split(' '),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      // The path of the resource tells the form of its tokens.
      getResourceServerInfo: (ctx, resource) => {
        const form = new URL(resource).pathname.slice(1);
        const token = form === 'opaque' ? { accessTokenFormat: 'opaque' } : { accessTokenFormat: 'jwt', jwt: { sign: { alg: form } } };
        return { scope, audience: resource, accessTokenTTL: 300, ...token };
      },
    },
  },
  enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384'], idTokenSigningAlgValues: ['RS256', 'ES384'] },
  ttl: { ClientCredentials: 300 },
}).callback();

let answer = provider(first.keys);
createServer((request, response) => answer(request, response)).listen(port, '127.0.0.1');
for (;;) {
  answer = provider((await next()).keys);
  console.log('done');
}
