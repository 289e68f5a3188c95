// SMART Backend Services, for which there is no npm client: axios and jose.
import { randomUUID } from 'node:crypto';
import axios from 'axios';
import { importPKCS8, SignJWT } from 'jose';
import { body, parameters as p, report } from './client.mjs';

const assertion = await new SignJWT({ iss: p.clientId, sub: p.clientId, aud: p.audience, jti: randomUUID() })
  .setProtectedHeader({ alg: p.algorithm, kid: p.keyId, typ: 'JWT' })
  .setIssuedAt()
  .setExpirationTime('300s')
  .sign(await importPKCS8(p.key, p.algorithm));
const form = new URLSearchParams({
  grant_type: 'client_credentials',
  scope: p.scope,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: assertion,
});
const client = axios.create({ validateStatus: () => true });
let answer = await client.post(p.tokenUrl, form);
if (answer.status === 200 && p.replay) answer = await client.post(p.tokenUrl, form);
if (answer.status !== 200) {
  report(answer.status, answer.data.error);
} else {
  const { access_token } = answer.data;
  answer = await client.post(p.url, body, {
    headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' },
    responseType: 'text',
  });
  report(answer.status, answer.data);
}
