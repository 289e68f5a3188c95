// oauth2-mock-server on loopback. The first line on stdin is its configuration; each further
// line is keys that it signs with, in turn, beside the old ones.
import { createInterface } from 'node:readline';
import { OAuth2Server } from 'oauth2-mock-server';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const { port, keys, audience } = await next();

const server = new OAuth2Server();
const add = async (all) => { for (const key of all) await server.issuer.keys.add(key); };
await add(keys);
// What a test of an application sets: the mock server itself writes neither client nor audience.
server.service.on('beforeTokenSigning', (token, request) => {
  const [id] = Buffer.from(request.headers.authorization.slice('Basic '.length), 'base64').toString().split(':');
  Object.assign(token.payload, { sub: id, client_id: id, aud: request.body.scope === 'messages' ? audience : 'https://other.example/' });
});
await server.start(port, '127.0.0.1');
for (;;) {
  await add((await next()).keys);
  console.log('done');
}
