import axios from 'axios';
import { importPKCS8, SignJWT } from 'jose';
import { body, parameters as p, report } from './client.mjs';

const token = await new SignJWT(p.claims)
  .setProtectedHeader(p.header)
  .setIssuedAt()
  .setExpirationTime(p.life ?? '5m')
  .sign(await importPKCS8(p.key, p.header.alg));
let answer;
for (let n = 0; n < (p.times ?? 1); n++) {
  answer = await axios.post(p.url, body, {
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    validateStatus: () => true, responseType: 'text',
  });
}
report(answer.status, answer.data);
