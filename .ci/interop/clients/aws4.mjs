import aws4 from 'aws4';
import { body, parameters as p, send } from './client.mjs';

const { accessKeyId, secretAccessKey, sessionToken, region, service } = p;
const signed = aws4.sign(
  { host: p.host, service, region, method: p.method, path: p.target, headers: p.headers, body },
  { accessKeyId, secretAccessKey, sessionToken });
send(signed, body);
